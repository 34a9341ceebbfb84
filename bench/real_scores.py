"""Word errors of texts in any language, and intervals of their differences by the bootstrap.

The normaliser lowers case, drops punctuation, takes ё for е and a hyphen for a space, and writes digits as words. A
number of several digits may have been spoken as one number or digit by digit: the reference is what comes nearer to a
system's text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import TYPE_CHECKING

import jiwer
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.real_conditions import Turn

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
NUMBER = re.compile(r"\d+")
ARABIC_MARKS = re.compile("[\u0640\u064b-\u0652]")
MAX_DIGITS = 9
"""A longer number is read digit by digit."""
RESAMPLINGS = 4_000


@dataclass(frozen=True)
class Errors:
    """Errors of one turn, or sums."""

    words: int = 0
    """Words of the reference."""
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def wrong(self) -> int:
        """All errors."""
        return self.substituted + self.deleted + self.inserted

    @property
    def wer(self) -> float | None:
        """Errors in percent of the reference's words; None for an empty one."""
        return 100 * self.wrong / self.words if self.words else None


@dataclass(frozen=True)
class Interval:
    """A difference with its interval of 95 %."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


# --- words


def normalise(text: str, language: str, *, digitwise: bool = False) -> list[str]:
    """Return the normalised words of a text.

    Args:
        text: Any text.
        language: Language in which digits are spoken.
        digitwise: Whether numbers of several digits are read digit by digit.

    >>> normalise("Всё по-новому: 28,8!", "ru")
    ['все', 'по', 'новому', 'двадцать', 'восемь', 'восемь']
    >>> normalise("Наберите 42.", "ru", digitwise=True)
    ['наберите', 'четыре', 'два']
    """
    plain = ARABIC_MARKS.sub("", unicodedata.normalize("NFKC", text).casefold().replace("ё", "е"))
    spelled = NUMBER.sub(lambda found: f" {spell(found.group(), language, digitwise=digitwise)} ", plain)
    return WORD.findall(spelled.casefold().replace("ё", "е"))


def spell(digits: str, language: str, *, digitwise: bool) -> str:
    """Write digits as words; a language without number words keeps them."""
    from num2words import num2words

    parts = digits if digitwise or len(digits) > MAX_DIGITS or digits.startswith("0") else [digits]
    try:
        return " ".join(num2words(int(part), lang=language) for part in parts)
    except NotImplementedError:
        return digits


def is_ambiguous(text: str) -> bool:
    """Return whether a text has a number of several digits."""
    return any(len(number) > 1 for number in NUMBER.findall(text))


# --- errors


def compare(turns: Sequence[Turn], text: str, language: str) -> list[Errors]:
    """Count a text's errors for each turn of a recording.

    Args:
        turns: Turns with a transcript, in time order.
        text: Text of a system.
        language: Language in which the system's digits are spoken.

    Returns:
        Errors of each turn; an inserted word belongs to the turn whose word precedes it.
    """
    hypothesis = normalise(text, language)
    readings = [normalise(turn.text or "", turn.language) for turn in turns]
    found = count_errors(readings, hypothesis)
    for place, turn in enumerate(turns):
        if is_ambiguous(turn.text or ""):
            other = [
                *readings[:place],
                normalise(turn.text or "", turn.language, digitwise=True),
                *readings[place + 1 :],
            ]
            counted = count_errors(other, hypothesis)
            if sum(one.wrong for one in counted) < sum(one.wrong for one in found):
                readings, found = other, counted
    return found


def count_errors(readings: Sequence[Sequence[str]], hypothesis: Sequence[str]) -> list[Errors]:
    """Align all words of a recording at once and count the errors of each reading."""
    words = [word for reading in readings for word in reading]
    ends = list(accumulate(map(len, readings)))
    if not words or not hypothesis:
        counted = [Errors(len(reading), deleted=len(reading)) for reading in readings]
        return [*counted[:-1], counted[-1] + Errors(inserted=len(hypothesis))] if counted else []
    owners = np.repeat(np.arange(len(readings)), [len(reading) for reading in readings])
    sums = np.zeros((len(readings), 3), int)
    for chunk in jiwer.process_words(" ".join(words), " ".join(hypothesis)).alignments[0]:
        first, last = chunk.ref_start_idx, chunk.ref_end_idx
        if chunk.type == "insert":
            sums[owners[max(0, first - 1)], 2] += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "equal":
            np.add.at(sums[:, 0 if chunk.type == "substitute" else 1], owners[first:last], 1)
    return [
        Errors(end - start, int(substituted), int(deleted), int(inserted))
        for start, end, (substituted, deleted, inserted) in zip([0, *ends], ends, sums, strict=False)
    ]


# --- intervals


def difference(some: Sequence[Errors], others: Sequence[Errors], clusters: Sequence[object]) -> Interval:
    """Compute the difference of two word error rates in percentage points, by the paired bootstrap.

    Args:
        some: Errors of one system for each turn.
        others: Errors of another one for the same turns.
        clusters: What is drawn: turns of one cluster, such as a clip under several conditions, are drawn together.
    """
    labels = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    owners = np.array([labels[cluster] for cluster in clusters])
    wrong, words = np.zeros(len(labels)), np.zeros(len(labels))
    np.add.at(wrong, owners, [one.wrong - other.wrong for one, other in zip(some, others, strict=True)])
    np.add.at(words, owners, [one.words for one in some])
    draw = np.random.default_rng(0)
    weights = draw.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), RESAMPLINGS)
    drawn = 100 * (weights @ wrong) / np.maximum(1, weights @ words)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(float(100 * wrong.sum() / words.sum()), float(low), float(high))


def total(errors: Iterable[Errors]) -> Errors:
    """Sum errors up."""
    return sum(errors, Errors())
