"""What numbers and signs are called: numbers by num2words, the words around them by small tables. Knows no sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from whisperx_worker_plugins.wav2vec2_alignment import english, russian

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_NUMBER = 10**15
_LIBRARY_NAMES = {"kk": "kz", "nn": "no"}
"""Codes of languages that num2words calls otherwise."""
_RUSSIAN_FORMS: tuple[Mapping[str, object], ...] = tuple(
    {"case": case, "gender": gender} for case in "ngdaip" for gender in "mfn"
)
_RUSSIAN_PLURALS: tuple[Mapping[str, object], ...] = tuple(
    {"case": case, "plural": True, "animate": False} for case in "ngdaip"
)


@dataclass(frozen=True)
class Tongue:
    """The words of a language around its numbers; each in all of its forms."""

    signs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What a sign is called."""
    between: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What is said for a sign between two numbers, besides nothing."""
    units: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What an abbreviation after a number stands for."""
    coins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Hundredths of what a sign of currency stands for."""
    months: Sequence[Sequence[str]] = ()
    after_hours: Sequence[str] = ()
    after_minutes: Sequence[str] = ()
    after_years: Sequence[str] = ()
    fractions: Sequence[Sequence[str]] = ()
    """Names of tenths, hundredths, and so on."""
    half: Sequence[str] = ()
    """What is said for five tenths after a whole number."""
    one_and_a_half: Sequence[str] = ()
    letters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names of letters of the Latin alphabet, where it is not the language's own."""
    sounds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What letters of the Latin alphabet, and pairs of them, may sound like, where it is not the language's own."""


_TONGUES = {
    "ru": Tongue(
        signs=russian.SIGNS,
        between=russian.BETWEEN,
        units=russian.UNITS,
        coins=russian.COINS,
        months=russian.MONTHS,
        after_hours=russian.HOURS,
        after_minutes=russian.MINUTES,
        after_years=russian.YEARS,
        fractions=russian.FRACTIONS,
        half=russian.HALF,
        one_and_a_half=russian.ONE_AND_A_HALF,
        letters=russian.LATIN_LETTERS,
        sounds=russian.LATIN_SOUNDS,
    ),
    "en": Tongue(
        signs=english.SIGNS,
        between=english.BETWEEN,
        units=english.UNITS,
        coins=english.COINS,
        months=english.MONTHS,
        after_hours=english.HOURS,
        half=english.HALF,
    ),
}


def tongue_of(language: str | None) -> Tongue:
    """The words of a language; none where they are not known."""
    return _TONGUES.get(language or "", Tongue())


@lru_cache(4096)
def cardinals(number: int, language: str) -> tuple[str, ...]:
    """All forms of a number's name, in lower case; none where the language or the number has no name here."""
    if language == "ru":
        return _spelled(_without_one(_names(number, language, _RUSSIAN_FORMS), ("один ", "одна ", "одну ")))
    if language == "en":
        names = [*_names(number, language, ({}, {"to": "year"})), *(["oh"] if number == 0 else [])]
        names += [name.replace("one ", "a ", 1) for name in names if name.startswith("one ")]
        return _spelled([*names, *(name.replace(" and ", " ") for name in names)])
    return _spelled(_names(number, language, ({},)))


@lru_cache(4096)
def ordinals(number: int, language: str) -> tuple[str, ...]:
    """All forms of the name of the number's place in a row, as `cardinals`."""
    forms = (*_RUSSIAN_FORMS, *_RUSSIAN_PLURALS) if language == "ru" else ({},)
    names = _names(number, language, [{**form, "to": "ordinal"} for form in forms])
    return _spelled([*names, *(name.replace(" and ", " ") for name in names)] if language == "en" else names)


def _without_one(names: Sequence[str], ones: tuple[str, ...]) -> list[str]:
    """The names, and those that begin with one thousand as "thousand" alone."""
    return [*names, *(name[len(one) :] for name in names for one in ones if name.startswith(one))]


def _names(number: int, language: str, forms: Sequence[Mapping[str, object]]) -> list[str]:
    from num2words import CONVERTER_CLASSES, num2words

    code = _LIBRARY_NAMES.get(language, language)
    if code not in CONVERTER_CLASSES or number >= _MAX_NUMBER:
        return []
    try:
        return [num2words(number, lang=code, **form) for form in forms]
    # Converters are by many hands: each raises what it likes for what it lacks.
    except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError):
        return []


def _spelled(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(name.lower().replace("-", " ").replace(",", " ").split()) for name in names))
