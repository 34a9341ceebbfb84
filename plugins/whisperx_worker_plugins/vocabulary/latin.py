"""Latin words in Cyrillic letters, as Russians read them."""

from __future__ import annotations

import re

_LETTER_NAMES = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "эй би си ди и эф джи эйч ай джей кей эл эм эн оу пи кью ар эс ти ю ви даблю икс уай зэд".split(),  # noqa: SIM905
        strict=True,
    )
)
_C = "[b-df-hj-np-tv-z]"
"""A Latin consonant."""
_ENGLISH_RULES = (
    (r"^i$", "ай"),
    (r"^you", "ю"),
    (r"tion", "шн"),
    (r"sion", "жн"),
    (r"ture$", "чер"),
    (r"igh", "ай"),
    (r"^kn", "н"),
    (r"^wr", "р"),
    (r"dge$|ge$", "дж"),
    (r"c(?=[eiy])", "с"),
    (rf"a({_C})e(?=s?$)", r"эй\1"),
    (rf"i({_C})e(?=s?$)", r"ай\1"),
    (rf"o({_C})e(?=s?$)", r"оу\1"),
    (rf"(?<={_C})u({_C})e(?=s?$)", r"ю\1"),
    (r"i(?=ld|nd$)", "ай"),
    (r"eau", "о"),
    (r"ee|ea", "и"),
    (r"oo", "у"),
    (r"ower", "ауэр"),
    (r"ow", "оу"),
    (r"ou", "ау"),
    (r"ai|ay|ey", "эй"),
    (r"au|aw", "о"),
    (r"ew|eu", "ью"),
    (r"oa", "оу"),
    (rf"(?<={_C})ie", "и"),
    (rf"^({_C}+)u({_C}+)$", r"\1а\2"),
    (r"(?<=[a-zа-я]{2})(?<![aiouy])e$", ""),
    (rf"^i(?={_C}|ф)(?=.[oа-я])", "ай"),
    (r"^y|(?<=[aeo])y", "й"),
)
"""Spellings of English, the longer first."""
_SHARED_RULES = (
    (rf"({_C})\1+", r"\1"),
    (r"tch|ch", "ч"),
    (r"sch|sh", "ш"),
    (r"ph", "ф"),
    (r"th", "т"),
    (r"wh", "в"),
    (r"ck", "к"),
    (r"qu", "кв"),
    (r"x", "кс"),
    (r"j", "дж"),
    (r"^e", "э"),
)
"""Spellings that every reading has in common, after its own ones."""
_LETTERS = str.maketrans("abcdefghiklmnopqrstuvwyz", "абкдефгхиклмнопкрстувви" + "з")


def latin_readings(word: str) -> list[str]:
    """Return how a Latin word may be read, the likeliest first.

    Example:
        >>> latin_readings("Slack"), latin_readings("Google")
        (['слак'], ['гугл', 'гоогле'])
    """
    lower = re.sub("[^a-z]", "", word.lower())
    english, by_letters = _apply(_ENGLISH_RULES, lower), _apply((), lower)
    return list(dict.fromkeys([english, by_letters]))


def spelled_out(letters: str) -> str:
    """Return the English names of Latin letters, as Russians say them."""
    return " ".join(_LETTER_NAMES[letter] for letter in letters.lower())


def _apply(rules: tuple[tuple[str, str], ...], word: str) -> str:
    for spelling, spoken in (*rules, *_SHARED_RULES):
        word = re.sub(spelling, spoken, word)
    return word.translate(_LETTERS)
