"""Times of day: "в восемь тридцать", "полдевятого", "без пяти восемь"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import FORMS
from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.digit_groups import groups_at, is_label
from whisperx_worker_plugins.russian_numbers.sentence import Edit

if TYPE_CHECKING:
    from whisperx_worker_plugins.russian_numbers.sentence import Sentence

_HOURS_OF_A_DAY = 24
_HOURS_OF_A_FACE = 12
_MINUTES = 60
_QUARTER = 15
_COUNTED = vocab.COUNTED | vocab.MONEY | vocab.MEASURES | vocab.PERCENT
_HALF = 30


def write_clock(sentence: Sentence, index: int) -> Edit | None:
    """Write a time of day in digits."""
    return (
        _half_past(sentence, index)
        or _minutes_past(sentence, index)
        or _minutes_to(sentence, index)
        or _plain(sentence, index)
    )


def _half_past(sentence: Sentence, index: int) -> Edit | None:
    """Write "полдевятого" and "половина девятого"."""
    word = sentence.words[index]
    if word in vocab.HALVES or word == vocab.HALF_HOUR:
        hour = _hour_of_ordinal(sentence, index + 1)
        return _before(hour, _HALF, Edit(index, index + 2, "")) if hour else None
    form = FORMS.get(word.removeprefix(vocab.HALF_HOUR).removeprefix("-")) if word.startswith(vocab.HALF_HOUR) else None
    is_hour = form is not None and form.is_ordinal and 0 < form.value <= _HOURS_OF_A_FACE and word.endswith("го")
    return _before(form.value, _HALF, Edit(index, index + 1, "")) if form and is_hour else None


def _minutes_past(sentence: Sentence, index: int) -> Edit | None:
    """Write "четверть девятого" and "десять минут девятого"."""
    if sentence.words[index] == "четверть":
        minutes, hour_at = _QUARTER, index + 1
    else:
        found = sentence.numeral(index)
        if found is None or found.is_ordinal or sentence.after(found.end) not in vocab.MINUTES:
            return None
        minutes, hour_at = found.value, found.end + 1
    hour = _hour_of_ordinal(sentence, hour_at)
    return _before(hour, minutes, Edit(index, hour_at + 1, "")) if hour and 0 < minutes < _MINUTES else None


def _minutes_to(sentence: Sentence, index: int) -> Edit | None:
    """Write "без пяти восемь" and "без четверти час"."""
    if sentence.words[index] != "без" or not sentence.is_joined(index + 1):
        return None
    if sentence.words[index + 1] == "четверти":
        minutes, hour_at = _QUARTER, index + 2
    else:
        found = sentence.numeral(index + 1)
        if found is None or found.is_ordinal or not found.is_oblique or found.value >= _HALF:
            return None
        minutes, hour_at = found.value, found.end + (sentence.after(found.end) in vocab.MINUTES)
    if sentence.after(hour_at) == "час":
        return _before(1, _MINUTES - minutes, Edit(index, hour_at + 1, ""))
    hour = sentence.next_numeral(hour_at)
    if hour is None or hour.is_ordinal or hour.is_oblique or not 0 < hour.value <= _HOURS_OF_A_FACE:
        return None
    return _before(hour.value, _MINUTES - minutes, Edit(index, hour.end, ""))


def _plain(sentence: Sentence, index: int) -> Edit | None:
    """Write "восемь тридцать" after a preposition, and "двадцать ноль ноль" anywhere."""
    is_one = sentence.words[index] == "час"
    stop = sentence.stops[index]
    groups = [group for group in groups_at(sentence, index + is_one) if group.end <= stop]
    digits = ["1"] * is_one + [group.digits for group in groups]
    if len(digits) not in {2, 3}:
        return None
    hour, minutes = digits[0], "".join(digits[1:])
    has_zero = len(digits) == 3 and minutes[0] == "0"  # noqa: PLR2004
    is_time = len(minutes) == 2 and int(hour) < _HOURS_OF_A_DAY and int(minutes) < _MINUTES  # noqa: PLR2004
    before, after = sentence.before(index), sentence.after(groups[-1].end)
    if not is_time or (len(digits) == 3 and not has_zero) or after in _COUNTED or after[:1].isdecimal():  # noqa: PLR2004
        return None
    is_certain = before in vocab.STRONG_CLOCK_PREPOSITIONS or after in vocab.DAY_PARTS
    is_certain |= has_zero and hour not in {"0", "1"} and not is_label(sentence, index)
    is_likely = before in vocab.CLOCK_PREPOSITIONS and int(minutes) % 5 == 0
    return Edit(index, groups[-1].end, f"{hour}:{minutes}") if is_certain or is_likely else None


def _hour_of_ordinal(sentence: Sentence, index: int) -> int:
    """Return the hour that an ordinal in the genitive names, or 0."""
    found = sentence.next_numeral(index)
    if found is None or not found.is_ordinal or found.end - found.start > 1 or found.ending != "го":
        return 0
    is_hour = found.value <= _HOURS_OF_A_FACE and not vocab.may_own_an_ordinal(sentence.after(found.end))
    return found.value if is_hour else 0


def _before(hour: int, minutes: int, place: Edit) -> Edit:
    """Write minutes of the hour that ends with a given one: the ninth hour begins at eight."""
    return Edit(place.start, place.end, f"{(hour - 1) or _HOURS_OF_A_FACE}:{minutes:02}")
