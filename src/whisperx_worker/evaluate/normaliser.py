"""Normaliser of both sides before any comparison of words. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whisperx_worker.evaluate.numerals import spell, unify

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = (
    "Unicode NFKC, case and stress marks removed",
    "everything but letters and digits separates words, an apostrophe inside a word is dropped",
    "ё is е",
    "a number in digits is spelled out in the recording's language",
    "a Russian numeral, ordinal or not, is its nominative cardinal: «двухсот», «двухсотый» and «200» are «двести»",
)
"""What is stated in every report."""
DEFAULT_LANGUAGE = "ru"

_STRESS = re.compile("[\u0300\u0301]")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['’ʼ](?=[^\W\d_])")
_ORDINAL = re.compile(
    r"(?<=\d)[-‐‑–](?:ый|ой|ий|й|ая|я|ое|е|ого|его|го|ому|ему|му|ым|им|м|ом|ем|ых|их|х|ую|ю|ыми|ми)\b"
)
_GROUP = 3
"""Digits of a group of thousands."""


@dataclass(frozen=True)
class Token:
    """Normalised word and the index of the written word that it comes from."""

    text: str
    source: int


def normalise(text: str, language: str = DEFAULT_LANGUAGE) -> str:
    """Return the normalised words of a text with one space between them.

    >>> normalise("Ещё 200 рублей, к 5-му – «срочно»!")
    'еще двести рублей к пять срочно'
    >>> normalise("двухсот") == normalise("200")
    True
    """
    return " ".join(token.text for token in tokens_of(text.split(), language))


def tokens_of(words: Sequence[str], language: str = DEFAULT_LANGUAGE) -> tuple[Token, ...]:
    """Return normalised tokens of written words; a written word gives none, one or several."""
    pieces = [Token(piece, index) for index, word in enumerate(words) for piece in _pieces(word)]
    spelled = [
        replace(piece, text=word)
        for piece in _with_thousands(pieces)
        for word in (spell(piece.text, language) if piece.text.isdecimal() else [piece.text])
    ]
    unified = unify([token.text for token in spelled], language)
    return tuple(replace(token, text=text) for token, text in zip(spelled, unified, strict=True) if text is not None)


def _pieces(word: str) -> list[str]:
    """Split a written word into rows of letters and rows of digits."""
    plain = _STRESS.sub("", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold()))
    plain = _ORDINAL.sub("", _APOSTROPHE.sub("", plain.replace("ё", "е")))
    pieces: list[str] = []
    previous = ""
    for character in plain:
        kind = "digit" if character.isdecimal() else "letter" if unicodedata.category(character)[0] in "LM" else ""
        if kind and kind == previous:
            pieces[-1] += character
        elif kind:
            pieces.append(character)
        previous = kind
    return pieces


def _with_thousands(pieces: Sequence[Token]) -> list[Token]:
    """Join a number's groups of thousands; groups that other digits stand beside are separate numbers."""
    found: list[Token] = []
    place = 0
    while place < len(pieces):
        end = place
        while end < len(pieces) and pieces[end].text.isdecimal():
            end += 1
        run = pieces[place:end]
        first, *others = run or pieces[place : place + 1]
        is_one = others and len(first.text) <= _GROUP and first.text[0] != "0"
        if is_one and all(len(piece.text) == _GROUP for piece in others):
            found.append(replace(first, text="".join(piece.text for piece in run)))
        else:
            found += [first, *others]
        place = max(end, place + 1)
    return found
