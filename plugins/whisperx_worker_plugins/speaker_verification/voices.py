"""Voices to compare: diarized speakers and segments, each with its clean speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import Span, intervals
from whisperx_worker_plugins.speaker_verification.encoder import MIN_SPEECH_S
from whisperx_worker_plugins.speaker_verification.solo_speech import solo_speech

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker import Audio, Diarization, Transcript


@dataclass(frozen=True, eq=False)
class Voice:
    """A diarized speaker, or a segment, and where it speaks alone."""

    speaker: str | None
    segment: int | None
    """Index of the segment; None is a speaker."""
    spans: list[Span]
    """In time order, without overlaps."""

    def sound(self, audio: Audio) -> NDArray[np.float32]:
        """Return all of its speech, joined, shape (n,)."""
        parts = [audio.between(span.start, span.end) for span in self.spans]
        return parts[0] if len(parts) == 1 else np.concatenate([audio.samples[:0], *parts])


def voices_of(transcript: Transcript, diarization: Diarization | None) -> list[Voice]:
    """Return every diarized speaker, then every segment, each with the speech of one speaker alone.

    For a speaker with too little of it the exclusive turns are used.
    """
    solo = solo_speech(diarization.turns) if diarization else {}
    exclusive = solo_speech(diarization.exclusive) if diarization else {}
    clean = {
        speaker: spans if intervals.total_s(spans) >= MIN_SPEECH_S else exclusive.get(speaker, [])
        for speaker, spans in solo.items()
    }
    voices = [Voice(speaker, None, spans) for speaker, spans in clean.items()]
    for number, segment in enumerate(transcript.segments):
        whole = [Span(segment.start, segment.end)]
        spans = clean.get(segment.speaker or "", whole)
        voices.append(Voice(segment.speaker, number, intervals.within(spans, segment.start, segment.end)))
    return voices
