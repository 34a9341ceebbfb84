"""Russian word forms: which words exist, and how a term is declined."""

from __future__ import annotations

import functools
import itertools
import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pymorphy3 import MorphAnalyzer
    from pymorphy3.analyzer import Parse

CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct")
ADJECTIVE_FORMS = (("masc",), ("femn",), ("neut",), ("plur",))
"""Grammemes by their names in OpenCorpora."""
_CYRILLIC = re.compile(r"[А-ЯЁа-яё]{3,}")
_DECLINABLE_ENDING = re.compile(r"[бвгджзйклмнпрстфхцчшщьая]$|[ыиое]е$")
"""Endings of names that no dictionary has and that are declined: not "Авито"."""
_VOWEL = re.compile("[аеёиоуыэюя]")


@functools.cache
def _analyzer() -> MorphAnalyzer:
    import pymorphy3

    # It logs the folder of its dictionary, and a job's log is for the client.
    logging.getLogger("pymorphy3").setLevel(logging.WARNING)
    return pymorphy3.MorphAnalyzer(lang="ru")


@functools.lru_cache(maxsize=262_144)
def is_known(word: str) -> bool:
    """Return whether a word is a form of a dictionary word, a single letter, or has no letter.

    Compounds with hyphens are known when all of their parts are.
    """
    return _analyzer().word_is_known(word.lower()) or all(
        len(part) == 1 or not any(map(str.isalpha, part)) or _analyzer().word_is_known(part)
        for part in word.lower().split("-")
    )


def declensions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the forms of a name in the nominative, with labels that are the same for all texts.

    A name of several words is declined in all of them ("Красной Поляны"), in the last one ("Яндекс Маркета"), or in the
    first one ("Школы танцев"). Words that are not declined stay as they are.

    Yields:
        Label of the form, and the form.
    """
    words = text.split()
    every, last = range(len(words)), [len(words) - 1]
    first = _nominative(words[0]) if words else None
    agrees = first is not None and first.tag.POS == "ADJF"
    for grammemes in _declined_as(words):
        for label, chosen in (("all", every), ("last", every if agrees else last), ("first", every if agrees else [0])):
            declined = [_decline(word, grammemes) if i in chosen else word for i, word in enumerate(words)]
            yield " ".join((label, *sorted(grammemes))), " ".join(declined)


def _declined_as(words: Sequence[str]) -> list[frozenset[str]]:
    """Return the grammemes of a name's forms: cases; genders and plural where it ends in an adjective."""
    last = _nominative(words[-1]) if words else None
    is_adjective = last is not None and last.tag.POS == "ADJF"
    return [frozenset((case, *form)) for case in CASES for form in (ADJECTIVE_FORMS if is_adjective else [()])]


@functools.lru_cache(maxsize=65_536)
def _decline(word: str, grammemes: frozenset[str]) -> str:
    """Return a form of a word, with the word's own capitals; itself where there is none."""
    head, hyphen, tail = word.rpartition("-")
    parse = _nominative(word)
    inflected = parse.inflect(set(grammemes)) if parse else None
    if inflected is None:
        return word
    declined = str(inflected.word)
    alike = (a == b for a, b in zip(tail.lower().replace("ё", "е"), declined.replace("ё", "е"), strict=False))
    stem = sum(itertools.takewhile(bool, alike))
    return head + hyphen + tail[:stem] + declined[stem:]


@functools.lru_cache(maxsize=65_536)
def _nominative(word: str) -> Parse | None:
    """Return the likeliest reading of a word as a noun or an adjective in the nominative.

    Of a compound with hyphens only the last part is read.
    """
    word = word.rpartition("-")[2]
    is_abbreviation = word.isupper() or not _VOWEL.search(word.lower())
    if not _CYRILLIC.fullmatch(word) or is_abbreviation:
        return None
    if not is_known(word) and not _DECLINABLE_ENDING.search(word.lower()):
        return None
    parses = [
        parse
        for parse in _analyzer().parse(word)
        if parse.tag.POS in {"NOUN", "ADJF"} and "nomn" in parse.tag and "Fixd" not in parse.tag
    ]
    singular = [parse for parse in parses if "sing" in parse.tag]
    return next(iter(singular or parses), None)
