"""Errors of a system's words and times against a reference.

Example:
    >>> from bench.recordings import TimedWord
    >>> reference = [TimedWord("добрый", 0.0, 0.4), TimedWord("день", 0.5, 0.9)]
    >>> hypothesis = [TimedWord("добрый", 0.02, 0.43), TimedWord("да", 3.0, 3.2)]
    >>> found = score(reference, hypothesis, [Span(1.2, 5.0)])
    >>> found.deleted, found.substituted, found.invented, round(found.boundary_ms)
    (0, 1, 1, 25)
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING

import jiwer

from whisperx_worker import Seconds, Span, intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.recordings import TimedWord


@dataclass(frozen=True)
class Score:
    """Sums over recordings."""

    words: int = 0
    """Words of the reference."""
    deleted: int = 0
    inserted: int = 0
    substituted: int = 0
    invented: int = 0
    """Words without speech, whatever else they are."""
    silent_s: Seconds = 0.0
    """Seconds without speech."""
    audio_s: Seconds = 0.0
    took_s: Seconds = 0.0
    errors_ms: tuple[float, ...] = ()
    """Distances of the starts and ends of right words from the truth."""

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def wer(self) -> float | None:
        """Wrong words in percent of the reference; None for an empty one."""
        wrong = self.deleted + self.inserted + self.substituted
        return 100 * wrong / self.words if self.words else None

    @property
    def invented_per_min(self) -> float:
        """Invented words per minute without speech."""
        return 60 * self.invented / self.silent_s if self.silent_s else 0.0

    @property
    def boundary_ms(self) -> float | None:
        """Median distance of a right word's edge from the truth; None where no word is right."""
        return statistics.median(self.errors_ms) if self.errors_ms else None


@dataclass(frozen=True)
class Metric:
    """A column of the tables. Less is better."""

    title: str
    digits: int
    value: Callable[[Score], float | None]
    judged: bool = True
    """Whether a worse number counts against a system."""

    def of(self, found: Score) -> float | None:
        """Compute the rounded number."""
        value = self.value(found)
        return None if value is None else round(value, self.digits)

    def format(self, found: Score) -> str:
        """Format a cell."""
        value = self.of(found)
        return "–" if value is None else f"{value:.{self.digits}f}"


METRICS = (
    Metric("WER, %", 1, attrgetter("wer")),
    Metric("deleted", 0, attrgetter("deleted")),
    Metric("inserted", 0, attrgetter("inserted")),
    Metric("substituted", 0, attrgetter("substituted"), judged=False),  # WER has them
    Metric("invented words/min", 1, attrgetter("invented_per_min")),
    Metric("boundary, median ms", 0, attrgetter("boundary_ms")),
    Metric("seconds", 1, attrgetter("took_s"), judged=False),  # `bench.speed` compares it
)


def score(reference: Sequence[TimedWord], hypothesis: Sequence[TimedWord], silences: Sequence[Span]) -> Score:
    """Compare one recording's words, without the seconds that it took.

    Args:
        reference: The reference, in time order.
        hypothesis: The words of a system, in its order.
        silences: Intervals without speech, disjoint and in time order.
    """
    invented = sum(bool(intervals.within(silences, *around_middle(word))) for word in hypothesis)
    silent_s = intervals.total_s(silences)
    if not reference or not hypothesis:
        return Score(
            len(reference), deleted=len(reference), inserted=len(hypothesis), invented=invented, silent_s=silent_s
        )
    compared = jiwer.process_words(
        " ".join(word.text for word in reference), " ".join(word.text for word in hypothesis)
    )
    errors_ms: list[float] = []
    for chunk in compared.alignments[0]:
        if chunk.type == "equal":
            pairs = zip(
                reference[chunk.ref_start_idx : chunk.ref_end_idx],
                hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx],
                strict=True,
            )
            errors_ms += [
                1_000 * abs(distance_s)
                for true, found in pairs
                if found.exact
                for distance_s in (found.start - true.start, found.end - true.end)
            ]
    return Score(
        len(reference),
        compared.deletions,
        compared.insertions,
        compared.substitutions,
        invented,
        silent_s,
        errors_ms=tuple(errors_ms),
    )


def around_middle(word: TimedWord) -> tuple[Seconds, Seconds]:
    """Return the millisecond in the middle of a word."""
    middle_s = (word.start + word.end) / 2
    return middle_s - 0.0005, middle_s + 0.0005
