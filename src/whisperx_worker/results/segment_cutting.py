"""Cuts of a segment's text between runs of words, and the times of words. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from whisperx_worker.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker.types import Seconds, Word


def run_texts(text: str, runs: Sequence[Sequence[Word]]) -> list[str]:
    """Return the text of each run of words, or [] when the text lacks a word."""
    if len(runs) == 1:
        return [text]
    if not runs:
        return []
    plain = [" ".join([word.word for word in run]) for run in runs]
    if " ".join(plain) == text:
        return plain
    cuts, position = [], 0
    for run in runs:
        for index, word in enumerate(run):
            spoken = word.word.strip()
            begins = text.find(spoken, position)
            if begins < 0:
                return []
            if index == 0:
                cuts.append(_cut_position(text, position, begins))
            position = begins + len(spoken)
    return [text[start:end].strip() for start, end in pairwise([0, *cuts[1:], len(text)])]


def _cut_position(text: str, after: int, before: int) -> int:
    """Return where to cut between words: at white space, so that punctuation stays with the first."""
    return next((index for index in range(after, before) if text[index].isspace()), before)


def word_span(word: Word) -> Span | None:
    """Return the interval of a word, of length 0 for a single time, or None."""
    start = word.end if word.start is None else word.start
    end = word.start if word.end is None else word.end
    return None if start is None or end is None else Span(start, end)


def first_time(words: Iterable[Word]) -> Seconds:
    """Return the earliest known time of words, at least one of which has times."""
    return next(time for word in words for time in (word.start, word.end) if time is not None)


def last_time(words: Sequence[Word]) -> Seconds:
    """Return the latest known time of words, at least one of which has times."""
    return next(time for word in reversed(words) for time in (word.end, word.start) if time is not None)
