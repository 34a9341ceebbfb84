"""What a written term or word sounds like: Cyrillic and Latin words, abbreviations, digits and signs."""

from __future__ import annotations

import functools
import re
from itertools import islice, product

from whisperx_worker_plugins.vocabulary.latin import latin_readings, spelled_out

MAX_READINGS = 6
MAX_ABBREVIATION = 5
"""Letters of a part in capitals that is spelled out."""
_PARTS = re.compile(r"[А-ЯЁ]{2,}(?![а-яё])|[А-ЯЁ]?[а-яё]+|[А-ЯЁ]|[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d+|[+&№%]")
_SIGNS = {"+": "плюс", "&": "энд", "№": "номер", "%": "процент"}
_CYRILLIC_NAMES = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "а бэ вэ гэ дэ е ё жэ зэ и й ка эл эм эн о пэ эр эс тэ у эф ха цэ че ша ща ъ ы ь э ю я".split(),  # noqa: SIM905
        strict=True,
    )
)
_RUSSIAN_NAMES_OF_LATIN = str.maketrans("abcdefghijklmnopqrstuvwxyz", "абцдефгхижклмнопкрстуввхиз")
_MAX_SPOKEN_NUMBER = 9_999


@functools.lru_cache(maxsize=65_536)
def readings_of(text: str) -> tuple[str, ...]:
    """Return the readings of a text in Cyrillic letters, the likeliest first, at most `MAX_READINGS`.

    "ё" is also read as "е", since recognisers often write so. A text without a readable part has one empty reading.

    Example:
        >>> readings_of("Битрикс24")
        ('битрикс двадцать четыре', 'битрикс два четыре')
        >>> readings_of("CRM")
        ('си ар эм', 'цэ эр эм')
    """
    parts = [_part_readings(part) for part in _PARTS.findall(text)]
    return tuple(dict.fromkeys(" ".join(chosen) for chosen in islice(product(*parts), MAX_READINGS)))


def _part_readings(part: str) -> list[str]:
    if part in _SIGNS:
        return [_SIGNS[part]]
    if part.isdecimal():
        return _number_readings(part)
    is_latin = part[0].lower() in "abcdefghijklmnopqrstuvwxyz"
    if part.isupper() and len(part) <= MAX_ABBREVIATION:
        return _abbreviation_readings(part.lower(), is_latin=is_latin)
    return latin_readings(part) if is_latin else list(dict.fromkeys([part.lower(), part.lower().replace("ё", "е")]))


def _abbreviation_readings(letters: str, *, is_latin: bool) -> list[str]:
    """Return the names of the letters, and the word that they make, if any."""
    russian = letters.translate(_RUSSIAN_NAMES_OF_LATIN) if is_latin else letters
    russian_names = " ".join(_CYRILLIC_NAMES[letter] for letter in russian)
    names = [spelled_out(letters), russian_names] if is_latin else [russian_names]
    as_word = [russian] if re.search("[аеёиоуыэюя]", russian) and len(letters) > 1 else []
    return names + as_word


def _number_readings(digits: str) -> list[str]:
    from num2words import num2words

    one_by_one = " ".join(num2words(int(digit), lang="ru") for digit in digits)
    if int(digits) > _MAX_SPOKEN_NUMBER or digits.startswith("0"):
        return [one_by_one]
    return list(dict.fromkeys([num2words(int(digits), lang="ru"), one_by_one]))
