"""Speech intervals of a recording, and what may be speech beside them, by Silero's voice activity detector."""

from __future__ import annotations

from dataclasses import dataclass

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span, intervals
from whisperx_worker_plugins._shared.silero import speech_probabilities
from whisperx_worker_plugins._shared.speech_intervals import intervals_from_probabilities
from whisperx_worker_plugins.russian_whisper.chunking import WINDOW_S

_PADDING_MS = 200
_FAINT_ONSET = 0.1
"""Probability at which sound may be speech; that of noise, hum and music is lower."""
_FAINT_OFFSET = 0.07
_MIN_FAINT_S: Seconds = 0.6


@dataclass(frozen=True)
class DetectedSpeech:
    """Intervals in time order, disjoint."""

    speech: tuple[Span, ...]
    """Speech intervals, padded by 0.2 s."""
    faint: tuple[Span, ...]
    """Intervals of at least 0.6 s between them that may be speech."""


def detect_speech(audio: Audio, *, onset: float, offset: float, longest_s: Seconds = WINDOW_S) -> DetectedSpeech:
    """Return the speech intervals of a recording, and those that may be speech.

    Args:
        audio: The recording.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends.
        longest_s: Maximum length of an interval; a longer one is cut where speech is least probable.
    """
    probabilities = speech_probabilities(audio.samples)

    def found(padding_ms: int, onset: float, offset: float) -> tuple[Span, ...]:
        samples = intervals_from_probabilities(probabilities, len(audio.samples), padding_ms, onset, offset, longest_s)
        return tuple(Span(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in samples)

    speech = found(_PADDING_MS, onset, offset)
    possible = found(0, min(onset, _FAINT_ONSET), min(offset, _FAINT_OFFSET))
    outside = (gap for span in possible for gap in intervals.gaps(speech, span.start, span.end))
    return DetectedSpeech(speech, tuple(gap for gap in outside if gap.duration_s >= _MIN_FAINT_S))
