"""Words that announce which number comes, or that it is none of ours."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from whisperx_worker_plugins._shared.russian_numerals import FORMS
from whisperx_worker_plugins.redact.digit_runs import FILLERS
from whisperx_worker_plugins.redact.tokens import MASKED

if TYPE_CHECKING:
    from whisperx_worker_plugins.redact.digit_runs import Run
    from whisperx_worker_plugins.redact.tokens import Tokens

Announced: TypeAlias = Literal["telephone", "card", "passport", "inn", "snils", "number", "other", "unknown", ""]
"""Kind of number that the words beside it announce.

"number" is the bare word, "other" a number that is not private; "unknown" at the edge of a piece.
"""
_STEMS: dict[Announced, tuple[str, ...]] = {
    "telephone": (
        "телефон", "мобильн", "сотов", "звони", "позвон", "перезвон", "созвон", "набер", "набира", "ватсап", "вотсап",
        "вацап", "whatsapp", "вайбер", "viber", "телеграм", "telegram", "факс", "phone", "связ", "свяж",
        "городск",
    ),
    "card": ("карт", "card", "цифр"),
    "passport": ("паспорт", "серии", "серия", "серию", "passport"),
    "inn": ("инн", "налогоплательщик"),
    "snils": ("снилс", "страхов"),
    "number": ("номер",),
    "other": (
        "заказ", "артикул", "договор", "накладн", "трек", "отправлен", "посылк", "заявк", "обращен", "полис", "счет",
        "лицев", "код", "пин", "индекс", "показан", "цен", "стои", "сумм", "рейс", "билет", "брон", "верси",
        "размер", "дат", "рожден", "выда", "температур", "подраздел", "оплат", "плат", "огрн", "бик", "кпп", "баланс",
        "остат", "тариф", "модел", "order", "чек",
    ),
}  # fmt: skip
"""Beginnings of the words."""
_WHOLE_WORDS: dict[str, Announced] = {"тел": "telephone"}
_NOT_CARDS = ("картин", "картоф", "картош", "картон", "картридж")
_LETTERS_OF_INN = ("и", "эн", "эн")
_WORDS_BEFORE = 6
_WORDS_AFTER = 3
_MAX_DISTANCE = 40
"""Tokens to look at, numbers, masks and fillers included."""


def announced_kind(tokens: Tokens, run: Run, *, is_piece: bool) -> Announced:
    """Return what the words before a run announce, else the words after it.

    Args:
        tokens: The text.
        run: Groups of digits.
        is_piece: Whether what stands before and after the text is not known.
    """
    before, has_words_before = _nearest(tokens, run.groups[0].start - 1, -1, _WORDS_BEFORE)
    if before and (before != "number" or has_words_before or not is_piece):
        return before
    after, has_words_after = _nearest(tokens, run.groups[-1].end, 1, _WORDS_AFTER)
    return "unknown" if is_piece and not (has_words_before and has_words_after) else after


@lru_cache(maxsize=4_096)
def marker(word: str) -> Announced:
    """Return what a word announces.

    >>> marker("телефону"), marker("картошка"), marker("заказа")
    ('telephone', '', 'other')
    """
    if word in _WHOLE_WORDS:
        return _WHOLE_WORDS[word]
    if word.startswith(_NOT_CARDS):
        return ""
    return next((kind for kind, stems in _STEMS.items() if word.startswith(stems)), "")


def _nearest(tokens: Tokens, index: int, step: int, count: int) -> tuple[Announced, bool]:
    """Return what the nearest marker announces, and whether so many words were there to look at.

    The bare word "номер" counts only where no other marker is near.
    """
    weak: Announced = ""
    for place in range(index, index + step * _MAX_DISTANCE, step):
        word = tokens.word(place)
        if not word:
            return weak, False
        if word in FILLERS or word in FORMS or word == MASKED or word.isdecimal():
            continue
        found: Announced = "inn" if tokens.words[max(0, place - 2) : place + 1] == _LETTERS_OF_INN else marker(word)
        if found and found != "number":
            return found, True
        weak = weak or found
        count -= 1
        if count == 0:
            break
    return weak, True
