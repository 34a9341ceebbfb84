"""Words become tokens of the acoustic model: a chain where they are spelled, branches where they have readings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc import TokenGraph
from whisperx_worker_plugins.wav2vec2_alignment.readings import ANY_SOUND, arcs_of
from whisperx_worker_plugins.wav2vec2_alignment.text import WILDCARD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from whisperx_worker_plugins.wav2vec2_alignment.ctc import TokenTimes
    from whisperx_worker_plugins.wav2vec2_alignment.readings import Reading
    from whisperx_worker_plugins.wav2vec2_alignment.text import Alphabet

_BEGINNING = -1


@dataclass(frozen=True, eq=False)
class Spelling:
    """Words as the acoustic model spells them."""

    graph: TokenGraph
    """Columns of all words' characters, with separators between words; `WILDCARD` for what the alphabet lacks."""
    owners: NDArray[np.int64]
    """Shape (tokens,), not falling: 2 n + 1 for a token of word n, 2 n for the separator before it."""

    def places(self, path: TokenTimes, words: int) -> list[tuple[int, int]]:
        """Where each word begins in the tokens of a path, and where it ends; the same for one that is not read."""
        owners, own = self.owners[path.tokens], 2 * np.arange(words) + 1
        firsts, afters = np.searchsorted(owners, own), np.searchsorted(owners, own, side="right")
        return list(zip(firsts.tolist(), afters.tolist(), strict=True))


def chain_of(words: Iterable[Sequence[int]], separator: int | None) -> Spelling:
    """What `Speller` makes of words that are all read as they are spelled, in a fraction of its time."""
    columns: list[int] = []
    owners: list[int] = []
    counts: list[int] = []
    for number, tokens in enumerate(words):
        if tokens:
            if columns and separator is not None:
                columns.append(separator)
                owners.append(2 * number)
                counts.append(1)
            columns += tokens
            owners.append(2 * number + 1)
            counts.append(len(tokens))
    return Spelling(TokenGraph.chain(columns), np.repeat(np.array(owners, dtype=np.int64), counts))


class Speller:
    """Puts the tokens of words that follow each other into one graph."""

    def __init__(self, alphabet: Alphabet, separator: int | None) -> None:
        """Begin with no word.

        Args:
            alphabet: The acoustic model's characters.
            separator: Column of what stands between words; None where nothing does.
        """
        self._alphabet = alphabet
        self._separator = separator
        self._columns: list[int] = []
        self._owners: list[int] = []
        self._joints: dict[int, tuple[int, ...]] = {}
        self._ends: tuple[int, ...] = (_BEGINNING,)
        self._words = 0

    def add(self, tokens: Sequence[int], reading: Reading | None) -> None:
        """Add a word.

        Args:
            tokens: Columns of its characters; none for punctuation.
            reading: How it is read, where that is not as it is spelled.
        """
        if reading is not None:
            self._add_reading(tokens, reading)
        elif tokens:
            self._ends = self._chain(tokens, self._separated(self._ends, 2 * self._words))
        self._words += 1

    def _add_reading(self, tokens: Sequence[int], reading: Reading) -> None:
        before = self._ends
        entry = self._separated(before, 2 * self._words)
        ends = self._branches(reading, entry) or (self._chain(tokens, entry) if tokens else before)
        # Where nothing is read there is no separator either.
        self._ends = tuple(dict.fromkeys(end for one in ends for end in (before if one in entry else (one,))))

    def spelling(self) -> Spelling:
        """What all words so far are."""
        columns, owners = np.array(self._columns, dtype=np.int64), np.array(self._owners, dtype=np.int64)
        return Spelling(TokenGraph(columns, dict(self._joints), self._ends), owners)

    def _separated(self, before: tuple[int, ...], owner: int) -> tuple[int, ...]:
        """The ends that are the beginning already, and a separator after all others."""
        if self._separator is None:
            return before
        others = tuple(end for end in before if end != _BEGINNING)
        kept = (_BEGINNING,) if _BEGINNING in before else ()
        return kept if not others else (*kept, self._token(self._separator, others, owner))

    def _chain(self, tokens: Sequence[int], before: tuple[int, ...]) -> tuple[int, ...]:
        owner = 2 * self._words + 1
        first = self._token(tokens[0], before, owner)
        self._columns += tokens[1:]
        self._owners += [owner] * (len(tokens) - 1)
        return (first + len(tokens) - 1,)

    def _branches(self, reading: Reading, entry: tuple[int, ...]) -> tuple[int, ...]:
        """All texts of a reading; those that begin alike at the same point share their first tokens."""
        owner = 2 * self._words + 1
        arcs, last = arcs_of(reading)
        ends: dict[int, dict[int, None]] = {0: dict.fromkeys(entry)}
        ways: dict[tuple[int, str], tuple[int, ...]] = {}
        for begin, end, text in arcs:
            before = tuple(ends.get(begin, ()))
            if not before:
                continue
            for length, char in enumerate(text, start=1):
                key = begin, text[:length]
                if key not in ways:
                    ways[key] = self._step(char, before, entry, owner)
                before = ways[key]
            ends.setdefault(end, {}).update(dict.fromkeys(before))
        return tuple(ends.get(last, ()))

    def _step(self, char: str, before: tuple[int, ...], entry: tuple[int, ...], owner: int) -> tuple[int, ...]:
        if char != " ":
            columns = [WILDCARD] if char == ANY_SOUND else self._alphabet.tokens(char)
            return (self._token(columns[0], before, owner),) if columns else before
        # A word's own separator stands before it already.
        fresh = tuple(end for end in before if end in entry)
        return (*fresh, *self._separated(tuple(end for end in before if end not in entry), owner))

    def _token(self, column: int, before: tuple[int, ...], owner: int) -> int:
        token = len(self._columns)
        self._columns.append(column)
        self._owners.append(owner)
        if before != (token - 1,):
            self._joints[token] = before
        return token
