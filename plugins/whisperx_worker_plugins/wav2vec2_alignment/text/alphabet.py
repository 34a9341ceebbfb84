"""Alphabets of acoustic models: written characters to columns of the emissions."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WILDCARD = -1
"""Column of a spoken character that the alphabet lacks: it matches any sound."""

_SPOKEN_SIGNS = frozenset("%‰&@#§№°+=×÷±")
_EQUIVALENTS = {"е": "ё", "’": "'", "ʼ": "'", "‑": "-"}
"""Replacements of characters that an alphabet may lack; accented letters become plain ones."""
_LAST_CYRILLIC = 0x52F


@dataclass(frozen=True)
class Alphabet:
    """Characters of an acoustic model."""

    columns: Mapping[str, int]
    """Column of each character, in lower case; without the blank and the separator."""
    blank: int
    separator: int | None
    """Column of the separator between words; None where the model has none."""

    @classmethod
    def of(cls, labels: Mapping[str, int], blank: int, width: int) -> Alphabet:
        """Make an alphabet from a model's vocabulary.

        Args:
            labels: Column of each label; labels longer than one character are marks such as `<unk>`.
            blank: Column of the blank.
            width: Number of columns of the emissions; a vocabulary may name more.
        """
        lowered = {label.lower(): column for label, column in labels.items() if column < width and column != blank}
        separator = lowered.get("|", lowered.get(" "))
        return cls({c: column for c, column in lowered.items() if len(c) == 1 and c not in "| "}, blank, separator)

    def tokens(self, word: str) -> list[int]:
        """Return the columns of a word's spoken characters; punctuation has none.

        A sign of the alphabet that is no letter, such as a hyphen, counts inside a word only.

        Example:
            >>> Alphabet({"д": 2, "а": 3}, blank=0, separator=1).tokens("«Да»,")
            [2, 3]
        """
        found: list[int] = []
        signs: list[int] = []
        for char in unicodedata.normalize("NFC", word).lower():
            column = self._column(char)
            if column is None:
                continue
            if column != WILDCARD and unicodedata.category(char)[0] in "PS":
                signs.append(column)
                continue
            found += [*signs, column] if found else [column]
            signs.clear()
        return found

    @cached_property
    def letters(self) -> frozenset[str]:
        """Characters that can be spelled, by themselves or by an equivalent, in lower case."""
        candidates = {*self.columns, *map(chr, range(ord("a"), _LAST_CYRILLIC + 1))}
        return frozenset(char for char in candidates if self._column(char) not in {None, WILDCARD})

    def _column(self, char: str) -> int | None:
        if char in self.columns:
            return self.columns[char]
        equivalent = _EQUIVALENTS.get(char, unicodedata.normalize("NFD", char)[0])
        if equivalent in self.columns:
            return self.columns[equivalent]
        return WILDCARD if _is_spoken(char) else None


def _is_spoken(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LN" or category == "Sc" or char in _SPOKEN_SIGNS
