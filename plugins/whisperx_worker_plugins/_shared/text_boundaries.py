"""Boundaries of words and sentences in a text."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

TextSpan: TypeAlias = tuple[int, int]
"""Indices of a word's first character and of the one after its last."""

LANGUAGES_WITHOUT_SPACES = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})

_TERMINATORS = tuple(".!?…。！？؟।۔")
_CLOSERS = "\"'»”’)]」』）"
_DASHES = frozenset("-–—")
_ABBREVIATION = re.compile(
    r"bzw|d\.h|dr|e\.g|hr|i\.e|jr|mlle|mme|mrs?|ms|mt|nr|prof|sra?|st|usw|vs|z\.b", re.IGNORECASE
)
_MAX_ORDINAL_DIGITS = 2


def has_spaces(language: str | None) -> bool:
    """Return whether a language is written with spaces between words."""
    return language not in LANGUAGES_WITHOUT_SPACES


def word_spans(text: str, language: str | None) -> list[TextSpan]:
    """Return the words of a text: its parts between white space.

    In a language that is written without spaces each character is a word; combining marks stay with their character.
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
    """Return the indices of the words that begin a sentence, always with the first.

    Args:
        text: The text.
        words: Its words, as returned by `word_spans`; never empty.
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
