"""Bandwidth of a recording. Pure: numpy.

A telephone cuts off the upper half of the band of speech.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLIT_HZ = 4500
"""Frequency above which narrowband sound has no power.

Sound that was sampled at 8 kHz ends at 4 kHz, and a resampler may leave a little above that.
"""

MAX_NARROWBAND_POWER = 1e-5
"""Highest share of the power above the split in a narrowband recording.

It is less than microphones' own noise.
"""
MIN_WIDEBAND_POWER = 1e-4
"""Lowest share of the power above the split in a wideband recording.

Hissing sounds of speech have a hundredth.
"""

_FRAME = 1024


def is_wideband(samples: NDArray[np.float32]) -> bool | None:
    """Return whether speech has sound above `SPLIT_HZ`; None where it is not certain.

    Args:
        samples: Shape (n,), at 16,000 Hz.
    """
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.zeros(_FRAME // 2 + 1)
    for frame in frames:
        power += np.abs(np.fft.rfft(frame * np.hanning(_FRAME))) ** 2
    total = power.sum()
    if not total > 0:
        return None
    share = power[round(SPLIT_HZ / SAMPLE_RATE_HZ * _FRAME) :].sum() / total
    return False if share <= MAX_NARROWBAND_POWER else True if share >= MIN_WIDEBAND_POWER else None
