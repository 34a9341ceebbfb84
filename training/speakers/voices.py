"""New people out of known voices: changed pitch and formants, distorted sound.

Every change of a voice is a new person to the teacher, and so to the student. Random through one `numpy` generator;
about 10 ms for four seconds of sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from training.speech import augmentation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.speakers.recordings import Piece, Speech

RATE_HZ = 16_000
FFT, HOP = 512, 128
LIFTER = 40
"""Cepstral coefficients of the envelope: formants, and no harmonics of voices below 400 Hz."""
UNCHANGED_SHARE = 0.15
RECORDED_SHARE = 0.6
WINDOW = np.hanning(FFT + 1)[:-1].astype(np.float32)

Wave = NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True)
class Voices:
    """Pieces of every voice of one collection, and the probability of each voice."""

    speech: Speech
    pieces: list[list[Piece]]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, speech: Speech) -> Voices:
        """Group pieces by voice; a voice is drawn by the square root of its seconds."""
        groups: dict[str, list[Piece]] = {}
        for piece in speech.pieces:
            groups.setdefault(piece["voice"], []).append(piece)
        weights = np.sqrt([sum(piece["samples"] for piece in group) for group in groups.values()])
        return cls(speech, list(groups.values()), weights / weights.sum())

    def stretch(self, voice: int, samples: int, rng: Rng) -> Wave:
        """Draw speech of one voice, float32 [samples], joined from random pieces."""
        pieces = self.pieces[voice]
        waves: list[Wave] = []
        missing = samples
        while missing > 0:
            wave = self.speech.wave(pieces[int(rng.integers(len(pieces)))])
            start = int(rng.integers(max(1, len(wave) - missing)))
            waves.append(wave[start : start + missing])
            missing -= len(waves[-1])
        return np.concatenate(waves)


def change_voice(wave: Wave, pitch: float, formants: float) -> Wave:
    """Change a voice to another person: speed up by `pitch`, scale the spectral envelope by `formants`.

    Args:
        wave: float32 [samples].
        pitch: Factor of the fundamental, and of the speaking rate.
        formants: Factor of the formants; the speed's own effect on them is taken back.

    Returns:
        float32 [about samples / pitch].
    """
    wave = augmentation.change_speed(wave, pitch)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, FFT), FFT)[::HOP] * WINDOW
    spectra = np.fft.rfft(frames)
    logarithm = np.log(np.abs(spectra) + 1e-5)
    cepstra = np.fft.irfft(logarithm)
    cepstra[:, LIFTER:-LIFTER] = 0
    envelope = np.fft.rfft(cepstra).real
    bins = envelope.shape[1]
    positions = np.minimum(np.arange(bins) / (formants / pitch), bins - 1.001)
    below = positions.astype(int)
    weight = positions - below
    moved = envelope[:, below] * (1 - weight) + envelope[:, below + 1] * weight
    spectra *= np.exp(moved - envelope)
    return _overlap_add(np.fft.irfft(spectra).astype(np.float32) * WINDOW)[FFT : FFT + len(wave)]


def _overlap_add(frames: NDArray[np.float32]) -> Wave:
    """Join frames by overlap-add; four Hann windows, applied twice, sum to 1.5."""
    parts = frames.reshape(len(frames), FFT // HOP, HOP)
    wave = np.zeros((len(frames) + FFT // HOP, HOP), np.float32)
    for part in range(FFT // HOP):
        wave[part : part + len(frames)] += parts[:, part]
    return np.asarray(wave.reshape(-1) / np.float32(1.5), np.float32)


def equalise(wave: Wave, rng: Rng) -> Wave:
    """Apply a smooth random response of ±8 dB, as of a microphone."""
    spectrum = np.fft.rfft(wave)
    knots = rng.uniform(-8, 8, 8)
    response_db = np.interp(np.linspace(0, 7, len(spectrum)), np.arange(8), knots)
    return np.fft.irfft(spectrum * 10 ** (response_db / 20), len(wave)).astype(np.float32)


@dataclass(frozen=True)
class Batch:
    """Sounds of many people for teacher and student."""

    clean: torch.Tensor
    """float32 [people, 2 × samples]: for the teacher."""
    distorted: torch.Tensor
    """float32 [2 × people, samples]: for the student.

    First and second half of each person, distorted separately.
    """
    names: list[str]
    """Names, equal for two people that are the same unchanged voice."""


def person(collections: Sequence[Voices], samples: int, rng: Rng) -> tuple[Wave, str]:
    """Draw speech of a known or new person, float32 [samples], and the person's name."""
    which = 0 if rng.random() < RECORDED_SHARE else 1
    voices = collections[which]
    voice = int(rng.choice(len(voices.shares), p=voices.shares))
    if rng.random() < UNCHANGED_SHARE:
        return voices.stretch(voice, samples, rng), f"{which}.{voice}"
    pitch, formants = np.exp(rng.uniform(-0.26, 0.26)), np.exp(rng.uniform(-0.2, 0.2))
    wave = voices.stretch(voice, round(samples * pitch) + 8, rng)
    return change_voice(wave, pitch, formants)[:samples], f"{which}.{voice}.{rng.random()}"


def make_batch(collections: Sequence[Voices], people: int, seconds: float, rng: Rng) -> Batch:
    """Draw sounds of twice the given seconds from the recorded voices (first) and the synthetic ones."""
    samples = round(seconds * RATE_HZ)
    clean, distorted, names = [], [], []
    for _ in range(people):
        wave, name = person(collections, 2 * samples, rng)
        if rng.random() < 0.3:
            wave = equalise(wave, rng)
        clean.append(wave)
        for half in (wave[:samples], wave[samples:]):
            coloured = equalise(half, rng) if rng.random() < 0.4 else half
            distorted.append(augmentation.distort(coloured, rng))
        names.append(name)
    return Batch(torch.from_numpy(np.stack(clean)), torch.from_numpy(np.stack(distorted)), names)
