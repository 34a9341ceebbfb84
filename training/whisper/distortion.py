"""Random changes of a voice, and random rooms and lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.whisper.features import BINS, SAMPLE_RATE_HZ, WARPS

if TYPE_CHECKING:
    import random

Wave = NDArray[np.float32]


def draw_change(rng: random.Random) -> tuple[float, float, np.ndarray | None]:
    """Draw speed, warp and response that make another person of a voice."""
    return draw_speed(rng), draw_warp(rng), draw_response(rng)


def draw_speed(rng: random.Random) -> float:
    """Draw a speed: faster and higher, or slower and lower."""
    return 1.0 if rng.random() < 0.25 else rng.uniform(0.87, 1.15)


def draw_warp(rng: random.Random) -> float:
    """Draw a shorter or longer vocal tract."""
    if rng.random() < 0.2:
        return 1.0
    return min(WARPS, key=lambda warp: abs(warp - float(np.exp(rng.gauss(0.0, 0.085)))))


def draw_response(rng: random.Random, strength_db: float = 5.0) -> np.ndarray | None:
    """Draw a smooth response per frequency bin: (201,) in dB."""
    if rng.random() < 0.3:
        return None
    points = [rng.gauss(0.0, strength_db) for _ in range(rng.randint(3, 9))]
    tilt_db = rng.uniform(-12.0, 12.0)
    axis = np.sqrt(np.linspace(0.0, 1.0, BINS))
    return np.interp(axis, np.linspace(0.0, 1.0, len(points)), points) + tilt_db * (axis - 0.5)


def draw_line(rng: random.Random) -> np.ndarray | None:
    """Draw the response of a telephone or a cheap microphone, (201,) in dB, or none."""
    kind = rng.random()
    hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, BINS)
    if kind < 0.22:
        low_hz, high_hz = rng.uniform(200, 400), rng.uniform(3000, 3800)
        slope_db = rng.uniform(0.05, 0.3)
        return -np.minimum(70.0, np.maximum(0, low_hz - hz) * slope_db + np.maximum(0, hz - high_hz) * slope_db)
    if kind < 0.32:
        return -np.minimum(60.0, np.maximum(0, hz - rng.uniform(3500, 6500)) * rng.uniform(0.02, 0.2))
    return None


def reverberate(rng: random.Random, wave: Wave) -> Wave:
    """Add a room: exponentially decaying noise after the direct sound."""
    length = int(rng.uniform(0.05, 0.35) * SAMPLE_RATE_HZ)
    noise = np.random.default_rng(rng.getrandbits(30)).standard_normal(length)
    tail = noise * np.exp(-np.arange(length) * (6.9 / length)) * rng.uniform(0.01, 0.06)
    tail[0] = 1.0
    size = 1 << (len(wave) + length).bit_length()
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)[: len(wave)].astype(np.float32)
