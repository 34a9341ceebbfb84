"""Telephone numbers in groups of 3, 3, 2 and 2 digits."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import FORMS
from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.digit_groups import Group, context_of, groups_at, with_zeros
from whisperx_worker_plugins.russian_numbers.sentence import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whisperx_worker_plugins.russian_numbers.sentence import Sentence

_DIGITS = 10
"""Without the country's code."""
_LOCAL_DIGITS = 7
_FOREIGN_DIGITS = range(11, 14)
_MIN_GROUPS = 4
_HUNDRED = 100
_NOT_CALLED = vocab.DOCUMENT_MARKERS | vocab.JOINED_CODE_MARKERS


def write_telephone(sentence: Sentence, index: int) -> Edit | None:
    """Write a telephone number that begins with a word."""
    has_plus = sentence.words[index] == "плюс"
    groups = groups_at(sentence, index + has_plus)
    if len(groups) < 3:  # noqa: PLR2004
        return None
    context = context_of(sentence, index)
    is_document = not vocab.DOCUMENT_MARKERS.isdisjoint(context)
    is_called = not vocab.TELEPHONE_MARKERS.isdisjoint(context) and _NOT_CALLED.isdisjoint(context)
    for reading in _readings(sentence, groups):
        # The beginning of a card's number may look like a telephone's.
        for count in range(len(reading), len(reading) - 1 if is_document else 2, -1):
            digits = [group.digits for group in reading[:count]]
            written = _foreign(digits) if has_plus else _long(digits, may_lack_prefix=not is_document)
            if not written and count == len(reading) and not has_plus:
                written = _short(digits, is_called=is_called)
            if written:
                return Edit(index, reading[count - 1].end, written)
    return None


def _readings(sentence: Sentence, groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
    """Yield the groups, then with one of them in two: "восемьсот пять" is 805, or 800 and 5."""
    yield groups
    for place, group in enumerate(groups):
        second = sentence.numeral(group.start + 1) if group.end - group.start > 1 else None
        if second and second.end == group.end and FORMS[sentence.words[group.start]].value >= _HUNDRED:
            first = replace(group, digits=str(int(group.digits) - second.value), end=second.start)
            yield [*groups[:place], first, Group(str(second.value), second.start, second.end), *groups[place + 1 :]]


def _foreign(groups: Sequence[str]) -> str:
    """Return a number after a plus."""
    digits = "".join(groups)
    if len(digits) == _DIGITS + 1 and digits[0] == "7":
        return f"+7 {_grouped(digits[1:])}"
    return f"+{' '.join(groups)}" if len(digits) in _FOREIGN_DIGITS and digits[0] != "7" else ""


def _long(groups: Sequence[str], *, may_lack_prefix: bool) -> str:
    """Return a number with its city's or operator's code, after 8 or 7 or without."""
    digits = "".join(groups)
    ends = set(accumulate(map(len, groups)))
    if len(digits) == _DIGITS + 1 and digits[0] in "78" and {1, 4} <= ends:
        return f"{digits[0]} {_grouped(digits[1:])}"
    is_mobile = len(digits) == _DIGITS and digits[0] == "9" and 3 in ends and len(groups) >= _MIN_GROUPS  # noqa: PLR2004
    return _grouped(digits) if is_mobile and may_lack_prefix else ""


def _short(groups: Sequence[str], *, is_called: bool) -> str:
    """Return a number without its city's code."""
    digits = "".join(groups)
    joined = with_zeros(groups)
    shape = [len(group) for group in joined]
    if len(digits) == _DIGITS and is_called and shape[0] in {1, 3}:
        return _grouped(digits)
    if shape == [3, 2, 2] or (is_called and len(digits) == _LOCAL_DIGITS):
        return f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"
    return "-".join(joined) if is_called and shape in ([2, 2, 2], [1, 2, 2]) else ""


def _grouped(digits: str) -> str:
    return f"{digits[:3]} {digits[3:6]}-{digits[6:8]}-{digits[8:]}"
