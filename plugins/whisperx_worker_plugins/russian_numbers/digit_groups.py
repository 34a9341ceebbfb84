"""Numerals in a row that are groups of digits, and codes made of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import FORMS, THOUSAND
from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.sentence import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker_plugins.russian_numbers.sentence import Sentence

_SEPARATORS = frozenset({"", ",", "-", "–", "—"})
"""Punctuation between groups of digits."""
_MAX_REPEATED_ZEROS = 4
_WORDS_OF_CONTEXT = 4
_MAX_DISTANCE = 20
"""Words back to the farthest word of context, numbers included."""
_MIN_LONE_DIGITS = 4
_MAX_LONE_DIGITS = 20
_MIN_LONE_GROUPS = 3
_CARD_DIGITS = 16
_PASSPORT_DIGITS = 10
_PASSPORT_NUMBER_DIGITS = 6
_MAX_POINTS = 199
_NOT_LABELS = vocab.MONEY | vocab.PERCENT | vocab.MEASURES | vocab.COUNTED | vocab.SCALES
"""Nouns before which the last group is an amount."""


@dataclass(frozen=True)
class Group:
    """Digits that one numeral names."""

    digits: str
    start: int
    """Index of its first word."""
    end: int
    """Index of the word after its last."""


def groups_at(sentence: Sentence, index: int) -> list[Group]:
    """Return the groups of digits from a word on; commas and dashes may stand between them."""
    groups: list[Group] = []
    while index < len(sentence.words) and (not groups or _continues(sentence, index)):
        found = sentence.numeral(index)
        if found is None or found.is_ordinal or found.value >= THOUSAND or sentence.words[index].isdecimal():
            break
        zeros = groups[-1].digits if groups and sentence.words[index] in {"нуля", "нулей"} else ""
        if zeros and int(zeros) in range(2, _MAX_REPEATED_ZEROS + 1):
            groups[-1] = Group("0" * int(zeros), groups[-1].start, found.end)
        else:
            groups.append(Group(str(found.value), index, found.end))
        index = found.end
    return groups


def context_of(sentence: Sentence, index: int) -> list[str]:
    """Return the last words before one that no number takes the place of, the nearest last."""
    near = sentence.words[max(0, index - _MAX_DISTANCE) : index]
    lasting = [word for word in near if word not in vocab.REPLACED and word not in FORMS and word[:1].isalpha()]
    return [word for word in lasting if not word.startswith("пол")][-_WORDS_OF_CONTEXT:]


def is_label(sentence: Sentence, index: int) -> bool:
    """Return whether digits are a code, or the number of a room or a bus."""
    return sentence.before(index) in vocab.NUMBERED or not vocab.CODE_MARKERS.isdisjoint(context_of(sentence, index))


def with_zeros(groups: Sequence[str]) -> list[str]:
    """Return groups with a lone zero joined to the digit after it.

    >>> with_zeros(["8", "0", "5"])
    ['8', '05']
    """
    joined: list[str] = []
    for group in groups:
        if joined and joined[-1] == "0" and len(group) == 1:
            joined[-1] += group
        else:
            joined.append(group)
    return joined


def write_code(sentence: Sentence, index: int) -> Edit | None:
    """Write digits that were dictated one by one or in groups: codes, passports, cards, scores."""
    groups = groups_at(sentence, index)
    if len(groups) < 2:  # noqa: PLR2004  one group is a plain number
        return None
    end = groups[-1].end
    if sentence.after(end) in _NOT_LABELS or sentence.word(end)[:1].isdecimal():
        return None
    digits = [group.digits for group in groups]
    context = context_of(sentence, index)
    written = _score(digits, context[-2:]) or _marked_code(digits, context)
    if not written and sentence.stops[index] >= end:
        is_joined = sentence.before(index) in vocab.NUMBERED and _are_single(digits)
        written = "".join(digits) if is_joined else _lone_code(digits)
    return Edit(index, end, written) if written else None


def _continues(sentence: Sentence, index: int) -> bool:
    return sentence.suffixes[index - 1] in _SEPARATORS and not sentence.prefixes[index]


def _score(digits: Sequence[str], context: Sequence[str]) -> str:
    are_points = len(digits) == 2 and all(int(points) <= _MAX_POINTS for points in digits)  # noqa: PLR2004
    is_score = not vocab.SCORE_MARKERS.isdisjoint(context) and vocab.ACCOUNT_MARKERS.isdisjoint(context)
    return ":".join(digits) if are_points and is_score else ""


def _marked_code(groups: Sequence[str], context: Sequence[str]) -> str:
    """Return a code after a word that announces one, else an empty text."""
    if vocab.CODE_MARKERS.isdisjoint(context):
        return ""
    digits = "".join(groups)
    is_passport = not vocab.PASSPORT_MARKERS.isdisjoint(context)
    if len(digits) == _CARD_DIGITS:
        return " ".join(digits[place : place + 4] for place in range(0, _CARD_DIGITS, 4))
    if len(digits) == _PASSPORT_DIGITS and is_passport:
        return f"{digits[:4]} {digits[4:]}"
    are_joined = _are_single(groups) or not vocab.JOINED_CODE_MARKERS.isdisjoint(context)
    are_joined |= is_passport and len(digits) == _PASSPORT_NUMBER_DIGITS
    return digits if are_joined else " ".join(with_zeros(groups))


def _are_single(groups: Sequence[str]) -> bool:
    return all(len(group) == 1 for group in groups)


def _lone_code(groups: Sequence[str]) -> str:
    """Return digits that nothing announces; an empty text where someone counts."""
    steps = {int(after) - int(before) for before, after in pairwise(groups)}
    if not _are_single(groups):
        return " ".join(with_zeros(groups)) if len(groups) >= _MIN_LONE_GROUPS else ""
    enough = len(groups) >= _MIN_LONE_DIGITS - (groups[0] == "0")
    is_code = enough and len(groups) <= _MAX_LONE_DIGITS and steps not in ({1}, {-1})
    return "".join(groups) if is_code else ""
