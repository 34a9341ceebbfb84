"""Engines of the kit, which find what a test gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.hooks.marker import hookimpl
from whisperx_worker.types import SAMPLE_RATE_HZ, Language, Span, SpeakerMatch, Speech
from whisperx_worker.voices.embeddings import VoiceEmbeddings
from whisperx_worker.voices.voiceprint import Voiceprint, write_voiceprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker.hooks.job import Job
    from whisperx_worker.testing.recording import Recording
    from whisperx_worker.types import Audio, Diarization, SpeakerTurn, Transcript

NAME = "kit_engines"
"""The name of the plugin that the engines are."""
_BANDS = 32
"""Dimension of embeddings."""
UNKNOWN = "unknown"
"""Name of strangers."""


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
    def embed_voices(self, sounds: Sequence[NDArray[np.float32]]) -> VoiceEmbeddings:
        """Return the spectrum of each sound in a few bands; NaN for silence."""
        spectra = [np.abs(np.fft.rfft(sound, 8 * _BANDS))[1:].reshape(_BANDS, -1).mean(axis=1) for sound in sounds]
        vectors = np.reshape(spectra, (-1, _BANDS)).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=lengths > 0)
        return VoiceEmbeddings(vectors, "kit-bands", "1", threshold=0.9)

    @hookimpl
    def verify_speakers(self, audio: Audio, diarization: Diarization | None, job: Job) -> list[SpeakerMatch]:
        """Name speakers after the people of the request, in the order of both."""
        if diarization is None:
            return []
        labels = dict.fromkeys(turn.speaker for turn in diarization.turns)
        people = [voice.name for voice in job.request.reference_voices]
        named = [*people, *[UNKNOWN if people else None] * len(labels)]
        return [
            SpeakerMatch(
                label,
                name,
                similarity=None if name is None else float(name != UNKNOWN),
                voiceprint=self._voiceprint(audio, [turn for turn in diarization.turns if turn.speaker == label]),
            )
            for label, name in zip(labels, named, strict=False)
        ]

    def _voiceprint(self, audio: Audio, turns: Sequence[SpeakerTurn]) -> str | None:
        """Return the voiceprint of a speaker's turns; None where they are silent."""
        sound = np.concatenate([audio.between(turn.start, turn.end) for turn in turns])
        embedded = self.embed_voices([sound])
        if not np.isfinite(embedded.vectors).all():
            return None
        voiceprint = Voiceprint(embedded.vectors[0], embedded.model, embedded.revision, len(sound) / SAMPLE_RATE_HZ)
        return write_voiceprint(voiceprint)
