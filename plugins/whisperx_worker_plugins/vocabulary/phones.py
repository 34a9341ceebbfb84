"""Russian text as phones: a broad transcription without stress and softness.

A phone is one of the letters of `PHONES`; `џ` is the affricate of "джаз". Vowels keep their full quality, since the
stress is unknown; `distance` makes the ones that fall together without stress cheap to exchange.
"""

from __future__ import annotations

import functools
import re

VOWELS = "аоуэиы"
CONSONANTS = "бвгджзйклмнпрстфхцчшщџ"
PHONES = VOWELS + CONSONANTS

_VOICED, _VOICELESS = "бвгджз", "пфктшс"
_DEVOICE, _VOICE = str.maketrans(_VOICED, _VOICELESS), str.maketrans(_VOICELESS, _VOICED)

_CLUSTERS = (
    (r"[^а-я]", ""),
    (r"ть?ся\b", "ца"),
    (r"(?<=[ое])го\b", "во"),
    (r"стн", "сн"),
    (r"здн", "зн"),
    (r"стл", "сл"),
    (r"лнц", "нц"),
    (r"нтск", "нск"),
    (r"вств", "ств"),
    (r"[сзж]ч", "щ"),
    (r"[сз]ш", "ш"),
    (r"[сз]ж", "ж"),
    (r"[тд]ч", "ч"),
    (r"[тд][цс]", "ц"),
    (r"\bчт", "шт"),
    (r"г(?=[кч])", "х"),
    (r"дж", "џ"),
)
"""Spellings that sound otherwise, in the order in which they are replaced."""
_IOTATED = str.maketrans({"е": "э", "ё": "о", "ю": "у", "я": "а"})
_ASSIMILATION = ((r"[бвгджз]+(?=[пфктшсхцчщ]|$)", _DEVOICE), (r"[пктшсф]+(?=[бгджз])", _VOICE))


def phones_of(text: str) -> str:
    """Return the phones of Russian words, read without a pause between them.

    Args:
        text: Words in Cyrillic letters; other characters are left out.

    Example:
        >>> phones_of("Битриксом"), phones_of("сделается"), phones_of("поезд")
        ('битриксом', 'здэлаэца', 'поэст')
    """
    sound = "".join(map(_word_phones, text.lower().split()))
    for consonants, table in _ASSIMILATION:
        sound = re.sub(consonants, lambda found: found[0].translate(table), sound)  # noqa: B023  used at once
    return sound


@functools.lru_cache(maxsize=65_536)
def _word_phones(word: str) -> str:
    sound = word.replace("ё", "йо") if word.startswith("ё") else word.replace("ё", "о")
    for spelling, spoken in _CLUSTERS:
        sound = re.sub(spelling, spoken, sound)
    sound = re.sub(r"(?:(?<=[аоуыиэеюяъь])|^)([юя])", r"й\1", sound)
    sound = re.sub(r"(?:(?<=[ъь])|^)е", "йе", sound)
    return re.sub(r"[ьъ]|(.)(?=\1)", "", sound.translate(_IOTATED))
