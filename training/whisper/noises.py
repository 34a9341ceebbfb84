"""Sounds without speech: silence, noise, tones, clicks and notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.whisper.features import SAMPLE_RATE_HZ

Wave = NDArray[np.float32]


def not_speech(rng: np.random.Generator, seconds: float) -> Wave:
    """Make silence, noise, hum, tones, clicks or notes, at any loudness.

    Returns:
        (seconds * 16000,), float32.
    """
    count = round(seconds * SAMPLE_RATE_HZ)
    makers = (silence, hiss, hiss, tones, clicks, music)
    wave = makers[rng.integers(len(makers))](rng, count)
    if rng.random() < 0.3:
        wave = wave + 0.3 * makers[rng.integers(1, len(makers))](rng, count)
    peak = float(np.abs(wave).max(initial=0.0))
    return (wave * (10.0 ** rng.uniform(-3.0, -0.2) / peak)).astype(np.float32) if peak > 0 else wave


def silence(_rng: np.random.Generator, count: int) -> Wave:
    """Make digital silence."""
    return np.zeros(count, dtype=np.float32)


def hiss(rng: np.random.Generator, count: int) -> Wave:
    """Make noise of a random colour that swells and fades."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1.0 / SAMPLE_RATE_HZ)
    spectrum *= np.maximum(hz, 30.0) ** rng.uniform(-1.2, 0.4)
    swell = np.interp(np.arange(count), np.linspace(0, count, 12), rng.uniform(-0.8, 0.0, 12) * rng.integers(0, 2))
    return (np.fft.irfft(spectrum, count) * 10.0**swell).astype(np.float32)


def tones(rng: np.random.Generator, count: int) -> Wave:
    """Make mains hum, or beeps such as a busy line or dialled digits."""
    time_s = np.arange(count) / SAMPLE_RATE_HZ
    if rng.random() < 0.3:
        base_hz = rng.choice([50.0, 60.0, 100.0])
        hum = [np.sin(2 * np.pi * base_hz * k * time_s) / k for k in range(1, 6)]
        return np.asarray(np.stack(hum).sum(axis=0), dtype=np.float32)
    wave = np.sin(2 * np.pi * rng.uniform(300, 1700) * time_s) + np.sin(2 * np.pi * rng.uniform(300, 1700) * time_s)
    period_s = rng.uniform(0.15, 1.5)
    return (wave * ((time_s % period_s) < period_s * rng.uniform(0.3, 1.0))).astype(np.float32)


def clicks(rng: np.random.Generator, count: int) -> Wave:
    """Make knocks, keys and crackle: short decaying bursts."""
    wave = 1e-3 * rng.standard_normal(count)
    for _ in range(max(1, round(count / SAMPLE_RATE_HZ * rng.uniform(0.5, 6)))):
        length = int(rng.integers(40, 1600))
        at = int(rng.integers(0, max(1, count - length)))
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
        wave[at : at + length] += (burst * rng.uniform(0.1, 1.0))[: count - at]
    return wave.astype(np.float32)


def music(rng: np.random.Generator, count: int) -> Wave:
    """Make decaying notes of a few harmonics on a scale.

    Two or three sound at a time.
    """
    wave = np.zeros(count + SAMPLE_RATE_HZ)
    scale_hz = rng.uniform(110, 330) * 2.0 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    beat = int(rng.uniform(0.12, 0.5) * SAMPLE_RATE_HZ)
    length = min(SAMPLE_RATE_HZ, 3 * beat)
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    harmonics = rng.uniform(0.1, 1.0, 6)
    for at in range(0, count, beat):
        for _ in range(int(rng.integers(1, 4))):
            note_hz = rng.choice(scale_hz)
            note = sum(h * np.sin(2 * np.pi * note_hz * (k + 1) * time_s) for k, h in enumerate(harmonics))
            wave[at : at + length] += note * np.exp(-time_s * rng.uniform(1, 8)) * np.minimum(1, time_s * 100)
    return wave[:count].astype(np.float32)
