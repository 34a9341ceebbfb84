"""Enrolment: samples read, checked, embedded, and averaged by name with voiceprints."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, Audio, BadInputError, FetchError, read_sample, sample_title
from whisperx_worker_plugins._shared.speech_intervals import detect_speech
from whisperx_worker_plugins.speaker_verification.bandwidth import is_wideband
from whisperx_worker_plugins.speaker_verification.cache import LruCache
from whisperx_worker_plugins.speaker_verification.embeddings import has_two_voices, mean_embedding
from whisperx_worker_plugins.speaker_verification.sample_analysis import SampleAnalysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Job, ReferenceVoice, SpeakerSample, VoiceEmbeddings

MIN_SPEECH_S = 1.0
"""Speech below which a sample is left out."""
MAX_SPEECH_S = 120.0
"""Speech of one sample that is used; the rest is not."""
CHECKED_PIECE_S = 1.5
"""Length of the pieces in which a sample is searched for a second voice."""
CLIPPED_LEVEL = 0.99
"""Level from which a sample of sound is at full scale."""
MAX_CLIPPED_SHARE = 0.005
"""Share of sound at full scale above which a recording is clipped."""

_PADDING_MS = 100
_MAX_CACHED_SAMPLES = 512

_analyses: LruCache[SampleAnalysis] = LruCache(_MAX_CACHED_SAMPLES)
"""Analyses of samples by model, revision and sound."""


@dataclass(frozen=True, eq=False)
class Person:
    """An enrolled person."""

    name: str
    embedding: NDArray[np.float32]
    """Shape (d,), of length 1: the mean of their samples and voiceprints, by seconds of speech."""
    is_wideband: bool | None
    """Whether all of their samples are wideband; None where they differ, or with a voiceprint."""


def enrol(job: Job) -> list[Person]:
    """Enrol the people of a job, in the order in which they are first named.

    A sample that cannot be read, or that has too little speech or a second voice, is left out, and a warning says which
    and why. Analyses are kept by the speaker model and the sound, and not by names: two jobs may mean two people by
    one name.

    Raises:
        BadInputError: When voiceprints have another dimension than the speaker model.
        StrictError: When a sample is bad and the job is `strict`.
    """
    voices = job.request.reference_voices
    if not voices:
        return []
    model = job.embed_voices([])
    samples = sum(len(voice.samples) for voice in voices)
    people, number = [], 0
    for voice in voices:
        analyses = []
        for sample in voice.samples:
            job.progress("verify_speakers", 0.5 * number / samples)
            number += 1
            analysis = _read_and_analyse(sample, job, model)
            if analysis is not None and analysis.embedding is not None:
                analyses.append(analysis)
        if analyses or voice.voiceprints:
            people.append(_enrol_person(voice, analyses, model, job))
    return [person for person in people if np.isfinite(person.embedding).all()]


def _enrol_person(voice: ReferenceVoice, analyses: list[SampleAnalysis], model: VoiceEmbeddings, job: Job) -> Person:
    """Return a person made of voiceprints and usable samples, at least one."""
    seconds = [*(one.speech_s for one in voice.voiceprints), *(one.speech_s for one in analyses)]
    embeddings = [one.embedding for one in voice.voiceprints]
    embeddings += [one.embedding for one in analyses if one.embedding is not None]
    if len({len(one) for one in embeddings}) > 1:
        raise BadInputError(f"the voiceprints of {voice.name} have another dimension than the speaker model")
    weights = np.clip(seconds, MIN_SPEECH_S, MAX_SPEECH_S)
    bandwidths = {*(one.is_wideband for one in analyses), *(None for _ in voice.voiceprints)}
    mean = mean_embedding(np.stack(embeddings), weights)
    person = Person(voice.name, mean, bandwidths.pop() if len(bandwidths) == 1 else None)
    _warn_of_dissimilar_samples(person, embeddings, model.threshold, job)
    return person


def _read_and_analyse(sample: SpeakerSample, job: Job, model: VoiceEmbeddings) -> SampleAnalysis | None:
    """Return a sample's analysis, or None and a warning where it cannot be read.

    Args:
        sample: The sample.
        job: For its sound, its embeddings and the kept analyses.
        model: No embeddings, for the name and revision of the speaker model.
    """
    try:
        audio = read_sample(sample, job)
    except (BadInputError, FetchError) as error:
        job.warn(f"{error}; it is left out")
        return None
    key = (model.model, model.revision, hashlib.sha256(audio.samples.tobytes()).digest())
    analysis = _analyses.get(key)
    if analysis is None:
        analysis = analyse_sample(audio, job)
        _analyses.put(key, analysis)
    for problem in analysis.problems:
        job.warn(f"{sample_title(sample, job)} {problem}")
    return analysis


def analyse_sample(audio: Audio, job: Job) -> SampleAnalysis:
    """Find the speech, the faults and the embedding of one sample."""
    speech = extract_speech(audio)
    speech_s = len(speech) / SAMPLE_RATE_HZ
    if speech_s < MIN_SPEECH_S:
        too_little = f"has {speech_s:.1f} s of speech, and {MIN_SPEECH_S:.1f} s are needed; it is left out"
        return SampleAnalysis(speech_s, None, (too_little,))
    count = max(1, round(speech_s / CHECKED_PIECE_S))
    embeddings = job.embed_voices([speech, *np.array_split(speech, count)])
    whole, pieces = embeddings.vectors[0], embeddings.vectors[1:]
    if not np.isfinite(whole).all():
        return SampleAnalysis(speech_s, None, ("has nothing that a voice could be told from; it is left out",))
    if has_two_voices(pieces[np.isfinite(pieces).all(axis=1)], embeddings.threshold):
        return SampleAnalysis(speech_s, None, ("has a second voice in it; it is left out",))
    problems = ("is clipped: it was recorded too loud",) if is_clipped(speech) else ()
    return SampleAnalysis(speech_s, whole, problems, is_wideband(speech))


def extract_speech(audio: Audio) -> NDArray[np.float32]:
    """Return the speech intervals of a sample, joined, at most `MAX_SPEECH_S`, shape (n,)."""
    if not len(audio.samples):
        return audio.samples
    parts = [audio.samples[start:end] for start, end in detect_speech(audio.samples, padding_ms=_PADDING_MS)]
    speech = np.concatenate(parts) if parts else audio.samples[:0]
    return speech[: round(MAX_SPEECH_S * SAMPLE_RATE_HZ)]


def is_clipped(samples: NDArray[np.float32]) -> bool:
    """Return whether a recording's peaks were cut off.

    Args:
        samples: Shape (n,), n > 0.
    """
    return float((np.abs(samples) >= CLIPPED_LEVEL).mean()) > MAX_CLIPPED_SHARE


def _warn_of_dissimilar_samples(
    person: Person, embeddings: Sequence[NDArray[np.float32]], threshold: float, job: Job
) -> None:
    """Warn where the samples and voiceprints of one name are below the threshold."""
    similarity = np.stack(embeddings) @ person.embedding
    if len(embeddings) > 1 and not similarity.min() >= threshold:
        job.warn(f"the samples of {person.name} do not sound like one person")
