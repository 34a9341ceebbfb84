"""Levels of decoded tracks: which have sound, and which have the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.runtime.sample_file import SAMPLE_BYTES
from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

BLOCK_SAMPLES = 60 * SAMPLE_RATE_HZ
_FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
_FRAMES_PER_TENTH = 5
_SOUND_TENTHS = 5
"""Tenths of a second with sound that make a track one with sound."""
_MIN_LEVEL = 1e-4
"""Level below which there is silence: -80 dB of full scale."""
_MIN_SHARE_OF_PEAK = 10**-2.5
"""Level over that of the loudest track, below which a track is silent: -50 dB."""
_MAX_LAG_FRAMES = 10
_ACTIVE_DB = 40.0
"""Range below the loudest frame in which frames are compared."""
_MIN_SAME = 0.9
"""Correlation of levels from which two tracks have the same sound."""


def sample_count(store: BinaryIO) -> int:
    """Return the number of samples in a store."""
    return os.fstat(store.fileno()).st_size // SAMPLE_BYTES


def read_block(store: BinaryIO, start: int) -> NDArray[np.float32]:
    """Read at most a minute of samples, since all may exceed the decoder's memory."""
    store.seek(start * SAMPLE_BYTES)
    return np.frombuffer(store.read(BLOCK_SAMPLES * SAMPLE_BYTES), np.float32)


def track_levels(store: BinaryIO) -> NDArray[np.float32]:
    """Return the root mean square of a track, fifty times a second."""
    found = [np.zeros(0, np.float32)]
    for start in range(0, sample_count(store), BLOCK_SAMPLES):
        block = read_block(store, start)
        block = block[: len(block) // _FRAME_SAMPLES * _FRAME_SAMPLES].reshape(-1, _FRAME_SAMPLES)
        found.append(np.sqrt(np.mean(np.square(block), axis=1)))
    return np.concatenate(found)


def tracks_with_sound(levels: dict[int, NDArray[np.float32]]) -> set[int]:
    """Return the numbers of the tracks with sound."""
    loudness = {number: _loudness(each) for number, each in levels.items()}
    threshold = max(_MIN_LEVEL, _MIN_SHARE_OF_PEAK * max(loudness.values(), default=0.0))
    return {number for number, loud in loudness.items() if loud > threshold}


def _loudness(levels: NDArray[np.float32]) -> float:
    """Return the level that a track reaches for half a second, or for all of a shorter one."""
    tenths = levels[: len(levels) // _FRAMES_PER_TENTH * _FRAMES_PER_TENTH].reshape(-1, _FRAMES_PER_TENTH).max(1)
    return float(np.sort(tenths)[-min(_SOUND_TENTHS, len(tenths))]) if len(tenths) else 0.0


def have_same_sound(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Return whether the levels of two tracks correlate, as of one sound in two codecs."""
    length = min(len(one), len(other))
    one, other = (20 * np.log10(np.maximum(each[:length], _MIN_LEVEL)) for each in (one, other))
    return any(_correlation(one, other, lag) >= _MIN_SAME for lag in range(-_MAX_LAG_FRAMES, _MAX_LAG_FRAMES + 1))


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32], lag: int) -> float:
    """Return the correlation of two tracks where either is loud, at a lag in frames."""
    one, other = (one[lag:], other[: len(other) - lag]) if lag >= 0 else (one[:lag], other[-lag:])
    if not len(one):
        return 0.0
    active = (one > one.max() - _ACTIVE_DB) | (other > other.max() - _ACTIVE_DB)
    one, other = one[active] - one[active].mean(), other[active] - other[active].mean()
    power = float(np.dot(one, one)) * float(np.dot(other, other))
    return float(np.dot(one, other)) / power**0.5 if power > 0 else 0.0
