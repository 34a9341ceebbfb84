"""Training windows: utterances put one after the other, as the model will meet them, and the tokens it should write."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grammar
import numpy as np
from whisper_corpus import UNKNOWN, Corpus, Utterance, Wave, not_speech
from whisper_features import BINS, FRAMES_PER_S, SAMPLE_RATE_HZ, WARPS, Channel

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray
    from tokenizers import Tokenizer
    from whisper_tokenizer import SpecialIds

IGNORE = UNKNOWN
ALPHABET = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
ENCODER_FRAMES_PER_S = 50
KEEP_WORD = 0.6
"""A word cut by the window's edge is written when this part of it is heard."""

Span = tuple[float, float]
TimedWord = tuple[str, float, float]


@dataclass
class Segment:
    """What one utterance became in the window; times in seconds from the window's start."""

    words: list[TimedWord]
    cut: bool = False
    """The window ends inside it."""


@dataclass
class Window:
    """Sound, and what is said in it."""

    wave: Wave
    segments: list[Segment] = field(default_factory=list)
    language: str | None = "ru"
    """None where nobody speaks."""
    channel: Channel | None = None
    letters: NDArray[np.int8] | None = None
    """(frames of 20 ms,): the class of the letter heard in each; None where nobody speaks."""

    @property
    def text(self) -> str:
        """All words with single spaces."""
        return " ".join(word for segment in self.segments for word, _, _ in segment.words)


@dataclass
class Sequence:
    """Decoder input and target of one window; four lists of one length."""

    tokens: list[int]
    targets: list[int]
    spans: list[Span]
    """Where in the audio the next token is heard, in seconds; (-1, -1) where it does not matter."""


def pack(  # noqa: PLR0913 - the last four are named and have defaults
    rng: random.Random,
    corpus: Corpus,
    seconds: float,
    *,
    split: str = "train",
    utterances: int = 99,
    most_voices: int = 3,
    plain: bool = False,
) -> Window:
    """Put utterances of one or a few voices into a window with pauses.

    Args:
        rng: all chance comes from here.
        corpus: where the utterances come from.
        seconds: length of the window; what sticks out is cut off.
        split: the corpus's split to draw from.
        utterances: stop after so many, and end the window a moment after the last.
        most_voices: at most so many voices.
        plain: leave the voices as they are.
    """
    voices = corpus.voices(rng, split, min(utterances, most_voices, rng.choice([1, 1, 2, 3])))
    changes = {voice: (1.0, 1.0, None) if plain else draw_change(rng) for voice in voices}
    pieces: list[tuple[int, Wave]] = []
    segments: list[Segment] = []
    letters = np.zeros(math.ceil(seconds * ENCODER_FRAMES_PER_S), np.int8)
    stretches: list[tuple[int, int, float, np.ndarray | None]] = []
    language = "ru"
    said: set[str] = set()
    at_s = rng.uniform(0.0, 0.4) if rng.random() < 0.8 else rng.uniform(0.4, 3.0)
    if utterances > 1 and rng.random() < 0.2:
        at_s = -rng.uniform(0.2, 2.0)
    for _ in range(utterances):
        voice = rng.choice(voices)
        speed, warp, response = changes[voice]
        utterance = corpus.draw(rng, split, voice, said)
        said.add(utterance.text)
        language = utterance.language
        wave = corpus.wave(utterance, speed) * np.float32(10.0 ** rng.uniform(-0.25, 0.25))
        pieces.append((round(at_s * SAMPLE_RATE_HZ), wave))
        segments.append(place(utterance, at_s, speed, seconds))
        put_letters(letters, corpus.letters(utterance), at_s, speed)
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
    """The utterance's words that are heard between 0 and `seconds`."""
    words: list[TimedWord] = []
    cut = False
    for word, start, end in utterance.words:
        start_s, end_s = at_s + start / speed, at_s + end / speed
        heard_s = min(end_s, seconds) - max(start_s, 0.0)
        if heard_s >= KEEP_WORD * (end_s - start_s):
            words.append((word, max(start_s, 0.0), min(end_s, seconds)))
        cut = cut or end_s > seconds
    return Segment(words, cut)


def put_letters(window: NDArray[np.int8], utterance: NDArray[np.int8], at_s: float, speed: float) -> None:
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


def draw_change(rng: random.Random) -> tuple[float, float, np.ndarray | None]:
    """Another person out of a voice: speed, warp, response."""
    return draw_speed(rng), draw_warp(rng), draw_response(rng)


def draw_speed(rng: random.Random) -> float:
    """Faster and higher, or slower and lower."""
    return 1.0 if rng.random() < 0.25 else rng.uniform(0.87, 1.15)


def draw_warp(rng: random.Random) -> float:
    """Shorter or longer vocal tract."""
    if rng.random() < 0.2:
        return 1.0
    return min(WARPS, key=lambda warp: abs(warp - float(np.exp(rng.gauss(0.0, 0.085)))))


def draw_response(rng: random.Random, strength_db: float = 5.0) -> np.ndarray | None:
    """A smooth random response per frequency bin: (201,) in dB."""
    if rng.random() < 0.3:
        return None
    points = [rng.gauss(0.0, strength_db) for _ in range(rng.randint(3, 9))]
    tilt_db = rng.uniform(-12.0, 12.0)
    axis = np.sqrt(np.linspace(0.0, 1.0, BINS))
    return np.interp(axis, np.linspace(0.0, 1.0, len(points)), points) + tilt_db * (axis - 0.5)


def draw_line(rng: random.Random) -> np.ndarray | None:
    """A telephone, a cheap microphone, or nothing: (201,) in dB."""
    kind = rng.random()
    hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, BINS)
    if kind < 0.22:
        low_hz, high_hz = rng.uniform(200, 400), rng.uniform(3000, 3800)
        slope_db = rng.uniform(0.05, 0.3)
        return -np.minimum(70.0, np.maximum(0, low_hz - hz) * slope_db + np.maximum(0, hz - high_hz) * slope_db)
    if kind < 0.32:
        return -np.minimum(60.0, np.maximum(0, hz - rng.uniform(3500, 6500)) * rng.uniform(0.02, 0.2))
    return None


def disturb(rng: random.Random, window: Window, strength: float) -> None:
    """Choose loudness, line, room and noise for a window, in place.

    Args:
        rng: all chance comes from here.
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


def reverberate(rng: random.Random, wave: Wave) -> Wave:
    """A room: exponentially decaying noise after the direct sound."""
    length = int(rng.uniform(0.05, 0.35) * SAMPLE_RATE_HZ)
    noise = np.random.default_rng(rng.getrandbits(30)).standard_normal(length)
    tail = noise * np.exp(-np.arange(length) * (6.9 / length)) * rng.uniform(0.01, 0.06)
    tail[0] = 1.0
    size = 1 << (len(wave) + length).bit_length()
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)[: len(wave)].astype(np.float32)


def silent(rng: random.Random, seconds: float) -> Window:
    """A window in which nobody speaks."""
    return Window(not_speech(np.random.default_rng(rng.getrandbits(30)), seconds), language=None)


class Writer:
    """Turns windows into token sequences."""

    def __init__(self, tokenizer: Tokenizer, ids: SpecialIds) -> None:
        self.tokenizer = tokenizer
        self.ids = ids
        self.vocabulary = grammar.vocabulary()
        self.encoded: dict[str, list[int]] = {}

    def encode(self, word: str) -> list[int]:
        """A word's pieces, the space before it included; remembered, as the words are few."""
        if word not in self.encoded:
            self.encoded[word] = self.tokenizer.encode(f" {word}", add_special_tokens=False).ids
        return self.encoded[word]

    def sequence(self, rng: random.Random, window: Window, *, timestamps: bool, padded: bool) -> Sequence:
        """Prompt, text and times as Whisper writes them.

        Args:
            rng: draws prompts and the first timestamp's disguise.
            window: the window.
            timestamps: with times, or after `<|notimestamps|>`.
            padded: silence follows the window, so that a cut last utterance is the end of the sound and not the
                start of the next window.
        """
        ids, out = self.ids, Sequence([], [], [])
        for token in self.prompt(rng) if rng.random() < 0.1 else []:
            put(out, token, IGNORE)
        start = ids.nospeech if window.language is None else ids.languages[window.language]
        put(out, ids.startoftranscript, start)
        put(out, ids.languages[window.language or "ru"], IGNORE)
        put(out, ids.transcribe, IGNORE)
        if not timestamps:
            put(out, ids.notimestamps, IGNORE)
        if window.language == "ru" and window.segments:
            self.body(rng, out, window, timestamps=timestamps, padded=padded)
        elif timestamps:
            self.expect(out, ids.timestamp(0.0), (-1.0, -1.0))
            put(out, ids.timestamp(0.0), IGNORE)
        end_s = window.segments[-1].words[-1][2] if window.segments else -1.0
        self.expect(out, ids.endoftext, (end_s - 0.06, end_s + 0.06) if end_s >= 0 else (-1.0, -1.0))
        return out

    def body(self, rng: random.Random, out: Sequence, window: Window, *, timestamps: bool, padded: bool) -> None:
        """Write every segment behind the prompt."""
        for index, segment in enumerate(window.segments):
            first, last = segment.words[0][1], segment.words[-1][2]
            if timestamps:
                self.append(out, self.ids.timestamp(first), (first - 0.06, first + 0.06))
                # Inference caps the first time at 1 s, and batched inference at 0: the text must not suffer from it.
                if index == 0 and rng.random() < 0.4:
                    out.tokens[-1] = self.ids.timestamp(rng.choice([0.0, 0.0, min(first, 1.0)]))
                if segment.cut and not padded:
                    return
            for word in segment.words:
                for piece, start, end in self.pieces(window, word):
                    self.append(out, piece, (start - 0.05, end + 0.05))
            if timestamps:
                self.append(out, self.ids.timestamp(last), (last - 0.06, last + 0.06))

    def pieces(self, window: Window, timed: TimedWord) -> list[tuple[int, float, float]]:
        """Token, start and end in seconds of each piece of a word; punctuation is heard in what follows the word."""
        word, _, end = timed
        ids = self.encode(word)
        heard = [letters_of(self.tokenizer.decode(ids[:count])) for count in range(len(ids) + 1)]
        edges = [letter_start(window.letters, timed, letters_of(word), len(before)) for before in heard]
        return [
            (piece, edges[i], edges[i + 1]) if edges[i] < edges[i + 1] else (piece, end - 0.02, end + 0.2)
            for i, piece in enumerate(ids)
        ]

    def frame_tokens(self, window: Window, count: int) -> NDArray[np.int64]:
        """The token heard in each of `count` frames, `<|nospeech|>` where there is none, -100 where it is not known."""
        tokens = np.full(count, self.ids.nospeech, np.int64)
        if window.letters is not None:
            known = window.letters[:count]
            tokens[: len(known)][known != 0] = UNKNOWN
        for segment in window.segments if window.language == "ru" else []:
            for word in segment.words:
                for piece, start, end in self.pieces(window, word):
                    if start < word[2] - 0.02:
                        tokens[round(start * ENCODER_FRAMES_PER_S) : round(end * ENCODER_FRAMES_PER_S)] = piece
        return tokens

    @staticmethod
    def expect(out: Sequence, token: int, span: Span) -> None:
        """The last token in `out` should be followed by `token`."""
        out.targets[-1], out.spans[-1] = token, span

    def append(self, out: Sequence, token: int, span: Span) -> None:
        """Expect a token and put it behind the others."""
        self.expect(out, token, span)
        put(out, token, IGNORE)

    def prompt(self, rng: random.Random) -> list[int]:
        """What was said before, or anything else a caller may put there; it says nothing about the window."""
        tokens = [self.ids.startofprev]
        at_s, timed = 0.0, rng.random() < 0.35
        for _ in range(rng.randint(1, 4)):
            text = grammar.sentence(rng) if rng.random() < 0.6 else grammar.word_string(rng, self.vocabulary)
            pieces = [piece for word in text.split() for piece in self.encode(word)]
            if timed:
                end_s = at_s + len(pieces) * 0.15
                pieces = [self.ids.timestamp(at_s), *pieces, self.ids.timestamp(end_s)]
                at_s = end_s + rng.uniform(0.0, 1.0)
            tokens += pieces
        if rng.random() < 0.1:
            tokens += [rng.randrange(self.ids.space, self.ids.endoftext - 1) for _ in range(rng.randint(1, 30))]
        return tokens[:1] + tokens[1:][-120:]


def letters_of(text: str) -> str:
    """The letters of a text, lower case."""
    return "".join(letter for letter in grammar.normalise(text) if letter in ALPHABET)


def letter_start(frames: NDArray[np.int8] | None, timed: TimedWord, letters: str, place: int) -> float:
    """When the letter at `place` of a word begins, in seconds; the word's end for the place behind its last letter.

    Read off the letters of the frames where they can be told apart, else in proportion.
    """
    _, start, end = timed
    if place == 0 or place >= len(letters) or frames is None:
        return start + (end - start) * min(1.0, place / max(1, len(letters)))
    first = round(start * ENCODER_FRAMES_PER_S)
    heard = frames[first : round(end * ENCODER_FRAMES_PER_S)]
    changes = np.flatnonzero(np.diff(heard)) + 1
    groups = [i for i in range(1, len(letters)) if letters[i] != letters[i - 1]]
    if len(changes) != len(groups):
        return start + (end - start) * place / len(letters)
    number = sum(group <= place for group in groups)
    return (first + int(changes[number - 1])) / ENCODER_FRAMES_PER_S if number else start


def put(out: Sequence, token: int, target: int) -> None:
    """Put a token, its target and no place in the audio."""
    out.tokens.append(token)
    out.targets.append(target)
    out.spans.append((-1.0, -1.0))
