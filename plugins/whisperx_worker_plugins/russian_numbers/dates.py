"""Dates, years and centuries, and other ordinals: "5 мая 2023 года", "XIX век", "25-й"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import MILLION, THOUSAND
from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.sentence import Edit

if TYPE_CHECKING:
    from whisperx_worker_plugins._shared.russian_numerals import Numeral
    from whisperx_worker_plugins.russian_numbers.sentence import Sentence

_DAYS_OF_A_MONTH = 31
_MONTHS_OF_A_YEAR = 12
_LAST_YEAR = 2999
_MAX_CENTURY = 30
_MAX_WORD = 9
"""The largest number that stays a word in running text."""
_MAX_REIGN = 20
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def write_ordinal(sentence: Sentence, index: int) -> Edit | None:
    """Write an ordinal as a date, a year, a century, or digits with the letters of its ending."""
    found = sentence.numeral(index)
    if found is None or not found.is_ordinal:
        return None
    if digital := _digital_date(sentence, found):
        return digital
    written = _written(sentence, found, governed_noun(sentence, found))
    return Edit(index, found.end, written) if written else None


def _written(sentence: Sentence, found: Numeral, noun: str) -> str:
    """Return an ordinal in digits; an empty text where people write a word."""
    is_day = noun in vocab.MONTHS and found.value <= _DAYS_OF_A_MONTH
    is_year = noun in vocab.YEARS and THOUSAND <= found.value <= _LAST_YEAR
    is_decade = noun in vocab.PLURAL_YEARS and found.value % 10 == 0
    if is_day or (is_year and not is_decade):
        return str(found.value)
    if noun in vocab.CENTURIES and found.value <= _MAX_CENTURY:
        return roman(found.value)
    return "" if _stays_a_word(sentence, found, noun) else f"{found.value}-{found.ending}"


def governed_noun(sentence: Sentence, numeral: Numeral) -> str:
    """Return the noun of a numeral, or of several in a row.

    "и", "по" and the like may stand between them. Where one of them is written in digits already, it is returned.
    """
    end = numeral.end
    while sentence.is_joined(end):
        word = sentence.words[end]
        following_at = end + (word in vocab.CONNECTORS or word == "числа")
        if sentence.after(following_at)[:1].isdecimal():
            return sentence.words[following_at]
        following = sentence.next_numeral(following_at)
        if following is None or following.is_ordinal != numeral.is_ordinal:
            # A class has a letter: "пятый а класс".
            has_letter = len(word) == 1 and vocab.takes_ordinal(sentence.after(end + 1))
            return sentence.words[end + 1] if has_letter else word
        end = following.end
    if sentence.suffixes[end - 1] != "," or end == len(sentence.words):
        return ""
    listed = sentence.numeral(end)
    if listed and (listed.is_ordinal, listed.ending) == (numeral.is_ordinal, numeral.ending):
        return governed_noun(sentence, listed)
    return sentence.words[end] if sentence.words[end][:1].isdecimal() else ""


def roman(number: int) -> str:
    """Return a number up to 39 in Roman digits.

    >>> roman(19)
    'XIX'
    """
    written = ""
    for value, letters in _ROMAN:
        written += letters * (number // value)
        number %= value
    return written


def _digital_date(sentence: Sentence, day: Numeral) -> Edit | None:
    """Write "двадцать пятое ноль третьего" as 25.03; the zero may be missing where a year follows."""
    has_zero = sentence.after(day.end) in {"ноль", "нуль"}
    month = sentence.next_numeral(day.end + has_zero)
    last_month = _MAX_WORD if has_zero else _MONTHS_OF_A_YEAR
    if day.value > _DAYS_OF_A_MONTH or month is None or not month.is_ordinal or month.value > last_month:
        return None
    written = f"{day.value:02}.{month.value:02}"
    year = sentence.next_numeral(month.end)
    if year and year.is_ordinal and (year.value < 100 or THOUSAND <= year.value <= _LAST_YEAR):  # noqa: PLR2004
        are_genitive = has_zero or month.ending == year.ending == "го"
        return Edit(day.start, year.end, f"{written}.{year.value:02}") if are_genitive else None
    return Edit(day.start, month.end, written) if has_zero else None


def _stays_a_word(sentence: Sentence, found: Numeral, noun: str) -> bool:
    """Return whether people write an ordinal as a word."""
    before = sentence.before(found.start)
    if vocab.takes_ordinal(noun) or (before == "числа" and found.value <= _DAYS_OF_A_MONTH):
        return False
    if before in vocab.NUMBERED and (noun == "" or noun in vocab.NUMBERED):
        return False
    is_name = sentence.is_capitalised[found.start] and sentence.is_joined(found.start)
    is_monarch = found.value <= _MAX_REIGN and before.startswith(vocab.MONARCHS)
    return found.value <= _MAX_WORD or found.value in {100, THOUSAND, MILLION, 1_000 * MILLION} or is_name or is_monarch
