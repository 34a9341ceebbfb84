"""Spoken numbers of a text in the form in which people write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import FORMS
from whisperx_worker_plugins.russian_numbers.clock import write_clock
from whisperx_worker_plugins.russian_numbers.currency import write_currency_sign
from whisperx_worker_plugins.russian_numbers.dates import write_ordinal
from whisperx_worker_plugins.russian_numbers.digit_groups import write_code
from whisperx_worker_plugins.russian_numbers.fractions import write_fraction
from whisperx_worker_plugins.russian_numbers.quantities import write_cardinal, write_hyphenated
from whisperx_worker_plugins.russian_numbers.sentence import split_tokens
from whisperx_worker_plugins.russian_numbers.telephone import write_telephone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker_plugins.russian_numbers.sentence import Edit, Sentence

RULES = (write_telephone, write_clock, write_code, write_fraction, write_ordinal, write_cardinal)
"""Rules in the order in which they are asked; the first that answers is taken."""
_WORD = re.compile(r"\S+")
_OTHER_STARTS = frozenset({
    "плюс", "без", "час", "четверть", "половина", "половине", "половины", "пол", "полтора", "полторы", "полутора",
})  # fmt: skip


def number_edits(tokens: Sequence[str], *, currency_signs: bool = False) -> tuple[Sentence, list[Edit]]:
    """Return the words of tokens, and what to write in place of some of them, in order.

    Args:
        tokens: Words with their punctuation.
        currency_signs: Whether amounts of roubles, dollars and euros get ₽, $ and €.
    """
    sentence = split_tokens(tokens)
    edits: list[Edit] = []
    index = 0
    while index < len(tokens):
        edit = _edit_at(sentence, index) if _may_start(sentence, index) else None
        if edit:
            edits.append(write_currency_sign(sentence, edit) if currency_signs else edit)
            index = edits[-1].end
        else:
            stays = sentence.numeral(index) if sentence.words[index] in FORMS else None
            index = stays.end if stays else index + 1
    return sentence, edits


def write_numbers(text: str, *, currency_signs: bool = False) -> str:
    """Return a text with its spoken numbers written as people write them.

    >>> write_numbers("Пятого мая, в восемь тридцать, за двадцать пять тысяч рублей")
    '5 мая, в 8:30, за 25 000 рублей'
    """
    return apply_edits(text, *number_edits(text.split(), currency_signs=currency_signs))


def apply_edits(text: str, sentence: Sentence, edits: Sequence[Edit]) -> str:
    """Return a text with the edits of its words; all other white space stays."""
    spans = [found.span() for found in _WORD.finditer(text)] if edits else []
    pieces, last = [], 0
    for edit in edits:
        pieces += [text[last : spans[edit.start][0]], sentence.in_place(edit)]
        last = spans[edit.end - 1][1]
    return "".join([*pieces, text[last:]])


def _may_start(sentence: Sentence, index: int) -> bool:
    word = sentence.words[index]
    if word.isdecimal():
        # "000" of "25 000" begins no number.
        return not sentence.before(index)[:1].isdecimal()
    return word in FORMS or word in _OTHER_STARTS or word.startswith("пол") or "-" in word


def _edit_at(sentence: Sentence, index: int) -> Edit | None:
    if "-" in sentence.words[index]:
        return write_hyphenated(sentence, index) or write_clock(sentence, index)
    return next((edit for rule in RULES if (edit := rule(sentence, index))), None)
