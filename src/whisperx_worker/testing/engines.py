"""Engines of the kit, which find what a test gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.contract.request import sample_name
from whisperx_worker.hooks.marker import hookimpl
from whisperx_worker.types import Language, Span, SpeakerMatch, Speech

if TYPE_CHECKING:
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.testing.recording import Recording
    from whisperx_worker.types import Diarization, Transcript

NAME = "kit_engines"
"""The name of the plugin that the engines are."""


class Engines:
    """Plugin with all engines, which takes the place of the worker's own."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @hookimpl
    def detect_speech(self) -> Speech:
        """Return the times of the given segments."""
        return Speech(tuple(Span(one.start, one.end) for one in self._recording.transcript.segments))

    @hookimpl
    def identify_language(self) -> Language:
        """Return the language of the given transcript, else Russian."""
        return Language(self._recording.transcript.language or "ru")

    @hookimpl
    def transcribe(self, job: Job) -> Transcript:
        """Return the given transcript, and stream it."""
        job.recognised(self._recording.transcript.segments)
        return self._recording.transcript

    @hookimpl
    def align(self, transcript: Transcript) -> Transcript:
        """Return the transcript with the words that it has."""
        return transcript

    @hookimpl
    def diarize(self) -> Diarization:
        """Return the given turns."""
        return self._recording.diarization

    @hookimpl
    def verify_speakers(self, diarization: Diarization | None, job: Job) -> list[SpeakerMatch]:
        """Name speakers after the people of the samples, in the order of both."""
        labels = dict.fromkeys(turn.speaker for turn in diarization.turns) if diarization else {}
        people = list(dict.fromkeys(map(sample_name, job.request.speaker_samples)))
        named = people[: len(labels)] + ["unknown"] * (len(labels) - len(people))
        return [SpeakerMatch(*pair, similarity=float(pair[1] != "unknown")) for pair in zip(labels, named, strict=True)]
