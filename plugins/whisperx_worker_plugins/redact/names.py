"""Case forms of Russian names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import normalised
from whisperx_worker_plugins.redact.tokens import Find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whisperx_worker_plugins.redact.tokens import Tokens

_ADJECTIVE = "ий ый ой его ого ему ому им ым ом ем ая яя ую юю ей ие ые их ых ими ыми"
_ENDINGS = (
    ("ий", f"{_ADJECTIVE} ия ию ием ии"),
    ("ый", _ADJECTIVE),
    ("ой", _ADJECTIVE),
    ("ая", _ADJECTIVE),
    ("й", "й я ю ем е и ев ям ями ях"),
    ("ь", "ь я ю ем е и ью ей ям ями ях"),
    ("я", "я и е ю ей ею й ь ям ями ях"),
    ("а", "а ы и е у ой ою ей ею - ам ами ах"),
)
"""Ending of the nominative, and all endings; a dash stands for none."""
_AFTER_A_CONSONANT = "- а у ом ем е ы и ов ей ам ами ах ым ой ых ыми"
_FLEETING = re.compile(r"(.+)[ео]([лцк])")
"""Павел, Горец, Малек, Щенок lose their last vowel: "Павла"."""
_INITIAL = 1
_CONSONANTS = "бвгджзклмнпрстфхцчшщ"


@lru_cache(maxsize=64)
def forms_of_names(names: tuple[str, ...]) -> frozenset[str]:
    """Return the words of names in all cases, normalised; initials are left out.

    >>> sorted(forms_of_names(("Анна Ким",)))[:6]
    ['анн', 'анна', 'аннам', 'аннами', 'аннах', 'анне']
    """
    words = {word for name in names for word in re.findall(r"[^\W\d_]+", normalised(name))}
    return frozenset().union(*(_forms(word) for word in words if len(word) > _INITIAL))


def find_names(tokens: Tokens, names: tuple[str, ...]) -> Iterator[Find]:
    """Yield names; the words of one that follow each other are one find."""
    forms = forms_of_names(names)
    found: list[int] = []
    for index, word in enumerate(tokens.words):
        if word in forms:
            found.append(index)
        elif found:
            yield Find("name", tuple(found))
            found = []
    if found:
        yield Find("name", tuple(found))


def _forms(word: str) -> frozenset[str]:
    for ending, endings in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1:
            return frozenset(stem + one.strip("-") for one in endings.split())
    if word[-1] not in _CONSONANTS:
        return frozenset({word})
    short = _FLEETING.fullmatch(word)
    stems = {word, "льв" if word == "лев" else short[1] + short[2] if short else word}
    return frozenset({word}.union(*({stem + one.strip("-") for one in _AFTER_A_CONSONANT.split()} for stem in stems)))
