"""Suppression of the sound of one channel that leaks into another, such as by a headset.

Where one channel clearly leads, the filter and the power of its leak into the other are measured. What the filter
predicts is subtracted, and what remains of the leak is suppressed by band and frame, down to the noise of the channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.audio.channel_analysis import is_active
from whisperx_worker.audio.channel_spectra import (
    BAND,
    BLOCK_SAMPLES,
    FRAME_SAMPLES,
    HOP_SAMPLES,
    LEVEL_SAMPLES,
    inverse_transform,
    power_of,
    read_at,
    transform,
)
from whisperx_worker.audio.track_levels import sample_count
from whisperx_worker.runtime.sample_file import SAMPLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from whisperx_worker.audio.channel_analysis import Findings

_EARLIEST_SAMPLES = -320
"""A leak may be this much earlier than its source, by the delays of a recorder."""
_LEADS_DB = 4.0
_MIN_FRAMES = 40
_MAX_FRAMES = 3_000
_MIN_ATTENUATION_DB = 6.0
_MIN_COHERENCE = 0.15
_MARGIN_SAMPLES = 32 * HOP_SAMPLES
_DECAY = np.float32(0.7)
"""Power of a leak after another 16 ms: 0.6 s of reverberation."""
_OVER = np.float32(3.0)
"""Power suppressed for each that is expected, since it fluctuates."""
_GATE = np.float32(3.0)
_GATE_FRAMES = 5
_MIN_GAIN = np.float32(1e-3)
_CLEAR_OF_NOISE = np.float32(10)
_MIN_CLEAR_FRAMES = 8
_MEDIAN = 0.69
"""Median of an exponential distribution over its mean."""
_NOISE_PERCENTILE = 10
_NOISE_MEAN = np.float32(1 / 0.105)
"""Mean of an exponential distribution over its tenth percentile."""


@dataclass(frozen=True, eq=False)
class Leak:
    """Path from one channel into another."""

    source: int
    target: int
    lag_samples: int
    response: NDArray[np.complex64]
    """Shape (bins,): filter after the delay."""
    rest: NDArray[np.float32]
    """Shape (bins,): power that the filter leaves, over that of the source."""


@dataclass(frozen=True, eq=False)
class Leaks:
    """Leaks between the channels of a recording."""

    stores: Sequence[BinaryIO]
    into: Mapping[int, Sequence[Leak]] = field(default_factory=dict)
    """Leaks by the channel that they are found in."""
    noise: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    """Shape (bins,): power of the noise of each of these channels."""

    def sentences(self) -> Iterator[str]:
        """Yield a sentence that names the channels."""
        places = [
            f"of channel {leak.source} in channel {number}"
            for number in sorted(self.into)
            for leak in self.into[number]
        ]
        if places:
            yield f"echo was suppressed: {', '.join(places)}"

    def write_without(self, number: int, store: BinaryIO, begin: int) -> None:
        """Write a channel without the leaks into it.

        Args:
            number: Of the channel.
            store: Gets its samples.
            begin: Index of the first.
        """
        length = sample_count(self.stores[number])
        for start in range(0, length, BLOCK_SAMPLES):
            count = min(BLOCK_SAMPLES, length - start)
            samples = self._without(number, start, count)
            if samples.any():
                store.seek((begin + start) * SAMPLE_BYTES)
                store.write(samples.data)
        store.flush()

    def _without(self, number: int, start: int, count: int) -> NDArray[np.float32]:
        """Return samples of a channel without the leaks into it."""
        begin, size = start - _MARGIN_SAMPLES, -(-count // HOP_SAMPLES) * HOP_SAMPLES + 2 * _MARGIN_SAMPLES
        sources = [read_at(self.stores[leak.source], begin - leak.lag_samples, size) for leak in self.into[number]]
        inside = slice(_MARGIN_SAMPLES, _MARGIN_SAMPLES + count)
        samples = read_at(self.stores[number], begin, size)
        if not any(source.any() for source in sources):
            return np.ascontiguousarray(samples[inside])
        spectra = transform(samples)
        expected = np.zeros(spectra.shape, np.float32)
        for leak, source in zip(self.into[number], sources, strict=True):
            leading = transform(source)
            spectra -= leading * leak.response
            expected += _with_decay(power_of(leading)) * leak.rest
        spectra *= _gains(power_of(spectra), expected, self.noise[number])
        return np.ascontiguousarray(inverse_transform(spectra)[inside])


def _with_decay(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return power of shape (frames, bins) that falls no faster than a room's."""
    for frame in range(1, len(power)):
        np.maximum(power[frame], power[frame - 1] * _DECAY, out=power[frame])
    return power


def _gains(
    power: NDArray[np.float32], expected: NDArray[np.float32], noise: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the gain of each frame and bin, where a leak of an expected power remains."""
    lowest = np.sqrt(np.minimum(noise / np.maximum(power, 1e-12), 1)).clip(_MIN_GAIN, 1)
    gains = np.sqrt(np.maximum(1 - _OVER * expected / np.maximum(power, 1e-12), 0))
    found, leaked = (_over_frames(each[:, BAND].sum(1)) for each in (power, expected + noise))
    echoes = (found <= _GATE * leaked) & (_over_frames(expected[:, BAND].sum(1)) > noise[BAND].sum())
    gains[echoes] = 0
    return np.asarray(np.maximum(gains, lowest), np.float32)


def _over_frames(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average over some frames."""
    return np.asarray(np.convolve(power, np.full(_GATE_FRAMES, 1 / _GATE_FRAMES), mode="same"), np.float32)


def find_leaks(stores: Sequence[BinaryIO], findings: Findings) -> Leaks:
    """Find the leaks between channels with sound of their own.

    Args:
        stores: File of each channel.
        findings: Comparison of them.
    """
    into: dict[int, list[Leak]] = {}
    for (one, other), lags in findings.lags.items():
        for source, target, sign in ((one, other, 1), (other, one, -1)):
            delays = [sign * lag.samples for lag in lags if sign * lag.samples >= _EARLIEST_SAMPLES]
            found = (_leak(stores, source, target, delay, findings) for delay in delays)
            if leak := next((each for each in found if each is not None), None):
                into.setdefault(target, []).append(leak)
    noise = {number: _noise(stores[number], findings.levels[number]) for number in into}
    return Leaks(stores, into, noise)


def _leak(stores: Sequence[BinaryIO], source: int, target: int, lag: int, findings: Findings) -> Leak | None:
    """Return the path between two channels at a delay, if there is a leak."""
    frames = _leading_frames(findings.levels[source], findings.levels[target], lag)
    if len(frames) < _MIN_FRAMES:
        return None
    leading = _spectra_at(stores[source], frames * LEVEL_SAMPLES - lag)
    leaked = _spectra_at(stores[target], frames * LEVEL_SAMPLES)
    # What the target has of its own there is an outlier.
    ratio = power_of(leaked)[:, BAND].sum(1) / np.maximum(power_of(leading)[:, BAND].sum(1), 1e-9)
    usual = ratio <= 4 * np.median(ratio)
    # Noise that both channels have is no leak.
    noise = _noise(stores[source], findings.levels[source])
    clear = power_of(leading[usual]) > _CLEAR_OF_NOISE * noise
    leading, leaked = np.where(clear, leading[usual], 0), np.where(clear, leaked[usual], 0)
    cross = (leaked * leading.conj()).sum(0)
    source_power, target_power = power_of(leading).sum(0), power_of(leaked).sum(0)
    coherence = np.square(np.abs(cross)) / np.maximum(source_power * target_power, 1e-20)
    response = cross / np.maximum(source_power, 1e-12)
    attenuation_db = -10 * np.log10(max(float(target_power[BAND].sum() / max(source_power[BAND].sum(), 1e-12)), 1e-12))
    if float(coherence[BAND].mean()) < _MIN_COHERENCE or attenuation_db < _MIN_ATTENUATION_DB:
        return None
    ratio = power_of(leaked - leading * response) / np.maximum(power_of(leading), 1e-12)
    # Each bin's median of the frames in which its source is clear of noise.
    ranked = np.sort(np.where(clear, ratio, np.inf), axis=0)
    middle = np.take_along_axis(ranked, clear.sum(0)[None] // 2, axis=0)[0]
    rest = np.where(clear.sum(0) >= _MIN_CLEAR_FRAMES, middle, 0) / _MEDIAN
    return Leak(source, target, lag, response.astype(np.complex64), rest.astype(np.float32))


def _leading_frames(source: NDArray[np.float32], target: NDArray[np.float32], lag: int) -> NDArray[np.intp]:
    """Return frames of the target in which the source clearly leads, spread over the recording."""
    shift = round(lag / LEVEL_SAMPLES)
    moved = np.roll(source, shift)
    leads = is_active(moved) & (moved >= source.max() - 25) & (moved - target >= _LEADS_DB)
    leads[: max(shift, 0)] = False
    found = np.flatnonzero(leads)
    return found[np.linspace(0, len(found) - 1, _MAX_FRAMES).astype(int)] if len(found) > _MAX_FRAMES else found


def _spectra_at(store: BinaryIO, starts: NDArray[np.intp]) -> NDArray[np.complex64]:
    """Return the spectra of frames, of shape (frames, bins)."""
    return np.concatenate([transform(read_at(store, int(start), FRAME_SAMPLES)) for start in starts])


def _noise(store: BinaryIO, levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the power of a channel's noise, of shape (bins,)."""
    starts = np.linspace(0, max(0, len(levels) - 3), min(len(levels), _MAX_FRAMES)).astype(int) * LEVEL_SAMPLES
    power = power_of(_spectra_at(store, starts))
    return np.asarray(np.percentile(power, _NOISE_PERCENTILE, axis=0) * _NOISE_MEAN, np.float32)
