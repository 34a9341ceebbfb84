"""Short-time spectra of channels, read a minute at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.runtime.sample_file import SAMPLE_BYTES
from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

BLOCK_SAMPLES = 60 * SAMPLE_RATE_HZ // 1024 * 1024
FRAME_SAMPLES, HOP_SAMPLES = 1024, 256
LEVEL_SAMPLES = 512
"""Samples of a frame of levels: 32 ms."""
LEVELS_PER_S = SAMPLE_RATE_HZ / LEVEL_SAMPLES
_BAND_HZ = (200, 3_700)
"""What a telephone lets through, without hum."""
BAND = slice(*(hz * FRAME_SAMPLES // SAMPLE_RATE_HZ for hz in _BAND_HZ))
_LEVEL_BAND = slice(*(hz * LEVEL_SAMPLES // SAMPLE_RATE_HZ for hz in _BAND_HZ))
_WINDOW = np.sqrt(np.hanning(FRAME_SAMPLES + 1)[:-1]).astype(np.float32)
_OVERLAP = FRAME_SAMPLES / HOP_SAMPLES / 2
"""Sum of the squared windows."""
_MIN_POWER = 1e-10


def read_at(store: BinaryIO, start: int, count: int) -> NDArray[np.float32]:
    """Read samples of shape (count,); before the beginning and after the end there is silence."""
    found = np.zeros(count, np.float32)
    skipped = max(0, -start)
    if skipped < count:
        content = os.pread(store.fileno(), (count - skipped) * SAMPLE_BYTES, (start + skipped) * SAMPLE_BYTES)
        samples = np.frombuffer(content, np.float32)
        found[skipped : skipped + len(samples)] = samples
    return found


def levels_of(store: BinaryIO, length: int) -> NDArray[np.float32]:
    """Return the level of every 32 ms in the telephone band.

    Returns:
        Shape (frames,), in dB of full scale, at least -100.
    """
    window = np.hanning(LEVEL_SAMPLES).astype(np.float32)
    scale = 2 / (LEVEL_SAMPLES * float(np.square(window).sum()))
    found = []
    for start in range(0, length, BLOCK_SAMPLES):
        count = -(-min(BLOCK_SAMPLES, length - start) // LEVEL_SAMPLES)
        frames = read_at(store, start, count * LEVEL_SAMPLES).reshape(count, LEVEL_SAMPLES)
        spectra = np.fft.rfft(frames * window)[:, _LEVEL_BAND]
        power = scale * (np.square(spectra.real) + np.square(spectra.imag)).sum(1)
        found.append((10 * np.log10(np.maximum(power, _MIN_POWER))).astype(np.float32))
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def transform(samples: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the short-time spectra of samples, of shape (frames, bins)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES]
    return np.asarray(np.fft.rfft(frames * _WINDOW), np.complex64)


def inverse_transform(spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the samples of spectra; the first and last 768 lack a part of their frames."""
    frames = np.asarray(np.fft.irfft(spectra, FRAME_SAMPLES), np.float32) * (_WINDOW / np.float32(_OVERLAP))
    parts = FRAME_SAMPLES // HOP_SAMPLES
    samples = np.zeros((len(frames) + parts - 1, HOP_SAMPLES), np.float32)
    for part in range(parts):
        samples[part : part + len(frames)] += frames[:, part * HOP_SAMPLES : (part + 1) * HOP_SAMPLES]
    return samples.reshape(-1)


def power_of(spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the squared magnitude."""
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag), np.float32)
