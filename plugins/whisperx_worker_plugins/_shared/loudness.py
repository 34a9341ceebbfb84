"""Loudness of frames of sound, and the gain that evens it out. Pure: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TARGET_DB = -20.0
"""Level that the loudest frames nearby are raised or lowered to, relative to full scale."""
_MAX_EXTRA_DB = 40.0
"""Gain of a quiet place above that of the loudest places of the recording."""
_MIN_SMOOTHING_S = 0.25
_LOUDEST_PERCENTILE = 99
_FRAMES_PER_BLOCK = 4096
_QUIET_DB = -30.0
_DIGITAL_SILENCE_DB = -120.0
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


def evening_gain(levels_db: NDArray[np.float64], frame_s: float, *, reach_s: float) -> NDArray[np.float32]:
    """Return the gain for each frame with which quiet and loud speakers become equally loud.

    The loudest frame nearby comes to -20 dB. Places more than 40 dB below the loudest of the recording are not raised
    further, since most of them are pauses. The gain changes slowly enough not to distort speech.

    Args:
        levels_db: Shape (frames,), relative to full scale.
        frame_s: Seconds of a frame.
        reach_s: Distance in which the loudest frame decides.

    Returns:
        Shape (frames,), factors.
    """
    if not len(levels_db):
        return np.zeros(0, np.float32)
    smooth = _windows(levels_db, 3).mean(axis=1)
    nearby = _windows(smooth, int(2 * reach_s / frame_s)).max(axis=1)
    lowest = np.percentile(smooth, _LOUDEST_PERCENTILE) - _MAX_EXTRA_DB
    smoothing_s = max(reach_s / 2, _MIN_SMOOTHING_S)
    reference = _windows(np.maximum(nearby, lowest), int(smoothing_s / frame_s)).mean(axis=1)
    return np.asarray(10 ** ((_TARGET_DB - reference) / 20), np.float32)


def raise_quiet(samples: NDArray[np.float32], frame_samples: int) -> NDArray[np.float32]:
    """Raise quiet sound, so that its loudest frame is at -20 dB; other sound stays as it is.

    Quiet is what nowhere reaches -30 dB. Whisper's spectrogram has a floor at a fixed level, in which the details of
    quiet speech are lost.
    """
    loudest_db = frame_levels_db(samples, frame_samples).max(initial=0.0 if not len(samples) else -np.inf)
    if loudest_db >= _QUIET_DB or loudest_db <= _DIGITAL_SILENCE_DB:
        return samples
    return np.asarray(samples * np.float32(10 ** ((_TARGET_DB - loudest_db) / 20)))


def _windows(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the values around each value, shape (n, size or one more); the ends are repeated."""
    reach = size // 2
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, reach, mode="edge"), 2 * reach + 1)
