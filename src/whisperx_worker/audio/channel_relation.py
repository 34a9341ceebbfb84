"""Relation of two channels: delays with common sound, and whether one has nothing of its own.

A delay is found by generalised cross-correlation with phase transform (Knapp and Carter, 1976).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.audio.channel_spectra import (
    BAND,
    BLOCK_SAMPLES,
    FRAME_SAMPLES,
    HOP_SAMPLES,
    LEVEL_SAMPLES,
    power_of,
    read_at,
    transform,
)
from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from numpy.typing import NDArray

_PIECE_SAMPLES = 1 << 15
_MAX_PIECES = 400
_PIECE_BAND = slice(200 * _PIECE_SAMPLES // SAMPLE_RATE_HZ, 3_700 * _PIECE_SAMPLES // SAMPLE_RATE_HZ)
MAX_LAG_SAMPLES = 35 * SAMPLE_RATE_HZ // 100
_MIN_PEAK = 10.0
"""Height of a peak over the deviation of the others."""
_MIN_PEAK_OF_HALF = 6.0
_MAX_PEAK_SHIFT = 8
_MAX_LAGS = 3
_PEAK_WIDTH = 160
_SMOOTHED_FRAMES = 10
_MIN_OWN_SHARE = 0.5
_OWN_RANGE = 10**-2.5
_MAX_OWN_S = 0.3
_MAX_OWN_PART = 0.02


@dataclass(frozen=True)
class Lag:
    """Delay at which two channels have common sound."""

    samples: int
    """Positive where the second is later."""
    height: float
    """Height of the peak over the deviation of the others; negative at opposite phases."""


@dataclass(frozen=True)
class Likeness:
    """Outcome of a prediction of one channel from another."""

    explained: bool
    """Whether it has no sound of its own."""
    gain_db: float
    """Its level over that of the other."""
    inverse: bool


def find_lags(
    stores: Mapping[int, BinaryIO], active: Mapping[int, NDArray[np.bool_]]
) -> dict[tuple[int, int], tuple[Lag, ...]]:
    """Find the delays at which pairs of channels have common sound.

    Args:
        stores: Channels with sound, by number.
        active: Whether each has sound in every frame of levels.

    Returns:
        Delays of the second channel of a pair after the first, the highest peak first.
    """
    pairs = list(combinations(sorted(stores), 2))
    starts = _pieces(active)
    sums = {pair: np.zeros((2, _PIECE_BAND.stop - _PIECE_BAND.start), np.complex128) for pair in pairs}
    window = np.hanning(_PIECE_SAMPLES).astype(np.float32)
    for number, start in enumerate(starts):
        phases = {}
        for channel, store in stores.items():
            spectrum = np.fft.rfft(read_at(store, start, _PIECE_SAMPLES) * window)[_PIECE_BAND]
            phases[channel] = spectrum / np.maximum(np.abs(spectrum), 1e-9)
        for one, other in pairs:
            sums[one, other][number % 2] += phases[other] * phases[one].conj()
    return {pair: _peaks(each) for pair, each in sums.items()}


def _pieces(active: Mapping[int, NDArray[np.bool_]]) -> list[int]:
    """Return the first samples of pieces with sound, spread over the recording."""
    step = _PIECE_SAMPLES // 2
    either = np.any(list(active.values()), 0)
    frames = step // LEVEL_SAMPLES
    counts = np.add.reduceat(either, np.arange(0, len(either), frames)) if len(either) else np.zeros(0)
    found = np.flatnonzero(counts > frames // 8)
    if len(found) > _MAX_PIECES:
        found = found[np.linspace(0, len(found) - 1, _MAX_PIECES).astype(int)]
    return [int(number) * step - step // 2 for number in found]


def _peaks(halves: NDArray[np.complex128]) -> tuple[Lag, ...]:
    """Return the lags of high peaks of a correlation that both halves of the pieces have."""
    whole, *each = (_correlation(half) for half in (halves.sum(0), *halves))
    found: list[Lag] = []
    while len(found) < _MAX_LAGS:
        at = int(np.argmax(np.abs(whole)))
        if abs(whole[at]) < _MIN_PEAK:
            break
        near = slice(max(0, at - _MAX_PEAK_SHIFT), at + _MAX_PEAK_SHIFT + 1)
        if min(np.abs(half[near]).max() for half in each) >= _MIN_PEAK_OF_HALF:
            found.append(Lag(at - MAX_LAG_SAMPLES, float(whole[at])))
        whole[max(0, at - _PEAK_WIDTH) : at + _PEAK_WIDTH + 1] = 0
    return tuple(found)


def _correlation(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return the correlation at each lag over its own deviation, from the most negative lag."""
    full = np.zeros(_PIECE_SAMPLES // 2 + 1, np.complex128)
    full[_PIECE_BAND] = spectrum
    circular = np.fft.irfft(full)
    correlation = np.concatenate([circular[-MAX_LAG_SAMPLES:], circular[: MAX_LAG_SAMPLES + 1]])
    deviation = float(np.median(np.abs(correlation))) / 0.6745
    return correlation / max(deviation, 1e-12)


def compare(one: BinaryIO, other: BinaryIO, lag: Lag, loud: float, active: NDArray[np.bool_]) -> Likeness:
    """Predict one channel from another, each minute by the best linear filter, and measure the rest.

    Args:
        one: Predicts.
        other: Is predicted.
        lag: Its delay after `one`.
        loud: Its level in dB.
        active: Whether it has sound in every frame of levels.
    """
    threshold = 10 ** (loud / 10) * _OWN_RANGE * FRAME_SAMPLES**2 / 4
    own = total = 0
    powers, product = np.zeros(2), 0.0
    for start in range(0, len(active) * LEVEL_SAMPLES, BLOCK_SAMPLES):
        count = min(BLOCK_SAMPLES, len(active) * LEVEL_SAMPLES - start) + FRAME_SAMPLES
        source = transform(read_at(one, start - lag.samples, count))[:, BAND]
        target = transform(read_at(other, start, count))[:, BAND]
        cross = (target * source.conj()).sum(0)
        source_power, target_power = power_of(source), power_of(target)
        rest = _smoothed(power_of(target - source * (cross / np.maximum(source_power.sum(0), 1e-9))).sum(1))
        own += int(((rest > _MIN_OWN_SHARE * _smoothed(target_power.sum(1))) & (rest > threshold)).sum())
        total += int((_smoothed(target_power.sum(1)) > threshold).sum())
        powers += source_power.sum(), target_power.sum()
        product += float(cross.sum().real)
    own_s = own * HOP_SAMPLES / SAMPLE_RATE_HZ
    explained = own_s <= max(_MAX_OWN_S, _MAX_OWN_PART * total * HOP_SAMPLES / SAMPLE_RATE_HZ)
    gain_db = float(10 * np.log10(max(powers[1], 1e-9) / max(powers[0], 1e-9)))
    return Likeness(explained, gain_db, lag.height < 0 and product < 0)


def _smoothed(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average over a sixth of a second."""
    summed = np.cumsum(np.concatenate([[0.0], power]))
    size = min(_SMOOTHED_FRAMES, len(power))
    return np.asarray((summed[size:] - summed[:-size]) / size, np.float32)
