"""Speech intervals of a recording, and what may be speech beside them."""

from __future__ import annotations

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span, Speech, intervals
from whisperx_worker_plugins._shared.silero import FRAME_S, speech_probabilities
from whisperx_worker_plugins._shared.speech_intervals import intervals_from_probabilities

_PADDING_MS = 200
_FAINT_ONSET = 0.1
"""Probability at which sound may be speech; that of noise, hum and music is lower."""
_FAINT_OFFSET = 0.07
_MIN_FAINT_S: Seconds = 0.6
_MAX_FAINT_S: Seconds = 30.0
"""Longer sound that may be speech is cut where that is least probable."""


def detect_speech(audio: Audio, *, onset: float, offset: float) -> Speech:
    """Return the speech intervals of a recording, padded by 0.2 s, and those that may be speech.

    The latter last at least 0.6 s and at most 30 s.

    Args:
        audio: The recording.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends.
    """
    probabilities = speech_probabilities(audio.samples)

    def found(padding_ms: int, onset: float, offset: float, longest_s: Seconds) -> tuple[Span, ...]:
        samples = intervals_from_probabilities(probabilities, len(audio.samples), padding_ms, onset, offset, longest_s)
        return tuple(Span(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in samples)

    spans = found(_PADDING_MS, onset, offset, float("inf"))
    possible = found(0, min(onset, _FAINT_ONSET), min(offset, _FAINT_OFFSET), _MAX_FAINT_S)
    outside = (gap for span in possible for gap in intervals.gaps(spans, span.start, span.end))
    faint = tuple(gap for gap in outside if gap.duration_s >= _MIN_FAINT_S)
    return Speech(spans, faint, probabilities, FRAME_S)
