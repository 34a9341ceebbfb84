"""Speech intervals of a recording, found by Silero's voice activity detector."""

from __future__ import annotations

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span
from whisperx_worker_plugins._shared import speech_intervals
from whisperx_worker_plugins.russian_whisper.chunking import WINDOW_S

_PADDING_MS = 200


def detect_speech(audio: Audio, *, onset: float, offset: float, longest_s: Seconds = WINDOW_S) -> tuple[Span, ...]:
    """Return the speech intervals of a recording, in time order, padded by 0.2 s.

    Args:
        audio: The recording.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends.
        longest_s: Maximum length of an interval; a longer one is cut where speech is least probable.
    """
    found = speech_intervals.detect_speech(
        audio.samples, padding_ms=_PADDING_MS, onset=onset, offset=offset, max_duration_s=longest_s
    )
    return tuple(Span(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in found)
