"""Specifications of all hooks, with their arguments, meaning of None, errors and examples.

A plugin is a module (or an object) with functions marked `@hookimpl`, found through the entry-point group
`whisperx_worker`. An implementation takes any subset of its hook's arguments, by name. Values are frozen: answer
with a new one, made with `dataclasses.replace`.

There are three kinds of per-job hooks. A **chain** folds its value through all plugins: those that the operator orders
first, then the others by name (`@hookimpl(tryfirst=True)` and `trylast=True`, and `before=` and `after=` with names of
plugins, are honoured). Where a function of a chain fails, its change is left out, with a warning; with
`@hookimpl(closed=True)` the job fails. An **engine** is one plugin, chosen by name: by the job naming it under
`plugins`, or by a setting; the worker's own is the default. An **observer** measures and changes nothing: its answer is
ignored, and where it raises, that is logged and the job goes on as if nothing had been.

Every per-job hook may take `job` (see `whisperx_worker.Job`: the request, settings, models, `warn`, `progress`) and
`options` (this plugin's own, validated by the schema of `register_options`; None where it has no schema). An engine may
take `next_engine` too: a function that runs the engine which would do this step without this plugin, with the same
arguments or with those that it is given by name (`next_engine(audio=louder)`), and returns its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from whisperx_worker.hooks.marker import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker.contract.request import Request
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import (
        Audio,
        DecodedText,
        Diarization,
        Language,
        Result,
        Segment,
        SpeakerMatch,
        Speech,
        Transcript,
    )
    from whisperx_worker.voices.embeddings import VoiceEmbeddings

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def prepare(request: Request, job: Job, options: object) -> Request | None:
    """Chain. See the request before anything is fetched: set the prompt or hotwords, or refuse the job.

    Called once per job, with the validated request. Answer with a copy: `request.model_copy(update={...})`. Only
    `initial_prompt` and `hotwords` may change. None: unchanged. Raise `JobRefusedError` to refuse the job with one
    sentence. If it raises something else, the request stays as it was and the client gets a warning.

    Example:
        >>> from whisperx_worker import JobRefusedError, Request, hookimpl
        >>> @hookimpl
        ... def prepare(request: Request) -> Request:
        ...     if request.task == "translate":
        ...         raise JobRefusedError("this worker does not translate")
        ...     return request.model_copy(update={"hotwords": "Битрикс, Контур"})
    """


@hookspec
def source(address: str, folder: Path, job: Job, options: object) -> Path | None:
    """Engine. Fetch what an address of a scheme of its own names, such as `s3://`.

    Called for the recording and for each sample with such an address. The marker has the schemes, and this plugin does
    all of them: `@hookimpl(schemes="s3")`. The file must lie in `folder`, which is removed after the stage. Download
    with `fetch_url`, which keeps the worker's limits and connects to public addresses only. None, or raising: the job
    fails with one sentence. Log no address: it may be secret.

    Example:
        >>> from pathlib import Path
        >>> from whisperx_worker import Job, fetch_url, hookimpl
        >>> @hookimpl(schemes="archive")
        ... def source(address: str, folder: Path, job: Job) -> Path:
        ...     return fetch_url(address.replace("archive://", "https://archive.example/"), folder, job)
    """


@hookspec
def pre_audio(audio: Audio, job: Job, options: object) -> Audio | None:
    """Chain. Change the recording before it is transcribed: filter, denoise, cut.

    Called once per job, after decoding. None: unchanged. If it raises or returns something else than an `Audio`, the
    recording stays as it was before this plugin and the client gets a warning. Times in the response are times of the
    audio that this returns, so keep its length. Where channels are read apart (`audio.channel_spans`), another length
    is refused.

    Example:
        >>> from dataclasses import replace
        >>> from whisperx_worker import Audio, hookimpl
        >>> @hookimpl
        ... def pre_audio(audio: Audio) -> Audio:
        ...     return replace(audio, samples=audio.samples - audio.samples.mean())
    """


@hookspec
def detect_speech(audio: Audio, job: Job, options: object, next_engine: Callable[..., Speech]) -> Speech | None:
    """Engine. Find the intervals of speech.

    Called once per job, before `identify_language` and `transcribe`, where the plugin that transcribes takes `speech`,
    or `language` and the request names none. Should honour the request's `vad_onset` and `vad_offset` where it has
    probabilities. Intervals may be of any length. None means that the engine declines, and then, as when it raises, the
    job fails with one sentence.

    Example:
        >>> import numpy as np
        >>> from whisperx_worker import Audio, Span, Speech, hookimpl
        >>> @hookimpl
        ... def detect_speech(audio: Audio) -> Speech:
        ...     loud_s = np.flatnonzero(np.abs(audio.samples) > 0.01) / 16_000
        ...     return Speech((Span(loud_s[0], loud_s[-1]),) if len(loud_s) else ())
    """


@hookspec
def identify_language(
    audio: Audio, speech: Speech, job: Job, options: object, next_engine: Callable[..., Language]
) -> Language | None:
    """Engine. Say which language is spoken.

    Called once per job whose request names no language, after `detect_speech`, where the plugin that transcribes takes
    `language` and `speech` has some interval, be it a faint one. `audio` is the whole recording. Should honour the
    request's `language_detection_min_prob` and `language_detection_max_tries` where it can. None means that the engine
    declines, and then, as when it raises, the job fails with one sentence.

    Example:
        >>> from whisperx_worker import Job, Language, hookimpl
        >>> @hookimpl
        ... def identify_language(job: Job) -> Language:
        ...     return Language("ru", probability=1.0)
    """


@hookspec
def transcribe(  # noqa: PLR0913  a plugin takes those that it needs
    audio: Audio,
    speech: Speech,
    language: Language | None,
    job: Job,
    options: object,
    next_engine: Callable[..., Transcript],
) -> Transcript | None:
    """Engine. Turn speech into segments of text.

    Called once per job. `speech` is what `detect_speech` found. `language` is the request's, else what
    `identify_language` found, and None where the request names none and there is no speech. Both are found only for an
    engine that takes them; one that takes `audio` alone finds speech and language itself. For the next engine they are
    found in the `audio` that it is given, unless they are given too. Must honour the request's decoding fields, and
    should hand each chunk's text to `job.decoded`. None means that the engine declines, and then, as when it raises,
    the job fails with one sentence: no other model steps in.

    Example:
        >>> from whisperx_worker import Language, Segment, Speech, Transcript, hookimpl
        >>> @hookimpl
        ... def transcribe(speech: Speech, language: Language | None) -> Transcript:
        ...     said = tuple(Segment(span.start, span.end, "Алло.") for span in speech.spans)
        ...     return Transcript(said, language.code if language else None, speech=speech.spans)
    """


@hookspec
def decoded(decoded: DecodedText, job: Job, options: object) -> DecodedText | None:
    """Chain. Correct the text of a chunk as it comes from the recogniser, or ask for another try.

    Called by recognisers that support it, such as the worker's own, for each chunk that they decode, from any thread,
    and again for each further try. Only `text` and `retry` may change. With another text, the chunk's times are made
    for that. With `retry` the chunk is decoded again at the next temperature of the request's ladder, until that ends.
    None: unchanged. If it raises or returns something else, the text stays as it was before this plugin and the client
    gets a warning.

    Example:
        >>> from dataclasses import replace
        >>> from whisperx_worker import DecodedText, hookimpl
        >>> @hookimpl
        ... def decoded(decoded: DecodedText) -> DecodedText:
        ...     corrected = decoded.text.replace("ранпод", "RunPod")
        ...     return replace(decoded, text=corrected, retry="субтитры" in corrected.lower())
    """


@hookspec
def align(
    audio: Audio, transcript: Transcript, job: Job, options: object, next_engine: Callable[..., Transcript]
) -> Transcript | None:
    """Engine. Give every word its times.

    Called after `transcribe` when the job asks for `align_output`. `audio` is the whole recording; its method `between`
    cuts a segment out. May split segments, must keep all words. None, or raising: segments keep their times and have no
    words, and the client gets a warning.

    Example:
        >>> from dataclasses import replace
        >>> from whisperx_worker import Segment, Transcript, Word, hookimpl
        >>> def words_of(segment: Segment) -> tuple[Word, ...]:
        ...     return tuple(Word(word, segment.start, segment.end) for word in segment.text.split())
        >>> @hookimpl
        ... def align(transcript: Transcript) -> Transcript:
        ...     return replace(transcript, segments=tuple(replace(s, words=words_of(s)) for s in transcript.segments))
    """


@hookspec
def partial(segments: tuple[Segment, ...], job: Job, options: object) -> tuple[Segment, ...] | None:
    """Chain. Change text that leaves the worker before the other chains have seen it, or beside them.

    Called with pieces of a job's `stream` as they are recognised, from any thread, and with the texts of `debug` that
    are not in the answer. Times and number of segments may change. None: unchanged. If it raises, the segments stay as
    they were and the client gets a warning, or the job fails where this is closed. Where a plugin has a closed
    `post_align` or `finalize` and no `partial`, `stream` is refused, and `debug` has no texts.

    Example:
        >>> import re
        >>> from dataclasses import replace
        >>> from whisperx_worker import Segment, hookimpl
        >>> @hookimpl(closed=True)
        ... def partial(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        ...     return tuple(replace(one, text=re.sub(r"[0-9]", "#", one.text), words=()) for one in segments)
    """


@hookspec
def post_align(transcript: Transcript, audio: Audio, job: Job, options: object) -> Transcript | None:
    """Chain. Change the text or the words: mask, normalise, correct.

    Called once per job, after `align` (also when the job asked for no alignment). Change `text` and `words` together.
    `audio` is what was transcribed. None: unchanged. If it raises or returns something else, the transcript stays as it
    was before this plugin and the client gets a warning.

    Example:
        >>> from dataclasses import replace
        >>> from whisperx_worker import Transcript, hookimpl
        >>> @hookimpl
        ... def post_align(transcript: Transcript) -> Transcript:
        ...     spoken = tuple(s for s in transcript.segments if s.text.strip(" ."))
        ...     return replace(transcript, segments=spoken)
    """


@hookspec
def diarize(audio: Audio, job: Job, options: object, next_engine: Callable[..., Diarization]) -> Diarization | None:
    """Engine. Say who speaks when.

    Called once per job that asks for `diarization`, after `pre_audio`, in a thread of its own at the same time as
    `transcribe`, `align` and `post_align`; `audio` is what they get too. Must honour the request's `num_speakers`,
    `min_speakers` and `max_speakers` where it can: the worker counts the speakers in the answer, and warns where they
    are not as many. Every word gets its speaker from the exclusive turns. Call `job.progress` at each batch: it is what
    stops this thread when the job is cancelled or its text fails.

    None, or raising: the text comes without speakers, and the client gets a warning. So does an empty list of turns.

    Example:
        >>> from whisperx_worker import Audio, Diarization, SpeakerTurn, hookimpl
        >>> @hookimpl
        ... def diarize(audio: Audio) -> Diarization:
        ...     turns = (SpeakerTurn(0.0, audio.duration_s, "SPEAKER_00"),)
        ...     return Diarization(turns, exclusive=turns, embeddings={})
    """


@hookspec
def post_diarize(diarization: Diarization, audio: Audio, job: Job, options: object) -> Diarization | None:
    """Chain. Change who speaks when: join speakers, drop short turns, give them other labels.

    Called once per job with `diarization`, after `diarize`, beside the text; `audio` is what was diarized. Change
    `turns`, `exclusive` and the keys of `embeddings` together. None: unchanged. If it raises or returns something else,
    the turns stay as they were before this plugin and the client gets a warning.

    Example:
        >>> from dataclasses import replace
        >>> from whisperx_worker import Diarization, hookimpl
        >>> @hookimpl
        ... def post_diarize(diarization: Diarization) -> Diarization:
        ...     return replace(diarization, turns=tuple(t for t in diarization.turns if t.end - t.start > 0.2))
    """


@hookspec
def embed_voices(
    sounds: Sequence[NDArray[np.float32]], job: Job, options: object, next_engine: Callable[..., VoiceEmbeddings]
) -> VoiceEmbeddings | None:
    """Engine. Turn sounds of one voice each into vectors that are near where the voice is the same.

    Called by `job.embed_voices`, as the worker's own `verify_speakers` does for samples, speakers and segments: several
    times in a job, also with no sounds, to learn the model. `sounds` have shape (n,), float32, mono, at 16,000 Hz; do
    not write into them. Answer with one row for each, of length 1, or NaN where a sound is too short or silent. `model`
    is a name without a path, `revision` changes with the weights, such as `file_revision` of their files, and
    `threshold` is the cosine from which two sounds are one voice. Call `job.progress("embed_voices", part)` at each
    batch. None, or raising: who called gets a `PluginError`; `verify_speakers` then names no speakers, with a warning.

    Example:
        >>> import numpy as np
        >>> from whisperx_worker import VoiceEmbeddings, hookimpl
        >>> @hookimpl
        ... def embed_voices(sounds: list[np.ndarray]) -> VoiceEmbeddings:
        ...     power = np.array([np.abs(np.fft.rfft(sound, 126)) for sound in sounds]).reshape(-1, 64) + 1e-6
        ...     vectors = power / np.linalg.norm(power, axis=1, keepdims=True)
        ...     return VoiceEmbeddings(vectors.astype(np.float32), "spectrum", revision="1", threshold=0.9)
    """


@hookspec
def verify_speakers(  # noqa: PLR0913  a plugin takes those that it needs
    audio: Audio,
    transcript: Transcript,
    diarization: Diarization | None,
    job: Job,
    options: object,
    next_engine: Callable[..., Sequence[SpeakerMatch]],
) -> Sequence[SpeakerMatch] | None:
    """Engine. Say which enrolled person each speaker is, and how sure that is.

    Called once per job that wants names or `return_voiceprints`, after `diarize` and `post_align`, unless there is
    neither text nor a turn. `audio` is the whole recording. `transcript` has speakers on its words, and its segments
    are cut where the speaker changes. `diarization` is None where the job asked for none, or no turn was found.
    `job.request.reference_voices` has the people with their voiceprints, read, and their samples, of which
    `read_sample` gives the audio; `job.embed_voices` embeds sounds by the speaker model of the job.

    Answer with one `SpeakerMatch` for each diarized speaker (`speaker` is its label), one for each segment (`segment`
    is its index in `transcript`), or both. A speaker's name holds for all of their segments; a segment's own match
    gives it its own similarity where both agree on the name, and its name where its speaker has no match. A job with
    `return_voiceprints` wants the `voiceprint` of each speaker (`write_voiceprint`), also where nobody is to be named.

    None, raising, or a similarity that is no number: speakers have no names, and the client gets a warning.

    Example:
        >>> from whisperx_worker import Diarization, SpeakerMatch, hookimpl
        >>> @hookimpl
        ... def verify_speakers(diarization: Diarization | None) -> list[SpeakerMatch]:
        ...     labels = {turn.speaker for turn in diarization.turns} if diarization else set()
        ...     return [SpeakerMatch(label, "unknown", 0.0) for label in sorted(labels)]
    """


@hookspec
def finalize(result: Result, job: Job, options: object) -> Result | None:
    """Chain. The last change before outputs are written, and the only place that sees speakers and text together.

    None: unchanged. If it raises or returns something else, the result stays as it was before this plugin and the
    client gets a warning.

    Example:
        >>> from dataclasses import replace
        >>> from whisperx_worker import Result, hookimpl
        >>> @hookimpl
        ... def finalize(result: Result) -> Result:
        ...     named = tuple(match for match in result.speakers if match.speaker_id != "unknown")
        ...     return replace(result, speakers=named)
    """


@hookspec
def respond(response: dict[str, Any], job: Job, options: object) -> dict[str, Any] | None:
    """Chain. Change the whole response, last: all that the client gets but `logs`.

    Called once per job that succeeds, after the outputs are written; the command line writes files and not this. Each
    plugin gets a copy. The answer must be JSON and have `segments`, `detected_language` and `warnings`. None:
    unchanged. If it raises or returns something else, the response stays as it was before this plugin, with a warning.

    Example:
        >>> from typing import Any
        >>> from whisperx_worker import hookimpl
        >>> @hookimpl
        ... def respond(response: dict[str, Any]) -> dict[str, Any]:
        ...     return {**response, "words": sum(len(one["text"].split()) for one in response["segments"])}
    """
