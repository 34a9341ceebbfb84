"""Text on its way to the aligner: words, the spoken characters of each, sentences. Knows no model library."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TextSpan: TypeAlias = tuple[int, int]
"""Indices of a word's first character and of the one after its last."""

WILDCARD = -1
"""Stands for a spoken character that the alphabet lacks: it may be any sound."""

LANGUAGES_WITHOUT_SPACES = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})

_SPOKEN_SIGNS = frozenset("%‰&@#§№°+=×÷±")
_ALIKE = {"е": "ё", "’": "'", "ʼ": "'", "‑": "-"}
"""What a character may be written as in an alphabet that lacks it; letters with marks become their plain letter."""
_LAST_CYRILLIC = 0x52F
_TERMINATORS = tuple(".!?…。！？؟।۔")
_CLOSERS = "\"'»”’)]」』）"
_DASHES = frozenset("-–—")
_ABBREVIATION = re.compile(
    r"bzw|d\.h|dr|e\.g|hr|i\.e|jr|mlle|mme|mrs?|ms|mt|nr|prof|sra?|st|usw|vs|z\.b", re.IGNORECASE
)
_MAX_ORDINAL_DIGITS = 2


@dataclass(frozen=True)
class Alphabet:
    """The characters that an acoustic model tells apart."""

    columns: Mapping[str, int]
    """Column of each character, in lower case; without the blank and the separator."""
    blank: int
    separator: int | None
    """Column of what stands between words; None where the model has no such column."""

    @classmethod
    def of(cls, labels: Mapping[str, int], blank: int, width: int) -> Alphabet:
        """Make one from a model's vocabulary.

        Args:
            labels: Column of each label; labels longer than one character are marks such as `<unk>`.
            blank: Column of the blank.
            width: Number of columns of the emissions; a vocabulary may name more.
        """
        lowered = {label.lower(): column for label, column in labels.items() if column < width and column != blank}
        separator = lowered.get("|", lowered.get(" "))
        return cls({c: column for c, column in lowered.items() if len(c) == 1 and c not in "| "}, blank, separator)

    def tokens(self, word: str) -> list[int]:
        """Columns of a word's spoken characters; punctuation has none.

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
        """Characters in lower case that can be spelled, those among them that are only alike one of its own."""
        candidates = {*self.columns, *map(chr, range(ord("a"), _LAST_CYRILLIC + 1))}
        return frozenset(char for char in candidates if self._column(char) not in {None, WILDCARD})

    def _column(self, char: str) -> int | None:
        if char in self.columns:
            return self.columns[char]
        alike = _ALIKE.get(char, unicodedata.normalize("NFD", char)[0])
        if alike in self.columns:
            return self.columns[alike]
        return WILDCARD if _is_spoken(char) else None


def _is_spoken(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LN" or category == "Sc" or char in _SPOKEN_SIGNS


def has_spaces(language: str | None) -> bool:
    """Whether words of a language are written apart."""
    return language not in LANGUAGES_WITHOUT_SPACES


def word_spans(text: str, language: str | None) -> list[TextSpan]:
    """Where words are: between white space, or each character of a language that is written without it.

    Combining marks stay with their character.
    """
    if has_spaces(language):
        return [match.span() for match in re.finditer(r"\S+", text)]
    spans: list[TextSpan] = []
    for index, char in enumerate(text):
        if char.isspace():
            continue
        if spans and spans[-1][1] == index and unicodedata.category(char)[0] == "M":
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
    return spans


def sentence_starts(text: str, words: Sequence[TextSpan], language: str | None) -> list[int]:
    """Indices of the words that begin a sentence, the first word always among them.

    Args:
        text: The text.
        words: Its words, as `word_spans` gives them; never empty.
        language: ISO code.
    """
    if language == "ru":
        from razdel import sentenize

        offsets = {sentence.start for sentence in sentenize(text)}
        return [index for index, (start, _) in enumerate(words) if not index or start in offsets]
    return [0, *(index for index in range(1, len(words)) if _begins_sentence(text, words, index, language))]


def _begins_sentence(text: str, words: Sequence[TextSpan], index: int, language: str | None) -> bool:
    start, end = words[index]
    if has_spaces(language):
        previous = text[slice(*words[index - 1])]
        return _closes_sentence(previous) and _may_open_sentence(text[start:end])
    ends_before = text[:start].rstrip(_CLOSERS + " ").endswith(_TERMINATORS)
    return ends_before and not text[start:end].startswith((*_TERMINATORS, *_CLOSERS))


def _closes_sentence(word: str) -> bool:
    bare = word.rstrip(_CLOSERS)
    if not bare.endswith(_TERMINATORS):
        return False
    stem = bare.rstrip(".").lstrip("\"'«“‘([")
    if not bare.endswith(".") or bare.endswith(".."):
        return True
    is_ordinal = stem.isdigit() and len(stem) <= _MAX_ORDINAL_DIGITS
    is_initial = len(stem) == 1 and stem.isupper()
    return not (is_ordinal or is_initial or _ABBREVIATION.fullmatch(stem) is not None)


def _may_open_sentence(word: str) -> bool:
    first = next((char for char in word if char.isalnum()), None)
    return word[0] in _DASHES if first is None else not first.islower()
