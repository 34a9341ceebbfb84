"""Synthesised utterances with the true times of their words, and the voices that speak them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

RATE_HZ = 16_000
MARGIN_S = 0.05
"""Sound kept before the first and after the last word."""

Wave = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True)
class Voice:
    """A synthesiser's voice with factors of pitch, rate and formants.

    Moving the formants by resampling makes new people out of few recorded ones.
    """

    engine: str
    """"rhvoice", "espeak" or "festival"."""
    base: str
    """The engine's name of the voice or the variant."""
    name: str
    """Name of the person in the corpus."""
    pitch: float = 1.0
    """Factor on the pitch of the base voice, before the formants are moved."""
    rate: float = 1.0
    """Factor on the speed of the base voice, before the formants are moved."""
    formants: float = 1.0
    """Factor on the formants; above 1: a shorter vocal tract.

    It also raises pitch and speed by as much; `pitch` and `rate` can undo that.
    """


@dataclass(frozen=True)
class Spoken:
    """A synthesised utterance: sound and the times of its words."""

    wave: Wave
    """float32 [samples], 16 kHz, within -1..1."""
    words: tuple[Span, ...]
    """Start and end of every word in seconds from the start of the sound."""


class SynthesisError(RuntimeError):
    """Words reported by an engine that are not those of the text."""


def word_positions(text: str) -> list[int]:
    """Find the character at which each word of `text.split()` starts."""
    return [match.start() for match in re.finditer(r"\S+", text)]


def finish(wave: Wave, rate_hz: int, spans: Sequence[Span], formants: float) -> Spoken:
    """Resample to 16 kHz, move the formants, trim the silence, scale the peak.

    The silence is cut at both ends, and the peak becomes 0.5.
    """
    wave = soxr.resample(wave, rate_hz * formants, RATE_HZ, quality="HQ").astype(np.float32)
    spans = [(start / formants, end / formants) for start, end in spans]
    first = max(0, round((spans[0][0] - MARGIN_S) * RATE_HZ))
    last = min(len(wave), round((spans[-1][1] + MARGIN_S) * RATE_HZ))
    cut = wave[first:last]
    cut = cut / max(2 * float(np.abs(cut).max(initial=0.0)), 1e-4)
    offset_s = first / RATE_HZ
    return Spoken(cut, tuple((start - offset_s, end - offset_s) for start, end in spans))
