"""Samples of voices for a library: files read, checked and embedded by the engines of a worker."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.audio.speaker_samples import read_sample
from whisperx_worker.contract.request import Request
from whisperx_worker.contract.speakers import SpeakerSample
from whisperx_worker.errors import BadInputError
from whisperx_worker.hooks.dispatch import calls_of_job, run_engine
from whisperx_worker.hooks.job import Job
from whisperx_worker.pipeline.recognition import inside
from whisperx_worker.pipeline.steps import step
from whisperx_worker.types import SAMPLE_RATE_HZ, Speech
from whisperx_worker.voices import sample_checks
from whisperx_worker.voices.enrolling import enrol_voices
from whisperx_worker.voices.library import NewVoice
from whisperx_worker.voices.voiceprint import Voiceprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from whisperx_worker.pipeline.worker import Worker
    from whisperx_worker.types import Audio
    from whisperx_worker.voices.calibration import Calibration
    from whisperx_worker.voices.library import Library

MAX_SPEECH_S = 120.0
"""Speech of one sample that is used; the rest is not."""
_FULL_SCALE = 32_767


@dataclass(frozen=True, eq=False)
class EmbeddedSamples:
    """Voices of samples, and how their embeddings are compared."""

    voices: tuple[NewVoice, ...] = field(repr=False)
    problems: tuple[str, ...]
    """A sentence for each sample that cannot be used, with its file's name."""
    threshold: float
    model: str
    revision: str
    calibration: Calibration | None = field(repr=False)


def embed_files(worker: Worker, files: Sequence[Path], *, keep_samples: bool = False) -> EmbeddedSamples:
    """Read, check and embed files with one voice each.

    Raises:
        WorkerError: When speech cannot be found or embedded at all.
    """
    job = _job(worker)
    model = job.embed_voices(())
    voices, problems = [], []
    for file in files:
        try:
            audio = read_sample(SpeakerSample(name=file.name, url=str(file.absolute())), job)
            voices.append(_voice(worker, job, file.name, audio, keep_samples=keep_samples))
        except BadInputError as error:
            problems.append(str(error).removeprefix("the sample of "))
    return EmbeddedSamples(
        tuple(voices), tuple(problems), model.threshold, model.model, model.revision, model.calibration
    )


def _job(worker: Worker) -> Job:
    return Job("voices", Request(), worker.settings, worker.models, local=True, plugins=calls_of_job(worker.host))


def _voice(worker: Worker, job: Job, title: str, audio: Audio, *, keep_samples: bool) -> NewVoice:
    """Check a sample and embed its speech.

    Raises:
        BadInputError: It cannot be used; one sentence with its title.
    """
    with step(job, worker.host, "detect_speech"):
        found = inside(run_engine(worker.host, "detect_speech", Speech, job, audio=audio), audio.duration_s)
    parts = [audio.between(span.start, span.end) for span in found.spans]
    speech = np.concatenate(parts or [audio.samples[:0]])[: round(MAX_SPEECH_S * SAMPLE_RATE_HZ)]
    speech_s = len(speech) / SAMPLE_RATE_HZ
    if speech_s < sample_checks.MIN_SPEECH_S:
        raise BadInputError(
            f"{title} has {speech_s:.1f} s of speech, and {sample_checks.MIN_SPEECH_S:.1f} s are needed"
        )
    if sample_checks.is_clipped(speech):
        raise BadInputError(f"{title} is clipped: it was recorded too loud")
    embeddings = job.embed_voices([speech, *sample_checks.pieces_of(speech)])
    whole, pieces = embeddings.vectors[0], embeddings.vectors[1:]
    if not np.isfinite(whole).all():
        raise BadInputError(f"{title} has nothing that a voice could be told from")
    if sample_checks.has_two_voices(pieces[np.isfinite(pieces).all(axis=1)], embeddings.threshold):
        raise BadInputError(f"{title} has a second voice in it")
    pcm = np.round(np.clip(speech, -1, 1) * _FULL_SCALE).astype("<i2").tobytes() if keep_samples else None
    voiceprint = Voiceprint(whole, embeddings.model, embeddings.revision, speech_s)
    content = hashlib.sha256(audio.samples.tobytes()).digest()
    return NewVoice(voiceprint, "enrolled", content, title, pcm=pcm)


def _voiceprint(job: Job, speech: NDArray[np.float32]) -> Voiceprint | None:
    """Return the voiceprint of speech; None where the model cannot embed it."""
    found = job.embed_voices([speech])
    is_finite = bool(np.isfinite(found.vectors[0]).all())
    speech_s = len(speech) / SAMPLE_RATE_HZ
    return Voiceprint(found.vectors[0], found.model, found.revision, speech_s) if is_finite else None


def speech_of(pcm: bytes) -> NDArray[np.float32]:
    """Return kept speech as sound, shape (n,), at 16,000 Hz."""
    return np.asarray(np.frombuffer(pcm, "<i2") / _FULL_SCALE, np.float32)


@dataclass(frozen=True)
class EmbeddedLibrary:
    """What embedding a library by another model did."""

    embedded: int
    model: str
    without_sample: dict[str, int]
    """Enrolled voices without kept speech, by person, which the model does not know."""
    changes: tuple[str, ...]


def embed_library(worker: Worker, library: Library) -> EmbeddedLibrary:
    """Embed the kept samples of a library by the worker's speaker model, where it has not yet.

    Raises:
        WorkerError: When speech cannot be embedded at all.
    """
    job = _job(worker)
    model = job.embed_voices(())
    unknown = (
        "FROM voices v JOIN people p ON p.id = v.person LEFT JOIN samples s ON s.voice = v.id WHERE v.label IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM voices o WHERE o.content = v.content AND o.revision = ?)"
    )
    with library.look() as connection:
        rows = connection.execute(
            f"SELECT p.name, s.pcm, v.content, v.title {unknown} GROUP BY v.content", (model.revision,)
        ).fetchall()
    without_sample = Counter(name for name, pcm, _, _ in rows if pcm is None)
    by_name: dict[str, list[NewVoice]] = {}
    for name, pcm, content, title in rows:
        printed = None if pcm is None else _voiceprint(job, speech_of(pcm))
        if printed is not None:
            by_name.setdefault(name, []).append(NewVoice(printed, "enrolled", content, title, pcm=pcm))
    changes = [
        sentence
        for name, voices in by_name.items()
        for sentence in enrol_voices(library, name, voices, model.threshold, model.calibration)[1]
    ]
    embedded = sum(len(voices) for voices in by_name.values())
    return EmbeddedLibrary(embedded, model.model, dict(without_sample), tuple(changes))
