"""Token sequences of the windows, as Whisper writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.speech import grammar
from training.whisper.corpus import UNKNOWN
from training.whisper.windows import ALPHABET, ENCODER_FRAMES_PER_S, IGNORE, Span, TimedWord, Window

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from training.whisper.tokenizer import SpecialIds


@dataclass
class Sequence:
    """Decoder input and target of one window; four lists of one length."""

    tokens: list[int]
    targets: list[int]
    spans: list[Span]
    """Start and end of the next token in the audio, in seconds.

    (-1, -1) where it does not matter.
    """


class Writer:
    """Encoder of windows to token sequences."""

    def __init__(self, tokenizer: Tokenizer, ids: SpecialIds) -> None:
        self.tokenizer = tokenizer
        self.ids = ids
        self.vocabulary = grammar.vocabulary()
        self.encoded: dict[str, list[int]] = {}

    def encode(self, word: str) -> list[int]:
        """Return a word's pieces, the space before it included; cached, as the words are few."""
        if word not in self.encoded:
            self.encoded[word] = self.tokenizer.encode(f" {word}", add_special_tokens=False).ids
        return self.encoded[word]

    def sequence(self, rng: random.Random, window: Window, *, timestamps: bool, padded: bool) -> Sequence:
        """Write prompt, text and times as Whisper does.

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
        """Append every segment to the prompt."""
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
        """Return token, start and end in seconds of each piece of a word.

        The time of punctuation is that behind the word.
        """
        word, _, end = timed
        ids = self.encode(word)
        prefixes = [letters_of(self.tokenizer.decode(ids[:count])) for count in range(len(ids) + 1)]
        edges = [letter_start(window.letters, timed, letters_of(word), len(before)) for before in prefixes]
        return [
            (piece, edges[i], edges[i + 1]) if edges[i] < edges[i + 1] else (piece, end - 0.02, end + 0.2)
            for i, piece in enumerate(ids)
        ]

    def frame_tokens(self, window: Window, count: int) -> NDArray[np.int64]:
        """Return the token of each of `count` frames, `<|nospeech|>` for none, -100 if unknown."""
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
        """Set `token` as the target behind the last token of `out`."""
        out.targets[-1], out.spans[-1] = token, span

    def append(self, out: Sequence, token: int, span: Span) -> None:
        """Expect a token and append it."""
        self.expect(out, token, span)
        put(out, token, IGNORE)

    def prompt(self, rng: random.Random) -> list[int]:
        """Draw a prompt of random text, unrelated to the window."""
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
    """Return the letters of a text, lower case."""
    return "".join(letter for letter in grammar.normalise(text) if letter in ALPHABET)


def letter_start(frames: NDArray[np.int8] | None, timed: TimedWord, letters: str, place: int) -> float:
    """Return the start of the letter at `place` of a word, in seconds.

    Behind the last letter it is the word's end.

    It is read off the letters of the frames where these differ, and is in proportion elsewhere.
    """
    _, start, end = timed
    if place == 0 or place >= len(letters) or frames is None:
        return start + (end - start) * min(1.0, place / max(1, len(letters)))
    first = round(start * ENCODER_FRAMES_PER_S)
    inside = frames[first : round(end * ENCODER_FRAMES_PER_S)]
    changes = np.flatnonzero(np.diff(inside)) + 1
    groups = [i for i in range(1, len(letters)) if letters[i] != letters[i - 1]]
    if len(changes) != len(groups):
        return start + (end - start) * place / len(letters)
    number = sum(group <= place for group in groups)
    return (first + int(changes[number - 1])) / ENCODER_FRAMES_PER_S if number else start


def put(out: Sequence, token: int, target: int) -> None:
    """Append a token, its target and no place in the audio."""
    out.tokens.append(token)
    out.targets.append(target)
    out.spans.append((-1.0, -1.0))
