"""Samples become enrolled people: read, checked, embedded, and averaged by name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, Audio, BadInputError, FetchError, read_sample, sample_name, sample_title
from whisperx_worker_plugins.speaker_verification.bandwidth import is_wide
from whisperx_worker_plugins.speaker_verification.scores import mean_embedding, second_voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Job, Seconds, SpeakerSample
    from whisperx_worker_plugins.speaker_verification.encoder import Encoder

SHORTEST_SPEECH_S = 1.0
"""Less speech says too little of a voice to give it a name."""
LONGEST_SPEECH_S = 120.0
"""More of one sample is not listened to."""
CHECKED_PIECE_S = 1.5
"""A sample is searched for a second voice in pieces of this length."""
CLIPPED_LEVEL = 0.99
MOST_CLIPPED = 0.005
"""Share of samples at full scale above which a recording is taken for clipped."""


@dataclass(frozen=True, eq=False)
class Heard:
    """What one sample sounds like."""

    speech_s: Seconds
    """How much of it is speech."""
    embedding: NDArray[np.float32] | None
    """Shape (d,), of length 1; None where the sample cannot be used."""
    problems: tuple[str, ...]
    """What is wrong with it, each to be read after "the sample"."""
    is_wide: bool | None = None
    """Whether it has sound above the band of a telephone; None where that is not certain."""


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who may be recognised."""

    name: str
    embedding: NDArray[np.float32]
    """Shape (d,), of length 1: the mean of their samples."""
    is_wide: bool | None
    """What `is_wide` says of all of their samples; None where it does not say the same."""


def enrol(job: Job, encoder: Encoder) -> list[Person]:
    """The people of a job's samples, in the order in which they are first named.

    A sample that cannot be read, or that has too little speech or a second voice, is left out, and a warning says which
    and why. Its name plays no part in what is remembered of a sample: two jobs may mean two people by one name.

    Raises:
        StrictError: When a sample is bad and the job asked for `strict`.
    """
    samples = job.request.speaker_samples
    usable: dict[str, list[Heard]] = {}
    for number, sample in enumerate(samples):
        job.progress("verify_speakers", 0.5 * number / len(samples))
        heard = _hear_sample(sample, job, encoder)
        if heard is not None and heard.embedding is not None:
            usable.setdefault(sample_name(sample), []).append(heard)
    people = []
    for name, samples_of_one in usable.items():
        embeddings = [heard.embedding for heard in samples_of_one if heard.embedding is not None]
        widths = {heard.is_wide for heard in samples_of_one}
        person = Person(name, mean_embedding(np.stack(embeddings)), widths.pop() if len(widths) == 1 else None)
        _warn_of_strangers(person, embeddings, encoder.threshold, job)
        people.append(person)
    return [person for person in people if np.isfinite(person.embedding).all()]


def _hear_sample(sample: SpeakerSample, job: Job, encoder: Encoder) -> Heard | None:
    """What a sample sounds like, or None and a warning."""
    try:
        audio = read_sample(sample, job)
    except (BadInputError, FetchError) as error:
        job.warn(f"{error}; it is left out")
        return None
    key = hashlib.sha256(audio.samples.tobytes()).digest()
    heard = encoder.heard.get(key)
    if heard is None:
        heard = hear(audio, encoder)
        encoder.heard.put(key, heard)
    for problem in heard.problems:
        job.warn(f"{sample_title(sample, job)} {problem}")
    return heard


def hear(audio: Audio, encoder: Encoder) -> Heard:
    """Listen to one sample: how much of it is speech, what is wrong with it, and what its voice is like."""
    speech = speech_of(audio)
    speech_s = len(speech) / SAMPLE_RATE_HZ
    if speech_s < SHORTEST_SPEECH_S:
        too_little = f"has {speech_s:.1f} s of speech, and {SHORTEST_SPEECH_S:.1f} s are needed; it is left out"
        return Heard(speech_s, None, (too_little,))
    count = max(1, round(speech_s / CHECKED_PIECE_S))
    embeddings = encoder.embed([speech, *np.array_split(speech, count)])
    whole, pieces = embeddings[0], embeddings[1:]
    if not np.isfinite(whole).all():
        return Heard(speech_s, None, ("has nothing that a voice could be told from; it is left out",))
    if second_voice(pieces[np.isfinite(pieces).all(axis=1)], encoder.threshold):
        return Heard(speech_s, None, ("has a second voice in it; it is left out",))
    problems = ("is clipped: it was recorded too loud",) if is_clipped(speech) else ()
    return Heard(speech_s, whole, problems, is_wide(speech))


def speech_of(audio: Audio) -> NDArray[np.float32]:
    """The stretches of speech, joined, at most `LONGEST_SPEECH_S`, shape (n,).

    The detector is Silero's, as it comes with faster-whisper.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not len(audio.samples):
        return audio.samples
    found = get_speech_timestamps(audio.samples, VadOptions(min_silence_duration_ms=300, speech_pad_ms=100))
    parts = [audio.samples[part["start"] : part["end"]] for part in found]
    speech = np.concatenate(parts) if parts else audio.samples[:0]
    return speech[: round(LONGEST_SPEECH_S * SAMPLE_RATE_HZ)]


def is_clipped(samples: NDArray[np.float32]) -> bool:
    """Whether so many samples of a recording, shape (n,), n > 0, stand at full scale that its peaks were cut off."""
    return float((np.abs(samples) >= CLIPPED_LEVEL).mean()) > MOST_CLIPPED


def _warn_of_strangers(person: Person, embeddings: Sequence[NDArray[np.float32]], threshold: float, job: Job) -> None:
    """Say so where the samples of one name do not sound like one person."""
    likeness = np.stack(embeddings) @ person.embedding
    if len(embeddings) > 1 and not likeness.min() >= threshold:
        job.warn(f"the samples of {person.name} do not sound like one person")
