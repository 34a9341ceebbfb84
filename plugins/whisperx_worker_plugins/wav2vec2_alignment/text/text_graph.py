"""Token graphs of words: chains of spelled words, branches of spoken forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc.token_graph import START, TokenGraph
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import WILDCARD
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import WILDCARD_CHARACTER, lattice_arcs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import TokenPath
    from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet
    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import Verbalisation


@dataclass(frozen=True, eq=False)
class TextGraph:
    """Token graph of consecutive words, with the word of each token."""

    graph: TokenGraph
    """Columns of all characters, with separators between words; `WILDCARD` for unknown ones."""
    owners: NDArray[np.int64]
    """Shape (tokens,), ascending: word and kind of each token.

    2 n + 1 for a token of word n, 2 n for the separator before it.
    """

    def word_ranges(self, path: TokenPath, words: int) -> list[tuple[int, int]]:
        """Return the range of each word's tokens in a path, empty for a silent word."""
        owners, of_words = self.owners[path.tokens], 2 * np.arange(words) + 1
        firsts, afters = np.searchsorted(owners, of_words), np.searchsorted(owners, of_words, side="right")
        return list(zip(firsts.tolist(), afters.tolist(), strict=True))


def chain_graph(words: Iterable[Sequence[int]], separator: int | None) -> TextGraph:
    """Return the graph of words without verbalisations, much faster than `TextGraphBuilder`."""
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
    return TextGraph(TokenGraph.chain(columns), np.repeat(np.array(owners, dtype=np.int64), counts))


class TextGraphBuilder:
    """Builder of the token graph of consecutive words."""

    def __init__(self, alphabet: Alphabet, separator: int | None) -> None:
        """Begin with no word.

        Args:
            alphabet: The acoustic model's characters.
            separator: Column of the separator between words; None where there is none.
        """
        self._alphabet = alphabet
        self._separator = separator
        self._columns: list[int] = []
        self._owners: list[int] = []
        self._predecessors: dict[int, tuple[int, ...]] = {}
        self._ends: tuple[int, ...] = (START,)
        self._words = 0

    def add_word(self, tokens: Sequence[int], verbalisation: Verbalisation | None) -> None:
        """Add a word.

        Args:
            tokens: Columns of its characters; none for punctuation.
            verbalisation: Its spoken forms, where it is not spoken as it is spelled.
        """
        if verbalisation is not None:
            self._add_verbalisation(tokens, verbalisation)
        elif tokens:
            self._ends = self._add_chain(tokens, self._add_separator(self._ends, 2 * self._words))
        self._words += 1

    def _add_verbalisation(self, tokens: Sequence[int], verbalisation: Verbalisation) -> None:
        before = self._ends
        entry = self._add_separator(before, 2 * self._words)
        ends = self._add_branches(verbalisation, entry) or (self._add_chain(tokens, entry) if tokens else before)
        # A silent form has no separator either.
        self._ends = tuple(dict.fromkeys(end for one in ends for end in (before if one in entry else (one,))))

    def build(self) -> TextGraph:
        """Return the graph of all words so far."""
        columns, owners = np.array(self._columns, dtype=np.int64), np.array(self._owners, dtype=np.int64)
        return TextGraph(TokenGraph(columns, dict(self._predecessors), self._ends), owners)

    def _add_separator(self, before: tuple[int, ...], owner: int) -> tuple[int, ...]:
        """Add a separator after all ends that are tokens, and return the new ends."""
        if self._separator is None:
            return before
        tokens = tuple(end for end in before if end != START)
        start = (START,) if START in before else ()
        return start if not tokens else (*start, self._add_token(self._separator, tokens, owner))

    def _add_chain(self, tokens: Sequence[int], before: tuple[int, ...]) -> tuple[int, ...]:
        owner = 2 * self._words + 1
        first = self._add_token(tokens[0], before, owner)
        self._columns += tokens[1:]
        self._owners += [owner] * (len(tokens) - 1)
        return (first + len(tokens) - 1,)

    def _add_branches(self, verbalisation: Verbalisation, entry: tuple[int, ...]) -> tuple[int, ...]:
        """Add all spoken forms; texts of a node with the same beginning share its tokens."""
        owner = 2 * self._words + 1
        arcs, last = lattice_arcs(verbalisation)
        ends: dict[int, dict[int, None]] = {0: dict.fromkeys(entry)}
        prefixes: dict[tuple[int, str], tuple[int, ...]] = {}
        for begin, end, text in arcs:
            before = tuple(ends.get(begin, ()))
            if not before:
                continue
            for length, char in enumerate(text, start=1):
                key = begin, text[:length]
                if key not in prefixes:
                    prefixes[key] = self._add_character(char, before, entry, owner)
                before = prefixes[key]
            ends.setdefault(end, {}).update(dict.fromkeys(before))
        return tuple(ends.get(last, ()))

    def _add_character(self, char: str, before: tuple[int, ...], entry: tuple[int, ...], owner: int) -> tuple[int, ...]:
        if char != " ":
            columns = [WILDCARD] if char == WILDCARD_CHARACTER else self._alphabet.tokens(char)
            return (self._add_token(columns[0], before, owner),) if columns else before
        # The entry of a word already has its separator.
        separated = tuple(end for end in before if end in entry)
        return (*separated, *self._add_separator(tuple(end for end in before if end not in entry), owner))

    def _add_token(self, column: int, before: tuple[int, ...], owner: int) -> int:
        token = len(self._columns)
        self._columns.append(column)
        self._owners.append(owner)
        if before != (token - 1,):
            self._predecessors[token] = before
        return token
