"""Fractions: "три целых пять десятых", "две третьих", "два с половиной"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import THOUSAND
from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.sentence import Edit

if TYPE_CHECKING:
    from whisperx_worker_plugins._shared.russian_numerals import Numeral
    from whisperx_worker_plugins.russian_numbers.sentence import Sentence

_WHOLES = frozenset({"целых", "целая", "целой", "целую", "целыми"})
_DECIMALS = {10: 1, 100: 2, THOUSAND: 3, 10 * THOUSAND: 4}
"""Number of digits after the comma by denominator."""
_NAMED = {"трети": 3, "треть": 3, "третями": 3, "четверти": 4, "четверть": 4, "четвертями": 4}
_ONE_AND_A_HALF = frozenset({"полтора", "полторы", "полутора"})
_FEVERS = range(35, 43)
"""Degrees of a body, which people name as "тридцать шесть и шесть"."""
_MAX_DENOMINATOR = 100


def write_fraction(sentence: Sentence, index: int) -> Edit | None:
    """Write a decimal or common fraction, with the sign of a percentage after it."""
    found = _fraction(sentence, index)
    if found and sentence.after(found.end) in vocab.PERCENT:
        return Edit(found.start, found.end + 1, found.written + "%")
    return found


def _fraction(sentence: Sentence, index: int) -> Edit | None:
    if sentence.words[index] in _ONE_AND_A_HALF:
        return _one_and_a_half(sentence, index)
    whole = sentence.numeral(index)
    if whole is None or whole.is_ordinal:
        return None
    after = sentence.after(whole.end)
    if after in _WHOLES:
        part_at = whole.end + 1 + (sentence.after(whole.end + 1) == "и")
        part = sentence.next_numeral(part_at)
        return _mixed(whole, _part(sentence, part)) if part else None
    if after == "с" and sentence.after(whole.end + 1) == "половиной" and whole.value < THOUSAND:
        return Edit(index, whole.end + 2, f"{whole.value},5")
    if after == "запятая":
        return _after_comma(sentence, whole)
    return _zero_and(sentence, whole) or _fever(sentence, whole) or _mixed(None, _part(sentence, whole))


def _one_and_a_half(sentence: Sentence, index: int) -> Edit | None:
    units = vocab.MONEY | vocab.MEASURES | vocab.PERCENT | vocab.SCALES
    return Edit(index, index + 1, "1,5") if sentence.after(index + 1) in units else None


def _part(sentence: Sentence, numerator: Numeral) -> tuple[Numeral, int, int] | None:
    """Return the numerator, the denominator and the end of a fraction, as in "две третьих"."""
    if numerator.is_ordinal or not sentence.is_joined(numerator.end):
        return None
    word = sentence.words[numerator.end]
    last = sentence.words[numerator.end - 1]
    if last in {"два", "один", "одно"}:
        return None
    is_one = last in {"одна", "одной", "одну"}
    if word in _NAMED:
        return (numerator, _NAMED[word], numerator.end + 1) if 0 < numerator.value < _NAMED[word] else None
    found = sentence.numeral(numerator.end)
    if found is None or not found.is_ordinal or found.end - found.start > 1:
        return None
    agrees = word.endswith(("ая", "ья", "ой", "ей", "ую", "ью") if is_one else ("ых", "их", "ыми", "ими"))
    is_denominator = found.value in _DECIMALS or 1 < found.value <= _MAX_DENOMINATOR
    is_less = numerator.value < found.value and (numerator.value or found.value in _DECIMALS)
    return (numerator, found.value, found.end) if agrees and is_denominator and is_less else None


def _mixed(whole: Numeral | None, part: tuple[Numeral, int, int] | None) -> Edit | None:
    if part is None:
        return None
    numerator, denominator, end = part
    start = whole.start if whole else numerator.start
    if denominator in _DECIMALS:
        number = whole.value if whole else 0
        return Edit(start, end, f"{number},{numerator.value:0{_DECIMALS[denominator]}}")
    fraction = f"{numerator.value}/{denominator}"
    return Edit(start, end, f"{whole.value} {fraction}" if whole else fraction)


def _after_comma(sentence: Sentence, whole: Numeral) -> Edit | None:
    """Write "три запятая ноль пять" as 3,05."""
    digits, end = "", whole.end + 1
    while (part := sentence.next_numeral(end)) and not part.is_ordinal and part.value < THOUSAND:
        digits, end = digits + str(part.value), part.end
    return Edit(whole.start, end, f"{whole.value},{digits}") if digits else None


def _zero_and(sentence: Sentence, whole: Numeral) -> Edit | None:
    """Write "ноль пять литра" as 0,5, and "ноль пять копеек" as 05."""
    part = sentence.next_numeral(whole.end) if whole.value == 0 else None
    if part is None or part.is_ordinal or not 0 < part.value < THOUSAND:
        return None
    unit = sentence.after(part.end)
    if unit in vocab.KOPECKS and part.value < 10:  # noqa: PLR2004  one digit
        return Edit(whole.start, part.end, f"0{part.value}")
    return Edit(whole.start, part.end, f"0,{part.value}") if unit in vocab.MEASURES | vocab.PERCENT else None


def _fever(sentence: Sentence, whole: Numeral) -> Edit | None:
    if whole.value not in _FEVERS or sentence.after(whole.end) != "и":
        return None
    part = sentence.next_numeral(whole.end + 1)
    before = sentence.words[max(0, whole.start - 3) : whole.start]
    is_fever = any(word.startswith("температур") for word in before)
    if part is None or part.is_ordinal or part.value >= 10:  # noqa: PLR2004  one digit
        return None
    is_degrees = sentence.after(part.end).startswith("градус")
    return Edit(whole.start, part.end, f"{whole.value},{part.value}") if is_fever or is_degrees else None
