"""Check of what plugins return: types, finite and ordered times, text against words. Pure.

A plugin may put anything into a value, whatever its type says: so the checks take Any, and look for what cannot be.
The types of parts are compared exactly: a subclass may answer a check in one way and the next stage in another.

Example:
    >>> find_fault(Transcript((Segment(0.0, math.nan, "Алло."),), "ru"))
    'segment 0 has end nan, which is no time'
    >>> find_fault(Transcript((Segment(0.0, 1.0, "***", (Word("89161234567", 0.0, 1.0),)),), "ru"))
    'segment 0 has another text than its words'
"""

# mypy: disable-error-code="unreachable"
# ruff: noqa: ANN401

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.contract.request import Request
from whisperx_worker.types import (
    Audio,
    DecodedText,
    Diarization,
    Language,
    Result,
    Segment,
    Span,
    SpeakerMatch,
    SpeakerTurn,
    Speech,
    Transcript,
    Word,
)
from whisperx_worker.voices.calibration import Calibration
from whisperx_worker.voices.embeddings import VoiceEmbeddings

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGEABLE_FIELDS = ("initial_prompt", "hotwords")
"""Fields of the request that `prepare` may change."""
_LENGTH_TOLERANCE = 1e-3
"""Distance of the length of an embedding from 1."""
_SEGMENT_NUMBERS = ("similarity", "avg_logprob", "no_speech_prob", "compression_ratio", "temperature")


def find_fault(value: object, before: object = None) -> str | None:
    """Return what is wrong with a value, as the end of a sentence; None where nothing is.

    Args:
        value: Value of a hook. One of a type that flows through no hook is right.
        before: Value that the plugin got: segments that it did not change are not checked again.
    """
    check = next((check for kind, check in _CHECKS.items() if isinstance(value, kind)), None)
    return next(check(value, before), None) if check else None


def _audio(audio: Any, before: object) -> Iterator[str]:
    samples = audio.samples
    yield from _channel_spans(audio, before)
    if isinstance(before, Audio) and samples is before.samples:
        return
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32 or samples.ndim != 1:
        yield f"its samples are {_described(samples)} and not one channel of float32"
    elif not len(samples):
        yield "it has no samples"
    elif not math.isfinite(np.sum(samples, dtype=np.float64)):
        yield "not all of its samples are numbers"


def _channel_spans(audio: Any, before: object) -> Iterator[str]:
    """Check that channels that are read apart stay where they are."""
    spans = audio.channel_spans
    if not isinstance(before, Audio):
        if not _all_of(Span, spans) or not all(one.end <= other.start for one, other in pairwise(spans)):
            yield "its channel_spans are no tuple of Spans in time order"
    elif before.channel_spans and np.shape(audio.samples) != before.samples.shape:
        yield "it has another length, which it must keep where channels are read apart"
    elif spans != before.channel_spans:
        yield "its channel_spans are changed"


def with_channels(audio: Audio, before: Audio) -> Audio:
    """Return audio with the channels of the audio before, where it has none and the same length."""
    is_bare = before.channel_spans and type(audio.channel_spans) is tuple and not audio.channel_spans
    if not is_bare or np.shape(audio.samples) != before.samples.shape:
        return audio
    return Audio(audio.samples, before.channel_spans)


def _speech(speech: Any, _before: object) -> Iterator[str]:
    for name in ("spans", "faint"):
        spans = getattr(speech, name)
        if not _all_of(Span, spans):
            yield f"its {name} are no tuple of Spans"
            return
        yield from (f"{name}[{place}] {fault}" for place, span in enumerate(spans) for fault in _times(span))
        if not all(one.end <= other.start for one, other in pairwise(spans)):
            yield f"its {name} are not in time order, or overlap"
    if (frames := speech.probabilities) is None:
        return
    if not isinstance(frames, np.ndarray) or frames.dtype != np.float32 or frames.ndim != 1:
        yield f"its probabilities are {_described(frames)} and not one for each frame in float32"
    elif not np.all((frames >= 0) & (frames <= 1)):
        yield "not all of its probabilities are in 0..1"
    if not is_time(speech.frame_s) or not speech.frame_s:
        yield f"its frame_s is {speech.frame_s!r}, which is no length of a frame"


def _language(language: Any, _before: object) -> Iterator[str]:
    if not isinstance(language.code, str) or not language.code:
        yield f"its code is {language.code!r}, which is no language"
    if language.probability is not None and not (is_time(language.probability) and language.probability <= 1):
        yield f"its probability is {language.probability!r}, which is not in 0..1"


def _decoded(decoded: Any, before: object) -> Iterator[str]:
    """Check that only what `decoded` may change is another value."""
    if not isinstance(decoded.text, str):
        yield f"its text is {_kind(decoded.text)}"
    if not isinstance(decoded.retry, bool):
        yield f"its retry is {decoded.retry!r}, which is neither true nor false"
    for name in ("span", "avg_logprob", "temperature"):
        if isinstance(before, DecodedText) and getattr(decoded, name) != getattr(before, name):
            yield f"{name} is changed, which decoded may not do"


def _transcript(transcript: Any, before: object) -> Iterator[str]:
    yield from _segments(transcript.segments, getattr(before, "segments", ()))
    if not isinstance(transcript.language, str | None):
        yield f"its language is {_kind(transcript.language)}"
    yield from _numbers("it", transcript, ("language_probability",))
    if not _all_of(Span, transcript.speech) or not _are_ordered(transcript.speech):
        yield "its speech is no tuple of Spans in time order"


def _segments(segments: object, before: object = ()) -> Iterator[str]:
    if type(segments) is not tuple:
        yield f"its segments are {_kind(segments)} and no tuple"
        return
    known = {id(one) for one in before} if isinstance(before, Collection) else set()
    for place, segment in enumerate(segments):
        if id(segment) not in known:
            yield from (f"segment {place} {fault}" for fault in _segment(segment))
    if not all(one.start <= other.start for one, other in pairwise(segments)):
        yield "its segments are not in time order"


def _segment(segment: Any) -> Iterator[str]:
    if type(segment) is not Segment:
        yield f"is {_kind(segment)} and no Segment"
        return
    yield from _times(segment)
    if not isinstance(segment.text, str):
        yield f"has a text that is {_kind(segment.text)}"
    if not (isinstance(segment.speaker, str | None) and isinstance(segment.speaker_id, str | None)):
        yield "has a speaker that is no text"
    yield from _flags(segment, "speaker_guessed", "doubtful")
    yield from _numbers("", segment, _SEGMENT_NUMBERS)
    if not _all_of(Word, segment.words):
        yield "has words that are no tuple of Words"
        return
    for number, word in enumerate(segment.words):
        yield from (f"has a word {number} that {fault}" for fault in _word(word))
    if segment.words and not _is_text_of(segment.text, segment.words):
        yield "has another text than its words"


def _word(word: Any) -> Iterator[str]:
    if not isinstance(word.word, str):
        yield f"is {_kind(word.word)}"
    start, end = word.start, word.end
    if start is not None and end is not None:
        yield from _times(word)
    elif not (is_time(start or 0.0) and is_time(end or 0.0)):
        yield "has a start or end that is no time"
    yield from _numbers("", word, ("score",))
    if not isinstance(word.speaker, str | None):
        yield "has a speaker that is no text"
    yield from _flags(word, "speaker_guessed")


def _diarization(diarization: Any, _before: object) -> Iterator[str]:
    for name in ("turns", "exclusive"):
        turns = getattr(diarization, name)
        if not _all_of(SpeakerTurn, turns):
            yield f"its {name} are no tuple of SpeakerTurns"
            return
        yield from (f"{name}[{place}] {fault}" for place, turn in enumerate(turns) for fault in _turn(turn))
        if not _are_ordered(turns):
            yield f"its {name} are not in time order"
    if not isinstance(diarization.embeddings, Mapping):
        yield f"its embeddings are {_kind(diarization.embeddings)} and no mapping"


def _turn(turn: Any) -> Iterator[str]:
    yield from _times(turn)
    if not isinstance(turn.speaker, str):
        yield f"has a speaker that is {_kind(turn.speaker)}"


def _voice_embeddings(embeddings: Any, sounds: object) -> Iterator[str]:
    vectors = embeddings.vectors
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.ndim != 2:  # noqa: PLR2004
        yield f"its vectors are {_described(vectors)} and not one row of float32 for each sound"
        return
    if isinstance(sounds, Sequence) and len(sounds) != len(vectors):
        yield f"there are {len(vectors)} vectors for {len(sounds)} sounds"
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = ~np.isnan(lengths) & ~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE)
    if wrong.any():
        yield f"vector {int(wrong.argmax())} has length {lengths[wrong.argmax()]:.4g}, which is not 1"
    for name in ("model", "revision"):
        if not isinstance(text := getattr(embeddings, name), str) or not text or "/" in text[:1]:
            yield f"its {name} is {text!r}, which is no name"
    if not (_is_number(embeddings.threshold) and -1 <= embeddings.threshold <= 1):
        yield f"its threshold is {embeddings.threshold!r}, which is no cosine"
    yield from _calibration(embeddings)


def _calibration(embeddings: Any) -> Iterator[str]:
    calibration = embeddings.calibration
    if calibration is None:
        return
    if type(calibration) is not Calibration:
        yield f"its calibration is {_kind(calibration)} and no Calibration"
    elif calibration.revision != embeddings.revision:
        yield "its calibration is of another revision of the model"
    elif np.isfinite(embeddings.vectors).any() and calibration.cohort.shape[1:] != embeddings.vectors.shape[1:]:
        yield "its calibration has a cohort of another dimension"


def _matches(matches: Any, _before: object) -> Iterator[str]:
    for place, match in enumerate(matches):
        if type(match) is not SpeakerMatch:
            yield f"item {place} is {_kind(match)} and no SpeakerMatch"
            continue
        if not (isinstance(match.speaker, str | None) and isinstance(match.speaker_id, str | None)):
            yield f"item {place} has a name that is no text"
        if (match.speaker_id is None) != (match.similarity is None):
            yield f"item {place} has a name without a similarity, or the other way round"
        yield from _numbers(f"item {place}", match, ("similarity", "runner_up", "speech_s", "false_name_probability"))
        if not isinstance(match.voiceprint, str | None):
            yield f"item {place} has a voiceprint that is {_kind(match.voiceprint)}"


def _result(result: Any, before: object) -> Iterator[str]:
    if type(result.transcript) is not Transcript:
        yield f"its transcript is {_kind(result.transcript)}"
        return
    yield from _transcript(result.transcript, getattr(before, "transcript", None))
    if not (_all_of(SpeakerMatch, result.speakers) and _all_of(SpeakerTurn, result.turns)):
        yield "its speakers or turns are no tuple of SpeakerMatches or SpeakerTurns"
        return
    yield from _matches(result.speakers, None)
    yield from (f"turns[{place}] {fault}" for place, turn in enumerate(result.turns) for fault in _turn(turn))
    if not is_time(result.duration_s):
        yield f"its duration_s is {result.duration_s!r}"


def _items(items: Sequence[object], before: object) -> Iterator[str]:
    """Check the answer to `partial`, which is about segments, or to `verify_speakers`."""
    is_text = isinstance(before, tuple) and any(isinstance(one, Segment) for one in before)
    yield from _segments(items) if is_text else _matches(items, None)


def _request(request: Any, before: object) -> Iterator[str]:
    """Check that only what `prepare` may change is another value, and of the field's own kind."""
    for name in Request.model_fields:
        value, old = getattr(request, name, None), getattr(before, name, None)
        if name in CHANGEABLE_FIELDS:
            if not isinstance(value, str | None):
                yield f"{name} is {_kind(value)} and no text"
        elif value != old:
            yield f"{name} is changed, which prepare may not do"


def _response(response: Any, _before: object) -> Iterator[str]:
    if missing := [name for name in ("segments", "detected_language", "warnings") if name not in response]:
        yield f"{missing[0]} is missing"
    elif not (type(response["segments"]) is list and type(response["warnings"]) is list):
        yield "segments or warnings are no list"
    if "error" in response:
        yield "there is an error; raise JobRefusedError to fail the job"
    try:
        json.dumps(response, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        yield f"not all is JSON ({error})"


_CHECKS: Mapping[type, Callable[[Any, object], Iterator[str]]] = {
    Audio: _audio,
    Speech: _speech,
    Language: _language,
    DecodedText: _decoded,
    Transcript: _transcript,
    Diarization: _diarization,
    VoiceEmbeddings: _voice_embeddings,
    Result: _result,
    Request: _request,
    dict: _response,
    Sequence: _items,
}
"""Checks by type, each of which yields the faults of a value and may stop at the first."""


def is_time(value: Any) -> bool:
    """Return whether a value is a time in a recording."""
    return _is_number(value) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _times(value: Any) -> Iterator[str]:
    for name in ("start", "end"):
        if not is_time(time := getattr(value, name)):
            yield f"has {name} {time!r}, which is no time"
            return
    if value.start > value.end:
        yield f"ends at {value.end} before it starts at {value.start}"


def _numbers(owner: str, value: object, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        number = getattr(value, name)
        if number is not None and not _is_number(number):
            yield f"{owner} has {name} {number!r}, which is no number".lstrip()


def _flags(value: object, *names: str) -> Iterator[str]:
    for name in names:
        if not isinstance(flag := getattr(value, name), bool):
            yield f"has {name} {flag!r}, which is neither True nor False"


def _is_text_of(text: str, words: Sequence[Word]) -> bool:
    """Return whether a text and its words have the same letters and digits, in order."""
    spoken = "".join(word.word for word in words)
    return "".join(text.split()) == "".join(spoken.split()) or _letters(text) == _letters(spoken)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _all_of(kind: type, values: object) -> bool:
    return type(values) is tuple and all(type(one) is kind for one in values)


def _are_ordered(values: Sequence[Any]) -> bool:
    return all(one.start <= other.start for one, other in pairwise(values))


def _kind(value: object) -> str:
    return type(value).__name__


def _described(samples: object) -> str:
    return f"{samples.dtype} of shape {samples.shape}" if isinstance(samples, np.ndarray) else _kind(samples)
