"""Training windows: several utterances packed with pauses, and distortions of their sound.

Everything here is cheap (a few milliseconds per second of sound) and random through one `numpy` generator, so that a
window can be made again from its seed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import oaconvolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.speech.corpus import Record

RATE_HZ = 16_000
Wave = NDArray[np.float32]
Word = tuple[str, float, float]
Rng = np.random.Generator

CLEAN_SHARE = 0.2
TELEPHONE_SHARE = 0.25
NOISE_SAMPLES = 1 << 19


def pack(
    records: Sequence[Record], rng: Rng, seconds: float, wave_of: Callable[[Record], Wave]
) -> tuple[Wave, str, list[Word]]:
    """Fill a window with utterances and pauses, and distort its sound.

    The utterances are of one to three voices.

    Args:
        records: Utterances to draw from.
        rng: Random generator.
        seconds: Length of the window.
        wave_of: Returns the sound of a record, float32 [samples], 16 kHz, as `Corpus.wave`.

    Returns:
        Sound float32 [seconds × 16,000] within -1..1, its text, and (word, start, end) in seconds from the window's
        start.
    """
    window = np.zeros(round(seconds * RATE_HZ), np.float32)
    words: list[Word] = []
    at_s = _first_pause(rng, seconds)
    count = _utterance_count(rng, seconds)
    voices = _some_voices(records, rng)
    for _ in range(count):
        record = _pick(records, voices, rng)
        factor = float(rng.uniform(0.86, 1.16))
        length_s = record["samples"] / RATE_HZ / factor
        if at_s + length_s > seconds:
            continue
        wave = change_speed(wave_of(record), factor) * float(10 ** (rng.uniform(-9, 3) / 20))
        first = round(at_s * RATE_HZ)
        wave = wave[: len(window) - first]
        window[first : first + len(wave)] += wave
        words += [(word, at_s + start / factor, at_s + end / factor) for word, start, end in record["words"]]
        at_s += length_s + float(rng.exponential(0.45)) + 0.02
    return distort(window, rng), " ".join(word for word, _, _ in words), words


def _utterance_count(rng: Rng, seconds: float) -> int:
    """Draw a number of utterances: mostly as many as fit, sometimes one or none."""
    chance = rng.random()
    if chance < 0.04:
        return 0
    if chance < 0.16:
        return 1
    return max(1, round(seconds / 1.5 * float(rng.uniform(0.6, 1.8))))


def _first_pause(rng: Rng, seconds: float) -> float:
    """Draw the silence before the first word, in seconds."""
    if rng.random() < 0.08:
        return float(rng.uniform(0, 0.5 * seconds))
    return min(float(rng.exponential(0.2)), 0.3 * seconds)


def _some_voices(records: Sequence[Record], rng: Rng) -> set[str]:
    count = int(rng.integers(1, 4))
    return {records[int(rng.integers(len(records)))]["voice"] for _ in range(count)}


def _pick(records: Sequence[Record], voices: set[str], rng: Rng) -> Record:
    """Draw a record of one of the voices, or any record after 60 misses."""
    for _ in range(60):
        record = records[int(rng.integers(len(records)))]
        if record["voice"] in voices:
            break
    return record


def change_speed(wave: Wave, factor: float) -> Wave:
    """Raise speed and pitch by `factor`, by linear interpolation.

    Its slight dullness is one more kind of microphone.
    """
    positions = np.arange(0, len(wave) - 1, factor)
    below = positions.astype(np.int32)
    weight = (positions - below).astype(np.float32)
    return np.asarray(wave[below] * (1 - weight) + wave[below + 1] * weight, np.float32)


def distort(wave: Wave, rng: Rng) -> Wave:
    """Add a random room, noise, hum, telephone line and level.

    A fifth of all windows stay clean.
    """
    if rng.random() < CLEAN_SHARE:
        return at_level(wave, rng)
    if rng.random() < 0.45:
        wave = in_room(wave, rng)
    if rng.random() < 0.3:
        wave = tilt(wave, float(rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.8:
        wave = wave + noise(wave, rng, snr_db=float(rng.uniform(4, 35)))
    if rng.random() < 0.15:
        wave = wave + hum(wave, rng)
    if rng.random() < TELEPHONE_SHARE:
        wave = telephone(wave)
    return at_level(wave, rng)


def at_level(wave: Wave, rng: Rng) -> Wave:
    """Scale the peak to a random level between -26 and 0 dB of full scale."""
    peak = float(np.abs(wave).max(initial=0.0))
    return (wave * (10 ** (float(rng.uniform(-26, 0)) / 20) / max(peak, 1e-3))).astype(np.float32)


def in_room(wave: Wave, rng: Rng) -> Wave:
    """Add a random decaying reverberation.

    The direct sound, and with it the word times, stays in place.
    """
    decay_s = float(rng.uniform(0.03, 0.2))
    length = round(decay_s * 2.5 * RATE_HZ)
    response = rng.standard_normal(length).astype(np.float32)
    response *= np.exp(-np.arange(length, dtype=np.float32) / (decay_s / 3 * RATE_HZ))
    response *= float(rng.uniform(0.15, 0.7)) / max(float(np.linalg.norm(response)), 1e-6)
    response[0] = 1.0
    wet: Wave = oaconvolve(wave, response)[: len(wave)].astype(np.float32)
    return wet


def tilt(wave: Wave, amount: float) -> Wave:
    """Apply a first-order filter [1, amount]: a duller (above 0) or brighter (below 0) microphone."""
    tilted: Wave = wave.copy()
    tilted[1:] += amount * wave[:-1]
    return tilted


@cache
def _noises() -> NDArray[np.float32]:
    """Make half a minute of noise of ten colours each.

    Returns:
        float32 [10, samples] with a root mean square of 1.
    """
    rng = np.random.default_rng(0)
    colours = []
    for slope in np.linspace(0, 1.2, 10):
        spectrum = np.fft.rfft(rng.standard_normal(NOISE_SAMPLES))
        spectrum *= (np.linspace(0, 1, len(spectrum)) + 0.01) ** -slope
        colour = np.fft.irfft(spectrum, NOISE_SAMPLES)
        colours.append(colour / np.sqrt(np.mean(colour**2)))
    return np.asarray(colours, np.float32)


def noise(wave: Wave, rng: Rng, snr_db: float) -> Wave:
    """Make white to brown noise of slowly changing level, `snr_db` below the speech."""
    size = len(wave)
    kinds = _noises()
    first = int(rng.integers(NOISE_SAMPLES))
    sound = kinds[int(rng.integers(len(kinds)))].take(np.arange(first, first + size), mode="wrap")
    if rng.random() < 0.5:
        knots = 2 + size // (RATE_HZ // 2)
        envelope = 10 ** (rng.uniform(-12, 6, knots) / 20)
        sound *= np.interp(np.linspace(0, knots - 1, size), np.arange(knots), envelope).astype(np.float32)
    return np.asarray(sound * (speech_rms(wave) * 10 ** (-snr_db / 20)), np.float32)


def hum(wave: Wave, rng: Rng) -> Wave:
    """Make mains hum with a few overtones."""
    time_s = np.arange(len(wave), dtype=np.float32) / RATE_HZ
    sound = sum(np.sin(2 * np.pi * 50 * order * time_s) / order for order in (1, 2, 3, 5))
    return np.asarray(sound, np.float32) * speech_rms(wave) * float(rng.uniform(0.02, 0.3))


def speech_rms(wave: Wave) -> float:
    """Measure the root mean square of the louder half.

    It is 0.05 for silence, which gets noise as well.
    """
    frames = wave[: len(wave) // 400 * 400].reshape(-1, 400)
    power = np.sort(np.mean(frames**2, axis=1)) if len(frames) else np.zeros(1)
    loud = power[power > 1e-6]
    return float(np.sqrt(loud[len(loud) // 2 :].mean())) if len(loud) else 0.05


def telephone(wave: Wave) -> Wave:
    """Pass the sound through a telephone line: 300–3,400 Hz, 8 kHz, µ-law in 8 bits."""
    narrow = soxr.resample(wave, RATE_HZ, 8_000, quality="LQ")
    spectrum = np.fft.rfft(narrow)
    frequencies = np.linspace(0, 4_000, len(spectrum))
    spectrum *= np.clip((frequencies - 200) / 150, 0, 1) * np.clip((3_600 - frequencies) / 250, 0, 1)
    narrow = np.fft.irfft(spectrum, len(narrow))
    peak = max(float(np.abs(narrow).max()), 1e-4)
    companded = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / peak) / np.log(256)
    companded = np.round(companded * 127) / 127
    narrow = np.sign(companded) * (256 ** np.abs(companded) - 1) / 255 * peak
    wide = soxr.resample(narrow.astype(np.float32), 8_000, RATE_HZ, quality="LQ")
    return np.resize(wide, len(wave)).astype(np.float32) if len(wide) < len(wave) else wide[: len(wave)]
