"""Whether a recording has the upper half of the band of speech, which a telephone cuts off. Pure: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLIT_HZ = 4500
"""Sound that was ever sampled at 8 kHz has nothing above; a resampler may leave a little above 4 kHz."""

MAX_POWER_OF_NARROW = 1e-5
"""Share of the power above the split, at most, in a recording that is cut off: less than microphones' own noise."""
MIN_POWER_OF_WIDE = 1e-4
"""Share of the power above the split, at least, in one that is not: hissing sounds of speech have a hundredth."""

_FRAME = 1024


def is_wide(samples: NDArray[np.float32]) -> bool | None:
    """Whether speech has sound above `SPLIT_HZ`; None where it is not certain.

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
    return False if share <= MAX_POWER_OF_NARROW else True if share >= MIN_POWER_OF_WIDE else None
