"""Silero's voice activity detector, as it comes with faster-whisper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Seconds

FRAME_SAMPLES = 512
"""Samples of one frame of the detector."""
MIN_SILENCE_MS = 300
"""Shortest pause between two speech intervals."""


def detect_speech(
    samples: NDArray[np.float32],
    *,
    padding_ms: int,
    onset: float = 0.5,
    offset: float | None = None,
    max_duration_s: Seconds = float("inf"),
) -> list[tuple[int, int]]:
    """Return speech intervals as half-open ranges of samples, in time order.

    Args:
        samples: Shape (n,), at 16,000 Hz. The detector takes more than twice their memory.
        padding_ms: Added on both sides of an interval.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends; None is 0.15 below the onset.
        max_duration_s: Longer intervals are cut, in a pause where there is one.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=onset,
        neg_threshold=offset,
        max_speech_duration_s=max_duration_s,
        min_silence_duration_ms=MIN_SILENCE_MS,
        speech_pad_ms=padding_ms,
    )
    return [(part["start"], part["end"]) for part in get_speech_timestamps(samples, options)]
