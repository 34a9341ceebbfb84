"""Loudness of frames of sound, and the gain that evens it out. Pure: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TARGET_DB = -20.0
"""Level that the loudest frames nearby are raised or lowered to, relative to full scale."""
_REACH_S = 2.5
"""Distance in which the loudest frame decides: longer than most pauses in speech, shorter than most turns."""
_MAX_EXTRA_DB = 40.0
"""Gain of a quiet place above that of the loudest places of the recording."""
_SMOOTHING_S = 1.0
_LOUDEST_PERCENTILE = 99
_FRAMES_PER_BLOCK = 4096
_NO_POWER = 1e-20
"""Power of digital silence, -200 dB."""


def frame_levels_db(samples: NDArray[np.float32], frame_samples: int) -> NDArray[np.float64]:
    """Return the level of each frame in dB relative to full scale, shape (frames,).

    The last frame may be shorter; the rest of it counts as silence.
    """
    count = -(-len(samples) // frame_samples)
    power = np.zeros(count)
    for first in range(0, count, _FRAMES_PER_BLOCK):
        block = samples[first * frame_samples : (first + _FRAMES_PER_BLOCK) * frame_samples].astype(np.float64)
        block = np.pad(block, (0, -len(block) % frame_samples)).reshape(-1, frame_samples)
        power[first : first + len(block)] = np.einsum("fs,fs->f", block, block) / frame_samples
    return np.asarray(10 * np.log10(power + _NO_POWER), np.float64)


def evening_gain(levels_db: NDArray[np.float64], frame_s: float) -> NDArray[np.float32]:
    """Return the gain for each frame with which quiet and loud speakers become equally loud.

    The loudest frame within 2.5 s comes to -20 dB. Places more than 40 dB below the loudest of the recording are not
    raised further, since most of them are pauses. The gain changes within a second, so speech is not distorted.

    Args:
        levels_db: Shape (frames,), relative to full scale.
        frame_s: Seconds of a frame.

    Returns:
        Shape (frames,), factors.
    """
    if not len(levels_db):
        return np.zeros(0, np.float32)
    smooth = _windows(levels_db, 3).mean(axis=1)
    nearby = _windows(smooth, int(2 * _REACH_S / frame_s)).max(axis=1)
    lowest = np.percentile(smooth, _LOUDEST_PERCENTILE) - _MAX_EXTRA_DB
    reference = _windows(np.maximum(nearby, lowest), int(_SMOOTHING_S / frame_s)).mean(axis=1)
    return np.asarray(10 ** ((_TARGET_DB - reference) / 20), np.float32)


def _windows(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the values around each value, shape (n, size or one more); the ends are repeated."""
    reach = size // 2
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, reach, mode="edge"), 2 * reach + 1)
