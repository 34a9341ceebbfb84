"""The Russian and the foreign corpus, by voice, with the letter of each frame."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr
from numpy.typing import NDArray

from training.paths import CORPUS
from training.speech import grammar
from training.whisper.features import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

FRAME_SAMPLES = 320
"""A frame of the encoder: 20 ms."""
UNKNOWN = -100
Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Utterance:
    """One synthesised sentence of the corpus."""

    offset: int
    samples: int
    text: str
    words: tuple[tuple[str, float, float], ...]
    """(word with its capitals and punctuation, start, end) in seconds from the utterance's start."""
    voice: str
    engine: str
    split: str
    language: str = "ru"


class Corpus:
    """All utterances of a corpus; their sound is read on demand."""

    def __init__(self, folder: Path = CORPUS, name: str = "speech") -> None:
        self.sound = np.load(folder / f"{name}.npy", mmap_mode="r")
        letters = folder / "letters.npy"
        self.classes = np.load(letters) if name == "speech" and letters.exists() else None
        records = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.utterances = [to_utterance(record) for record in records]
        self.by_voice: dict[str, dict[str, list[Utterance]]] = {}
        for utterance in self.utterances:
            self.by_voice.setdefault(utterance.split, {}).setdefault(utterance.voice, []).append(utterance)

    def wave(self, utterance: Utterance, speed: float = 1.0) -> Wave:
        """Read the sound, float32 within -1..1; `speed` above 1 is faster and higher."""
        end = utterance.offset + utterance.samples
        part = np.asarray(self.sound[utterance.offset : end], dtype=np.float32) / 32768.0
        if speed == 1.0:
            return part
        return np.asarray(soxr.resample(part, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality="QQ"), dtype=np.float32)

    def letters(self, utterance: Utterance) -> NDArray[np.int8]:
        """Return the letter class of each 20 ms (see `frame_letters`); -100 where it is not known."""
        first, count = utterance.offset // FRAME_SAMPLES, utterance.samples // FRAME_SAMPLES
        return np.full(count, UNKNOWN, np.int8) if self.classes is None else self.classes[first : first + count]

    def split(self, split: str) -> list[Utterance]:
        """List the utterances of a split, in the order of the file."""
        return [utterance for utterance in self.utterances if utterance.split == split]

    def voices(self, rng: random.Random, split: str, count: int) -> list[str]:
        """Draw voices, those with much speech more often, though less than in proportion."""
        voices = self.by_voice[split]
        weights = [len(utterances) ** 0.5 for utterances in voices.values()]
        return rng.choices(list(voices), weights, k=count)

    def draw(self, rng: random.Random, split: str, voice: str, used: Collection[str] = ()) -> Utterance:
        """Draw an utterance of a voice, rarely one with a text in `used`."""
        utterance = rng.choice(self.by_voice[split][voice])
        for _ in range(5):
            if utterance.text not in used:
                break
            utterance = rng.choice(self.by_voice[split][voice])
        return utterance


def to_utterance(record: dict[str, object]) -> Utterance:
    """Convert a record; the words are taken from its text, with their punctuation."""
    timed: list[tuple[str, float, float]] = [tuple(word) for word in record["words"]]  # type: ignore[attr-defined]
    written = str(record["text"]).split()
    if len(written) == len(timed):
        timed = [(word, start, end) for word, (_, start, end) in zip(written, timed, strict=True)]
    return Utterance(
        offset=int(record["offset"]),  # type: ignore[call-overload]
        samples=int(record["samples"]),  # type: ignore[call-overload]
        text=str(record["text"]),
        words=tuple(timed),
        voice=str(record["voice"]),
        engine=str(record["engine"]),
        split=str(record["split"]),
        language=str(record.get("language", "ru")),
    )


def grammar_texts(count: int = 6000, seed: int = 7) -> list[str]:
    """Draw sentences and random word strings (an eighth) to train the tokenizer on."""
    rng = random.Random(seed)
    words = grammar.vocabulary()
    return [grammar.sentence(rng) if i % 8 else grammar.word_string(rng, words) for i in range(count)]
