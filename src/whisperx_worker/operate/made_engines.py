"""Engines without a model, for jobs that only try a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.contract.request import sample_name
from whisperx_worker.hooks.marker import hookimpl
from whisperx_worker.types import (
    Diarization,
    Language,
    Segment,
    Span,
    SpeakerMatch,
    SpeakerTurn,
    Speech,
    Transcript,
    Word,
)

if TYPE_CHECKING:
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Audio

NAME = "made_engines"
"""The name of the plugin that the engines are."""
TEXT = "Добрый день, мой номер 8 916 123-45-67."


@hookimpl
def detect_speech(audio: Audio) -> Speech:
    """Return the whole recording."""
    return Speech((Span(0.0, audio.duration_s),))


@hookimpl
def identify_language() -> Language:
    """Return Russian."""
    return Language("ru", 1.0)


@hookimpl
def transcribe(audio: Audio, job: Job) -> Transcript:
    """Return one text for the whole recording, and stream it."""
    parts = TEXT.split()
    step = audio.duration_s / len(parts)
    words = tuple(Word(part, round(i * step, 3), round((i + 1) * step, 3), 1.0) for i, part in enumerate(parts))
    segment = Segment(0.0, round(audio.duration_s, 3), TEXT, words)
    job.recognised([segment])
    return Transcript((segment,), job.request.language or "ru")


@hookimpl
def align(transcript: Transcript) -> Transcript:
    """Return the transcript with the words that it has."""
    return transcript


@hookimpl
def diarize(audio: Audio) -> Diarization:
    """Return one turn over the whole recording."""
    turns = (SpeakerTurn(0.0, round(audio.duration_s, 3), "SPEAKER_00"),)
    return Diarization(turns, exclusive=turns, embeddings={})


@hookimpl
def verify_speakers(diarization: Diarization | None, job: Job) -> list[SpeakerMatch]:
    """Name every speaker after the first sample."""
    labels = dict.fromkeys(turn.speaker for turn in diarization.turns) if diarization else {}
    person = next(iter(map(sample_name, job.request.speaker_samples)), "unknown")
    return [SpeakerMatch(label, person, 1.0) for label in labels]
