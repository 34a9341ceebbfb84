"""Training windows: utterances in sequence, with pauses, a channel and their letters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from training.whisper.corpus import UNKNOWN, Corpus, Utterance, Wave
from training.whisper.distortion import draw_change, draw_line, draw_response, reverberate
from training.whisper.features import FRAMES_PER_S, SAMPLE_RATE_HZ, Channel
from training.whisper.noises import not_speech

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

IGNORE = UNKNOWN
ALPHABET = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
ENCODER_FRAMES_PER_S = 50
MIN_WORD_PART = 0.6
"""Part of a cut word that must be inside the window for it to be written.

The word is cut by the window's edge.
"""

Span = tuple[float, float]
TimedWord = tuple[str, float, float]


@dataclass
class Segment:
    """Words of one utterance in the window; times in seconds from the window's start."""

    words: list[TimedWord]
    cut: bool = False
    """The window ends inside it."""


@dataclass
class Window:
    """Sound of a window and its reference."""

    wave: Wave
    segments: list[Segment] = field(default_factory=list)
    language: str | None = "ru"
    """None without speech."""
    channel: Channel | None = None
    letters: NDArray[np.int8] | None = None
    """(frames of 20 ms,): letter class of each; None without speech."""

    @property
    def text(self) -> str:
        """All words with single spaces."""
        return " ".join(word for segment in self.segments for word, _, _ in segment.words)


def pack(  # noqa: PLR0913 - the last four are named and have defaults
    rng: random.Random,
    corpus: Corpus,
    seconds: float,
    *,
    split: str = "train",
    utterances: int = 99,
    max_voices: int = 3,
    plain: bool = False,
) -> Window:
    """Pack utterances of one or a few voices into a window with pauses.

    Args:
        rng: random generator.
        corpus: source of the utterances.
        seconds: length of the window; what sticks out is cut off.
        split: the corpus's split to draw from.
        utterances: stop after so many, and end the window a moment after the last.
        max_voices: at most so many voices.
        plain: leave the voices as they are.
    """
    voices = corpus.voices(rng, split, min(utterances, max_voices, rng.choice([1, 1, 2, 3])))
    changes = {voice: (1.0, 1.0, None) if plain else draw_change(rng) for voice in voices}
    pieces: list[tuple[int, Wave]] = []
    segments: list[Segment] = []
    letters = np.zeros(math.ceil(seconds * ENCODER_FRAMES_PER_S), np.int8)
    stretches: list[tuple[int, int, float, np.ndarray | None]] = []
    language = "ru"
    used: set[str] = set()
    at_s = rng.uniform(0.0, 0.4) if rng.random() < 0.8 else rng.uniform(0.4, 3.0)
    if utterances > 1 and rng.random() < 0.2:
        at_s = -rng.uniform(0.2, 2.0)
    for _ in range(utterances):
        voice = rng.choice(voices)
        speed, warp, response = changes[voice]
        utterance = corpus.draw(rng, split, voice, used)
        used.add(utterance.text)
        language = utterance.language
        wave = corpus.wave(utterance, speed) * np.float32(10.0 ** rng.uniform(-0.25, 0.25))
        pieces.append((round(at_s * SAMPLE_RATE_HZ), wave))
        segments.append(place(utterance, at_s, speed, seconds))
        write_letters(letters, corpus.letters(utterance), at_s, speed)
        end_s = at_s + len(wave) / SAMPLE_RATE_HZ
        stretches.append((max(0, int(at_s * FRAMES_PER_S) - 3), int(end_s * FRAMES_PER_S) + 3, warp, response))
        at_s = end_s + min(rng.expovariate(2.2), 3.0)
        if at_s >= seconds - 0.3:
            break
    else:
        at_s = end_s + rng.uniform(0.0, 0.5) if rng.random() < 0.8 else end_s + rng.uniform(0.0, 2.5)
    length = round(min(seconds, max(at_s, 0.5)) * SAMPLE_RATE_HZ) // 160 * 160
    wave = mix(pieces, length)
    segments = [segment for segment in segments if segment.words]
    return Window(wave, segments, language, Channel(voices=stretches), letters)


def place(utterance: Utterance, at_s: float, speed: float, seconds: float) -> Segment:
    """Place the utterance's words that lie between 0 and `seconds`."""
    words: list[TimedWord] = []
    cut = False
    for word, start, end in utterance.words:
        start_s, end_s = at_s + start / speed, at_s + end / speed
        inside_s = min(end_s, seconds) - max(start_s, 0.0)
        if inside_s >= MIN_WORD_PART * (end_s - start_s):
            words.append((word, max(start_s, 0.0), min(end_s, seconds)))
        cut = cut or end_s > seconds
    return Segment(words, cut)


def write_letters(window: NDArray[np.int8], utterance: NDArray[np.int8], at_s: float, speed: float) -> None:
    """Write an utterance's letters, `speed` times as fast, into a window's, from `at_s` on."""
    times_s = (np.arange(len(window)) + 0.5) / ENCODER_FRAMES_PER_S
    frames = np.floor((times_s - at_s) * speed * ENCODER_FRAMES_PER_S).astype(np.int64)
    inside = (frames >= 0) & (frames < len(utterance))
    window[inside] = utterance[frames[inside]]


def mix(pieces: list[tuple[int, Wave]], length: int) -> Wave:
    """Add waves at their positions into one of `length` samples; what sticks out is lost."""
    mixed = np.zeros(length, dtype=np.float32)
    for at, wave in pieces:
        start, end = max(at, 0), min(at + len(wave), length)
        if start < end:
            mixed[start:end] += wave[start - at : end - at]
    return mixed


def disturb(rng: random.Random, window: Window, strength: float) -> None:
    """Draw loudness, line, room and noise for a window, in place.

    Args:
        rng: random generator.
        window: its `wave` and `channel` are changed.
        strength: 0..1, how bad it may become.
    """
    if window.channel is None:
        window.channel = Channel()
    channel = window.channel
    window.wave = window.wave * np.float32(10.0 ** rng.uniform(-1.3, 0.25))
    if rng.random() < 0.15 * strength:
        window.wave = reverberate(rng, window.wave)
    channel.seed = rng.getrandbits(30)
    if rng.random() < strength:
        channel.gain_db = draw_line(rng)
    if rng.random() < 0.75 and window.language is not None:
        channel.noise_db = -rng.uniform(8.0 + 10.0 * (1.0 - strength), 50.0)
        channel.noise_before_line = rng.random() < 0.6
        channel.noise_shape_db = draw_response(rng, 8.0)
        if rng.random() < 0.4:
            channel.noise_envelope_db = np.array([rng.uniform(-18.0, 0.0) for _ in range(rng.randint(2, 30))])


def silent(rng: random.Random, seconds: float) -> Window:
    """Make a window without speech."""
    return Window(not_speech(np.random.default_rng(rng.getrandbits(30)), seconds), language=None)
