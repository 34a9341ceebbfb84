"""Which enrolled person speaks: embeddings of a SpeechBrain encoder, compared by their cosine."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from whisperx_worker import (
    SAMPLE_RATE_HZ,
    ModelName,
    ModelRequirement,
    OomBackoff,
    Span,
    SpeakerMatch,
    WorkerError,
    find_model,
    folder_mb,
    hookimpl,
    intervals,
    torch_device,
    torch_stage,
)
from whisperx_worker_plugins.speaker_verification import encoder as encoders
from whisperx_worker_plugins.speaker_verification.bandwidth import is_wide
from whisperx_worker_plugins.speaker_verification.candidates import Candidates, Threshold
from whisperx_worker_plugins.speaker_verification.enrolment import CHECKED_PIECE_S, enrol
from whisperx_worker_plugins.speaker_verification.scores import (
    UNKNOWN,
    name_each,
    name_once,
    second_voice,
    similarities,
)
from whisperx_worker_plugins.speaker_verification.speech import solo_speech

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from pydantic import SecretStr

    from whisperx_worker import Audio, Diarization, Job, ModelCache, Settings, Transcript
    from whisperx_worker_plugins.speaker_verification.encoder import Encoder
    from whisperx_worker_plugins.speaker_verification.enrolment import Person
    from whisperx_worker_plugins.speaker_verification.scores import Naming


MIN_PIECES_OF_TWO = 4
"""Pieces without which two voices cannot be told from one: `second_voice` needs two of each."""
MAX_PLACES = 5
"""So many segments are named in one warning."""
MAX_SOUND = 120 * SAMPLE_RATE_HZ
"""Samples that say what kind of recording it is."""


class Options(BaseModel):
    """What a job may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: ModelName | None = None
    """Speaker model in place of the operator's."""
    allow_same_person: bool = False
    """Whether two diarized speakers may be the same enrolled person."""


@dataclass(frozen=True, eq=False)
class Voice:
    """A diarized speaker, or a segment, and where it can be heard."""

    speaker: str | None
    segment: int | None
    spans: list[Span]
    """In time order, without overlaps."""

    def sound(self, audio: Audio) -> NDArray[np.float32]:
        """All of its speech, joined, shape (n,)."""
        parts = [audio.between(span.start, span.end) for span in self.spans]
        return parts[0] if len(parts) == 1 else np.concatenate([audio.samples[:0], *parts])


@hookimpl
def register_options() -> type[Options]:
    """Jobs may name their speaker model, and let two speakers have one name."""
    return Options


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """The operator's speaker model."""
    files = ("hyperparams.yaml", "embedding_model.ckpt")
    return [
        ModelRequirement(
            settings.speaker_model,
            "verify_speakers",
            files,
            libraries=("speechbrain", "torch"),
            imports=encoders.IMPORTS,
        )
    ]


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the speaker model."""
    with borrowed(settings.speaker_model, models, settings, None):
        pass


@hookimpl
def verify_speakers(
    audio: Audio, transcript: Transcript, diarization: Diarization | None, job: Job, options: Options | None
) -> list[SpeakerMatch]:
    """Compare every diarized speaker by all of their clean speech, and every segment by its own, with the enrolled.

    What is too short to compare has no match of its own: a segment then has its speaker's.

    Raises:
        WorkerError: When there is no model, or nobody can be enrolled.
    """
    name = (options.model if options else None) or job.settings.speaker_model
    with borrowed(name, job.models, job.settings, job.request.huggingface_access_token) as encoder:
        people = enrol(job, encoder)
        if not people:
            raise WorkerError("none of the speaker samples can be used")
        return _matches(audio, voices_of(transcript, diarization), people, encoder, job, options)


def _matches(  # noqa: PLR0913  what is compared, and how
    audio: Audio, voices: Sequence[Voice], people: Sequence[Person], encoder: Encoder, job: Job, options: Options | None
) -> list[SpeakerMatch]:
    """What each voice is called that can be compared."""
    embeddings = encoder.embed(
        [voice.sound(audio) for voice in voices],
        job.request.batch_size,
        OomBackoff(job, "verify_speakers"),
        lambda done: job.progress("verify_speakers", 0.5 + 0.5 * done),
    )
    compared = np.asarray(np.isfinite(embeddings).all(axis=1))
    _warn_of_mute(voices, compared, job)
    if not compared.any():
        return []
    heard = [voice for voice, is_compared in zip(voices, compared, strict=True) if is_compared]
    scores = similarities(embeddings[compared], np.stack([person.embedding for person in people]))
    given = job.request.speaker_threshold
    own = Threshold(encoder.threshold, encoder.threshold_source)
    threshold = own if given is None else Threshold(given, "job")
    first_segment = sum(voice.segment is None for voice in heard)
    _tell_candidates(heard[: first_segment or None], scores[: first_segment or None], people, threshold, audio, job)
    name_speakers = name_each if options and options.allow_same_person else name_once
    namings = [
        *name_speakers(scores[:first_segment], threshold.value), *name_each(scores[first_segment:], threshold.value)
    ]  # fmt: skip
    named = list(zip(heard, namings, strict=True))
    _warn_of_taken(named[:first_segment], people, job)
    _warn_of_shared(named, audio, encoder, job)
    return [_match(voice, naming, people) for voice, naming in named]


def voices_of(transcript: Transcript, diarization: Diarization | None) -> list[Voice]:
    """Every diarized speaker, then every segment, each with where it can be heard alone.

    A speaker who is always talked over is heard by their exclusive turns.
    """
    alone = solo_speech(diarization.turns) if diarization else {}
    exclusive = solo_speech(diarization.exclusive) if diarization else {}
    clean = {
        speaker: heard if intervals.total_s(heard) >= encoders.SHORTEST_S else exclusive.get(speaker, [])
        for speaker, heard in alone.items()
    }
    voices = [Voice(speaker, None, heard) for speaker, heard in clean.items()]
    for number, segment in enumerate(transcript.segments):
        whole = [Span(segment.start, segment.end)]
        alone_there = clean.get(segment.speaker or "", whole)
        voices.append(Voice(segment.speaker, number, intervals.within(alone_there, segment.start, segment.end)))
    return voices


def _warn_of_mute(voices: Sequence[Voice], compared: NDArray[np.bool_], job: Job) -> None:
    """Name the speakers who could not be compared; a segment has its speaker's name."""
    for voice, is_compared in zip(voices, compared, strict=True):
        if voice.segment is None and not is_compared:
            job.warn(
                f"{voice.speaker} has {intervals.total_s(voice.spans):.1f} s of clean speech, too little to compare"
            )


def _tell_candidates(  # noqa: PLR0913  what was compared
    voices: Sequence[Voice],
    scores: NDArray[np.float64],
    people: Sequence[Person],
    threshold: Threshold,
    audio: Audio,
    job: Job,
) -> None:
    """Say who was nearest to each speaker, or to each segment where no speaker is known."""
    labels = [(voice.speaker, voice.segment) for voice in voices]
    candidates = Candidates(labels, [person.name for person in people], scores, threshold)
    candidates.note(job)
    longest = max(voices, key=lambda voice: intervals.total_s(voice.spans))
    sound = longest.sound(audio)[:MAX_SOUND]
    candidates.explain_nobody(job, recording=is_wide(sound), samples=[person.is_wide for person in people])


def _warn_of_shared(named: Sequence[tuple[Voice, Naming]], audio: Audio, encoder: Encoder, job: Job) -> None:
    """Say which segments have one name though two people speak in them, where no turns say who does.

    Long ones only: a second voice needs two pieces of its own.
    """
    shared = []
    for voice, naming in named:
        sound = voice.sound(audio)
        count = round(len(sound) / SAMPLE_RATE_HZ / CHECKED_PIECE_S)
        if voice.speaker is not None or naming.person is None or count < MIN_PIECES_OF_TWO:
            continue
        job.stop_if_cancelled()
        pieces = encoder.embed(np.array_split(sound, count))
        if second_voice(pieces[np.isfinite(pieces).all(axis=1)], encoder.threshold):
            shared.append(voice.spans[0])
    if shared:
        places = ", ".join(f"{span.start:.2f}-{span.end:.2f}" for span in shared[:MAX_PLACES])
        more = f" and {len(shared) - MAX_PLACES} more" if len(shared) > MAX_PLACES else ""
        job.warn(f"a segment has one name, but sounds like two people ({places} s{more}); diarization would part them")


def _warn_of_taken(named: Sequence[tuple[Voice, Naming]], people: Sequence[Person], job: Job) -> None:
    """Say where a speaker does not have the name of whom they sound most like."""
    for voice, naming in named:
        if naming.taken is not None:
            other = next(v.speaker for v, given in named if given.person == naming.taken)
            job.warn(f"{voice.speaker} sounds like {people[naming.taken].name} too, who is already {other}")


def _match(voice: Voice, naming: Naming, people: Sequence[Person]) -> SpeakerMatch:
    return SpeakerMatch(
        speaker=voice.speaker,
        speaker_id=UNKNOWN if naming.person is None else people[naming.person].name,
        similarity=round(naming.similarity, 4),
        runner_up=None if naming.runner_up is None else round(naming.runner_up, 4),
        speech_s=round(intervals.total_s(voice.spans), 3),
        segment=voice.segment,
    )


@contextmanager
def borrowed(name: str, models: ModelCache, settings: Settings, token: SecretStr | None) -> Iterator[Encoder]:
    """The speaker model of that name.

    Raises:
        WorkerError: When it is nowhere, or cannot be loaded.
    """
    device = torch_device(settings)
    folder = find_model(name, settings, token)
    key = ("speaker_verification", str(folder), device)
    load = lambda: encoders.load(folder, name, device)  # noqa: E731
    with models.use(key, load, folder_mb(folder)) as encoder, torch_stage("verify_speakers", device):
        yield encoder
