"""Numbers as words: digits spelled out, and Russian numerals in one form whatever their case."""

from __future__ import annotations

from functools import cache
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_DIGITS = 15
"""Longer rows of digits are read digit by digit."""
SCALES = ("тысяча", "миллион", "миллиард")
_SHORT_SCALES = {"тыс": "тысяча", "млн": "миллион", "млрд": "миллиард", "нуль": "ноль"}
_CASES = "ngdaip"


def spell(digits: str, language: str) -> list[str]:
    """Return the words of a row of digits, or the digits where the language has no numerals here.

    Zeros in front are read one by one.

    >>> spell("0125", "ru")
    ['ноль', 'сто', 'двадцать', 'пять']
    """
    if not has_numerals(language):
        return [digits]
    if len(digits) > MAX_DIGITS:
        return [word for digit in digits for word in _cardinal(int(digit), language)]
    rest = digits.lstrip("0")
    zeros = len(digits) - len(rest)
    return _cardinal(0, language) * zeros + (_cardinal(int(rest), language) if rest else [])


@cache
def has_numerals(language: str) -> bool:
    """Return whether num2words spells numbers in a language."""
    from num2words import CONVERTER_CLASSES

    return language in CONVERTER_CLASSES


def _cardinal(number: int, language: str) -> list[str]:
    from num2words import num2words

    text = str(num2words(number, lang=language)).casefold().replace("ё", "е")
    return "".join(letter if letter.isalpha() else " " for letter in text).split()


@cache
def russian_forms() -> Mapping[str, str]:
    """Return the nominative cardinal of each form of a Russian numeral, ordinals included."""
    from num2words import num2words

    forms: dict[str, str] = {}
    values = [*range(21), *range(30, 100, 10), *range(100, 1_000, 100), 10**3, 10**6, 10**9]
    for value in values:
        lemma = num2words(value, lang="ru").split()[-1]
        for case, gender, plural, animate in product(_CASES, "mfn", (False, True), (False, True)):
            inflected = {"case": case, "gender": gender, "plural": plural, "animate": animate}
            written = [num2words(value, lang="ru", to=kind, **inflected) for kind in ("cardinal", "ordinal")]
            if value in {10**3, 10**6, 10**9}:
                written += [num2words(many * value, lang="ru", case=case).split()[-1] for many in (2, 5)]
            forms.update({form.split()[-1].replace("ё", "е"): lemma for form in written})
    return MappingProxyType({**forms, **_SHORT_SCALES})


def unify(words: Iterable[str], language: str) -> list[str | None]:
    """Return words with Russian numerals in one form; None for a dropped «один» before a scale.

    >>> unify(["двухсот", "одна", "тысяча"], "ru")
    ['двести', 'один', 'тысяча']
    >>> unify(["около", "одной", "тысячи"], "ru")
    ['около', None, 'тысяча']
    """
    if language != "ru":
        return list(words)
    forms = russian_forms()
    known = [forms.get(word, word) for word in words]
    numerals = set(forms.values()) - set(SCALES)
    return [
        None if word == "один" and following in SCALES and (not place or known[place - 1] not in numerals) else word
        for place, (word, following) in enumerate(zip(known, [*known[1:], ""], strict=False))
    ]
