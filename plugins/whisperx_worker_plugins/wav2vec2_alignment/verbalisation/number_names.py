"""Names of numbers in all of their forms, by num2words."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_NUMBER = 10**15
_NUM2WORDS_CODES = {"kk": "kz", "nn": "no"}
"""num2words' codes of languages without their ISO code."""
_RUSSIAN_FORMS: tuple[Mapping[str, object], ...] = tuple(
    {"case": case, "gender": gender} for case in "ngdaip" for gender in "mfn"
)
_RUSSIAN_PLURALS: tuple[Mapping[str, object], ...] = tuple(
    {"case": case, "plural": True, "animate": False} for case in "ngdaip"
)


@lru_cache(4096)
def cardinals(number: int, language: str) -> tuple[str, ...]:
    """Return all forms of a number's name, in lower case.

    Empty where num2words lacks the language, or the number is too large.
    """
    if language == "ru":
        return _normalised(_with_bare_thousand(_names(number, language, _RUSSIAN_FORMS), ("один ", "одна ", "одну ")))
    if language == "en":
        names = [*_names(number, language, ({}, {"to": "year"})), *(["oh"] if number == 0 else [])]
        names += [name.replace("one ", "a ", 1) for name in names if name.startswith("one ")]
        return _normalised([*names, *(name.replace(" and ", " ") for name in names)])
    return _normalised(_names(number, language, ({},)))


@lru_cache(4096)
def ordinals(number: int, language: str) -> tuple[str, ...]:
    """Return all forms of a number's ordinal, like `cardinals`."""
    forms = (*_RUSSIAN_FORMS, *_RUSSIAN_PLURALS) if language == "ru" else ({},)
    names = _names(number, language, [{**form, "to": "ordinal"} for form in forms])
    return _normalised([*names, *(name.replace(" and ", " ") for name in names)] if language == "en" else names)


def _with_bare_thousand(names: Sequence[str], ones: tuple[str, ...]) -> list[str]:
    """Add to "one thousand" and its like the form without "one"."""
    return [*names, *(name[len(one) :] for name in names for one in ones if name.startswith(one))]


def _names(number: int, language: str, forms: Sequence[Mapping[str, object]]) -> list[str]:
    from num2words import CONVERTER_CLASSES, num2words

    code = _NUM2WORDS_CODES.get(language, language)
    if code not in CONVERTER_CLASSES or number >= _MAX_NUMBER:
        return []
    try:
        return [num2words(number, lang=code, **form) for form in forms]
    # Converters have different authors: each raises its own error for what it lacks.
    except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError):
        return []


def _normalised(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(name.lower().replace("-", " ").replace(",", " ").split()) for name in names))
