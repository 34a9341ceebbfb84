"""Words of a text with their punctuation apart, and what stands beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared import russian_numerals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker_plugins._shared.russian_numerals import Numeral

_PARTS = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)


@dataclass(frozen=True)
class Edit:
    """Words that one written number replaces."""

    start: int
    """Index of the first word."""
    end: int
    """Index of the word after the last."""
    written: str


@dataclass(frozen=True)
class Sentence:
    """Words of a text; a rule of the plugin reads it and proposes an edit."""

    prefixes: tuple[str, ...]
    """Punctuation in front of each word."""
    words: tuple[str, ...]
    """Words without punctuation, normalised."""
    suffixes: tuple[str, ...]
    """Punctuation after each word."""
    is_capitalised: tuple[bool, ...]
    stops: tuple[int, ...]
    """For each word, the index after the last word that no punctuation separates from it."""
    _numerals: dict[int, Numeral | None] = field(default_factory=dict)
    """Numerals by their first word, since every rule asks for them."""

    def word(self, index: int) -> str:
        """Return a word, whatever punctuation is beside it; empty outside of the text."""
        return self.words[index] if 0 <= index < len(self.words) else ""

    def is_joined(self, index: int) -> bool:
        """Return whether a word follows the one before it without punctuation."""
        return 0 < index < len(self.words) and self.stops[index - 1] > index

    def after(self, index: int) -> str:
        """Return a word that follows without punctuation, else an empty one."""
        return self.words[index] if self.is_joined(index) else ""

    def before(self, index: int) -> str:
        """Return the word in front of one, where no punctuation is between."""
        return self.words[index - 1] if self.is_joined(index) else ""

    def numeral(self, index: int) -> Numeral | None:
        """Return the numeral that begins with a word."""
        if index not in self._numerals:
            stop = self.stops[index] if index < len(self.words) else index
            self._numerals[index] = russian_numerals.numeral_at(self.words, index, stop)
        return self._numerals[index]

    def next_numeral(self, index: int) -> Numeral | None:
        """Return the numeral that begins with a word and follows without punctuation."""
        return self.numeral(index) if self.is_joined(index) else None

    def in_place(self, edit: Edit) -> str:
        """Return what an edit writes, with the punctuation around the words that it replaces."""
        return self.prefixes[edit.start] + edit.written + self.suffixes[edit.end - 1]


def split_tokens(tokens: Sequence[str]) -> Sentence:
    """Return the words of tokens, which may carry punctuation.

    >>> sentence = split_tokens(["Цена:", "«Пять", "рублей»."])
    >>> sentence.words, sentence.prefixes, sentence.suffixes
    (('цена', 'пять', 'рублей'), ('', '«', ''), (':', '', '».'))
    """
    parts = [found.groups() for token in tokens if (found := _PARTS.fullmatch(token))]
    stops: list[int] = [len(parts)] * len(parts)
    for index in range(len(parts) - 2, -1, -1):
        is_apart = parts[index][2] or parts[index + 1][0] or not parts[index][1] or not parts[index + 1][1]
        stops[index] = index + 1 if is_apart else stops[index + 1]
    return Sentence(
        tuple(part[0] for part in parts),
        tuple(russian_numerals.normalised(part[1]) for part in parts),
        tuple(part[2] for part in parts),
        tuple(part[1][:1].isupper() for part in parts),
        tuple(stops),
    )
