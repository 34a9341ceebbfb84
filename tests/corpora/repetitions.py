"""Corpus of real repetitions: texts and recordings in which people say what looks like a loop or like credits.

Nothing of them may be lost. Random numbers have fixed seeds: the same recordings are made every time.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.recordings import LEVEL, Piece, Recording, Sound, TimedWord, in_room, join, loudness, quantize, stillness
from whisperx_worker import SAMPLE_RATE_HZ, Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(__file__).parent
SPEECH = FOLDER.parent / "speech"

SLOW, USUAL, FAST = 4.0, 5.4, 7.0
"""Syllables per second of detected speech: low, median and 95 % of the 101 real Russian clips without digits."""
NATURAL_PAUSES_S = (0.12, 0.8)
CLOSE_PAUSES_S = (0.03, 0.12)
"""Pauses between the words of a number, which is spoken as one phrase."""
REPEATS = (3, 8, 4, 6, 2, 5, 7)
_LETTERS_PER_SYLLABLE = 2.6
"""Of a long text, nearly; texts of short words with many consonants are longer than their syllables."""
_VOWELS = re.compile(r"[аеёиоуыэюяәөүaeiouyáéíóúäöüąęıàèùâêîôû]", re.IGNORECASE)
_HEADING = re.compile(r"\[(?P<kind>\w+) ?(?P<language>\w*)\]")


@dataclass(frozen=True)
class RealText:
    """A text that people say."""

    kind: str
    language: str
    text: str
    """As a recogniser writes it."""
    spoken: str
    """The same with numbers in words."""

    def speech_s(self, syllables_per_s: float) -> Seconds:
        """Duration of its speech at a pace: by its syllables, its letters or its words, whichever takes longest."""
        words = re.findall(r"\w+", self.spoken)
        syllables = len(_VOWELS.findall(self.spoken))
        return max(syllables, sum(map(len, words)) / _LETTERS_PER_SYLLABLE, len(words)) / syllables_per_s

    def __str__(self) -> str:
        """The kind and the beginning, for the name of a test."""
        return f"{self.kind}: {self.text[:40]}"


@dataclass(frozen=True)
class Clip:
    """A stored clip of speech."""

    name: str
    file: str
    start: Seconds
    end: Seconds
    text: str
    language: str
    speaker: str
    licence: str
    source: str


@dataclass(frozen=True)
class Recipe:
    """A recording put together from clips, with pauses between them."""

    name: str
    kind: str
    language: str
    parts: tuple[str, ...]
    """Names of clips, or `voice:word` for a word of `tests/speech`."""
    pauses_s: tuple[Seconds, Seconds] = NATURAL_PAUSES_S

    def make(self) -> Recording:
        """Put the recording together; words have the times of their clip, in equal parts."""
        draw = np.random.default_rng(list(self.name.encode()))
        pieces = [stillness(0.4)]
        for part in self.parts:
            piece = _word(*part.split(":")) if ":" in part else read_clip(part)
            pieces += [piece, stillness(float(draw.uniform(*self.pauses_s)))]
        return quantize(self.name, in_room(join([*pieces, stillness(0.4)]), draw))


def texts() -> Iterator[RealText]:
    """Read the texts of `real_texts.txt`."""
    kind, language = "", "ru"
    for line in (FOLDER / "real_texts.txt").read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.fullmatch(line):
            kind, language = heading["kind"], heading["language"] or "ru"
        elif line and not line.startswith("#"):
            text, _, spoken = line.partition(" = ")
            yield RealText(kind, language, text, spoken or text)


@functools.cache
def clips() -> dict[str, Clip]:
    """Read the index of the stored clips, by name."""
    entries = json.loads((FOLDER / "clips.json").read_text(encoding="utf-8"))
    return {entry["name"]: Clip(**entry) for entry in entries}


def recipes() -> list[Recipe]:
    """Return all recordings: repeated real clips, real and synthetic words in a row, synthesised sentences."""
    return [*_repeated_clips(), *_WORDS_IN_A_ROW, *_single_clips()]


def _repeated_clips() -> Iterator[Recipe]:
    """Yield each short real clip, said two to eight times."""
    short = [clip for clip in clips().values() if clip.file == "real.ogg" and clip.end - clip.start < _MAX_REPEATED_S]
    for place, clip in enumerate(short):
        repeats = min(REPEATS[place % len(REPEATS)], round(_MAX_SPEECH_S / (clip.end - clip.start)))
        yield Recipe(f"{clip.name} x{repeats}", "repeated clip", clip.language, (clip.name,) * repeats)


def _single_clips() -> Iterator[Recipe]:
    for clip in clips().values():
        is_long = clip.end - clip.start >= _MAX_REPEATED_S
        if clip.file == "synthetic.ogg" or is_long:
            kind = "sentence" if clip.file == "synthetic.ogg" else "long clip"
            yield Recipe(clip.name, kind, clip.language, (clip.name,))


def _row(name: str, *parts: str, pauses_s: tuple[Seconds, Seconds] = CLOSE_PAUSES_S) -> Recipe:
    return Recipe(name, "words in a row", "ru", parts, pauses_s)


def _real(*words: str) -> tuple[str, ...]:
    return tuple(_REAL_WORDS[word] for word in words)


_MAX_REPEATED_S = 4.2
_MAX_SPEECH_S = 12.0
_REAL_WORDS = {
    "0": "forhelp/ноль",
    "1": "vm-review/один",
    "2": "vm-review/два",
    "3": "vm-review/три",
    "4": "vm-review-urgent/четыре",
    "9": "dir-multi9/девять",
    "1234": "demo-instruct/один два три четыре",
    "4242": "demo-instruct/четыре два четыре два",
}
_WORDS_IN_A_ROW = (
    _row("zeros", *_real(*"0000000")),
    _row("nines", *_real(*"99999999")),
    _row("ones and a two", *_real(*"1111112")),
    _row("threes, slowly", *_real(*"333333"), pauses_s=(0.3, 0.7)),
    _row("fours", *_real(*"444444")),
    _row("one two, one two", *_real(*"12121212"), pauses_s=(0.1, 0.3)),
    _row("one two three four", *_real("1234", "1234", "1234"), pauses_s=(0.2, 0.5)),
    _row("four two four two", *_real("4242", "4242", "4242"), pauses_s=(0.2, 0.5)),
    _row("telephone number", *_real(*"900", *"3334"), "privacy-incorrect", *_real(*"9003334")),
    _row("account number", *_real(*"40000000001")),
    _row("elena five", *["elena:пять"] * 6),
    _row("elena ninety", *["elena:девяносто"] * 6),
    _row("elena eight three", *["elena:восемь", "elena:три"] * 4),
    _row("elena understood", *["elena:понятно"] * 7, pauses_s=NATURAL_PAUSES_S),
    _row("elena thanks", *["elena:спасибо"] * 6, pauses_s=NATURAL_PAUSES_S),
    _row("irina zero", *["irina:ноль"] * 7),
    _row("aleksandr seventy", *["aleksandr:семьдесят"] * 6),
    _row("anna understood", *["anna:понятно"] * 9, pauses_s=NATURAL_PAUSES_S),
    _row("festival yes", *["msu_ru_nsh:да"] * 8, pauses_s=NATURAL_PAUSES_S),
    _row("festival good", *["msu_ru_nsh:хорошо"] * 6, pauses_s=NATURAL_PAUSES_S),
    _row("festival eight", *["msu_ru_nsh:восемь"] * 7),
    _row("festival understood", *["msu_ru_nsh:понятно"] * 6, pauses_s=NATURAL_PAUSES_S),
)


def read_clip(name: str) -> Piece:
    """Read a stored clip at the level of the benchmark."""
    clip = clips()[name]
    sound = _samples(FOLDER / clip.file)[round(clip.start * SAMPLE_RATE_HZ) : round(clip.end * SAMPLE_RATE_HZ)]
    return _piece(sound, clip.text)


@functools.cache
def _word(voice: str, word: str) -> Piece:
    """Cut a word out of the test speech: the longest one of that voice."""
    index = json.loads((SPEECH / "index.json").read_text(encoding="utf-8"))
    found = [
        (end - start, entry["file"], entry["start"] + start, entry["start"] + end)
        for entry in index
        if entry["voice"] == voice
        for text, start, end in entry["words"]
        if text.lower().strip(".,?!") == word
    ]
    _, file, start, end = max(found)
    sound = _samples(SPEECH / file)[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)].copy()
    ramp = np.linspace(0, 1, SAMPLE_RATE_HZ // 200, dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[-len(ramp) :] *= ramp[::-1]
    return _piece(sound, word)


def _piece(sound: Sound, text: str) -> Piece:
    words: Sequence[str] = re.findall(r"[\w-]+", text.lower().replace("ё", "е"))
    share_s = len(sound) / SAMPLE_RATE_HZ / len(words)
    timed = [TimedWord(word, place * share_s, (place + 1) * share_s) for place, word in enumerate(words)]
    timed = timed if len(words) == 1 else [replace(word, exact=False) for word in timed]
    return Piece(sound * np.float32(LEVEL / loudness(sound)), tuple(timed))


@functools.cache
def _samples(path: Path) -> Sound:
    import soundfile

    samples, _ = soundfile.read(path, dtype="float32")
    return np.asarray(samples, np.float32)
