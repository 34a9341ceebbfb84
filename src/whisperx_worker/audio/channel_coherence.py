"""Coherence of two channels: which part of one is the other's sound, late and filtered. Pure: numpy.

An echo is coherent with its source whatever its delay and filter; two voices are not, whatever they speak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_DELAY = round(0.4 * SAMPLE_RATE_HZ)
"""Samples that an echo may come later, or earlier where clocks differ."""
_FRAME, _HOP = 512, 128
_LOWEST_BIN = 8
"""Bins below 250 Hz, where rumble and hum of a line are coherent, are left out."""
_WHITENING = 0.8
"""Exponent of the magnitudes that the cross-spectrum is divided by; 1 is PHAT (Knapp and Carter, 1976)."""
_TINY = 1e-12


def delay(source: NDArray[np.float32], other: NDArray[np.float32]) -> int:
    """Return the samples by which `other` comes later than `source`, at most `MAX_DELAY` either way.

    Args:
        source: Shape (n,).
        other: Shape (n,).
    """
    size = 1 << (len(source) + len(other)).bit_length()
    spectrum = np.fft.rfft(other, size) * np.conj(np.fft.rfft(source, size))
    spectrum /= np.maximum(np.abs(spectrum) ** _WHITENING, _TINY)
    correlation = np.fft.irfft(spectrum, size)
    reach = min(MAX_DELAY, len(source) - 1)
    near = np.concatenate([correlation[len(correlation) - reach :], correlation[: reach + 1]])
    return int(np.argmax(np.abs(near))) - reach


def coherent_share(source: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the share of `other`'s power, 0..1, that is a filtered and late `source`.

    It is the magnitude-squared coherence in frames of 32 ms after the delay is taken out, weighted by `other`'s power.
    Of two voices it is below 0.25 from half a second on, of an echo without much room above 0.6.

    Args:
        source: Shape (n,), at 16,000 Hz.
        other: Shape (n,), of the same time.

    Returns:
        0 where the sound is shorter than two frames.
    """
    if min(len(source), len(other)) < 2 * _FRAME:
        return 0.0
    late = delay(source, other)
    first, second = (source, other[late:]) if late >= 0 else (source[-late:], other)
    length = min(len(first), len(second))
    if length < 2 * _FRAME:
        return 0.0
    frames, others = (_spectra(part[:length]) for part in (first, second))
    cross = np.abs(np.mean(others * np.conj(frames), axis=0)) ** 2
    power, others_power = (np.mean(np.abs(part) ** 2, axis=0) for part in (frames, others))
    explained = cross / np.maximum(power, _TINY)
    total = float(np.sum(others_power[_LOWEST_BIN:]))
    return float(np.sum(explained[_LOWEST_BIN:])) / total if total > _TINY else 0.0


def level_db(samples: NDArray[np.float32]) -> float:
    """Return the level of sound in dB of full scale; at least -120."""
    return 10 * float(np.log10(max(np.mean(np.square(samples), dtype=np.float64), _TINY))) if len(samples) else -120.0


def _spectra(samples: NDArray[np.float32]) -> NDArray[np.complexfloating]:
    """Return the spectra of windowed frames, shape (frames, bins)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    return np.fft.rfft(frames * np.hanning(_FRAME), axis=1)
