"""Private numbers among runs of digits: telephones, cards, passports, tax and insurance numbers."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeGuard

from whisperx_worker_plugins.redact.check_digits import is_card, is_inn, is_snils
from whisperx_worker_plugins.redact.digit_runs import FILLERS, count_without_amount, digit_runs, readings_of_length
from whisperx_worker_plugins.redact.kinds import NUMBER_KINDS
from whisperx_worker_plugins.redact.markers import announced_kind
from whisperx_worker_plugins.redact.tokens import Find

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from whisperx_worker_plugins.redact.digit_runs import Run
    from whisperx_worker_plugins.redact.kinds import Kind, NumberKind
    from whisperx_worker_plugins.redact.markers import Announced
    from whisperx_worker_plugins.redact.tokens import Tokens

MIN_ANNOUNCED: Mapping[Announced, int] = {"telephone": 7, "card": 8, "passport": 8, "inn": 6, "snils": 6, "number": 10}
"""Digits from which on an announced number is one, even where a digit is missing or misrecognised."""
_PASSPORT_PARTS = frozenset({4, 6})
"""Digits of a passport's series and of its number."""
_SHORT_TELEPHONE_DIGITS = frozenset({5, 6})
_MIN_SHORT_GROUPS = 3
MIN_UNKNOWN = 4
"""Digits of a number that is masked because its announcement may be in the piece before."""
_MAX_DIGITS = 19
_CHECKS: Mapping[Kind, Callable[[str], bool]] = {"card": is_card, "inn": is_inn, "snils": is_snils}

_MAX_COUNTED_DIGITS = 3
_LONG = 11
_LONG_STARTS = tuple([f"8{digit}" for digit in "3489"] + [f"7{digit}" for digit in "34789"])
"""Prefix of the country and first digit of the area.

3, 4 and 8 are cities, 9 and 77 mobile.
"""
_MIN_BEGINNING = 4
"""Digits before an interruption, as in "восемь девятьсот шестнадцать"."""
_MIN_PART = 2
"""Digits of each part after it."""
_MAX_INTERRUPTION = 12
"""Words between the first and the last part of a number."""
_FOREIGN_DIGITS = range(10, 16)
"""Digits of ITU-T E.164 with the country's code."""
_DIALLED_ABROAD = "810"
_DIALLED_DIGITS = range(12, 18)
_AREA_SHAPE = [3, 3, 2, 2]
_LOCAL_SHAPE = [3, 2, 2]


def find_numbers(tokens: Tokens, kinds: Collection[Kind], *, is_piece: bool) -> Iterator[Find]:
    """Yield private numbers.

    Args:
        tokens: The text.
        kinds: Kinds to look for.
        is_piece: Whether the text is a piece, in which a number may begin or end outside of it.
    """
    if NUMBER_KINDS.isdisjoint(kinds):
        return
    runs = list(digit_runs(tokens, is_piece=is_piece))
    for run in runs:
        if is_piece and (_touches_edge(tokens, run) or ("telephone" in kinds and _may_be_part(tokens, run))):
            yield Find(None, run.tokens(0, len(run.groups)))
        else:
            yield from _in_run(tokens, run, kinds, is_piece=is_piece)
    if "telephone" in kinds:
        yield from _interrupted(tokens, runs)


def _interrupted(tokens: Tokens, runs: Sequence[Run]) -> Iterator[Find]:
    """Yield telephone numbers with other words inside: runs that have all digits of one together."""
    for place, run in enumerate(runs):
        parts, digits = [run], run.digits(0, len(run.groups))
        if not (_MIN_BEGINNING <= len(digits) < _LONG and digits.startswith(_LONG_STARTS)):
            continue
        for after in runs[place + 1 :]:
            if after.groups[0].start - run.groups[-1].end > _MAX_INTERRUPTION or len(digits) >= _LONG:
                break
            parts.append(after)
            digits += after.digits(0, len(after.groups))
        is_whole = len(digits) == _LONG and all(_has_part(one) for one in parts)
        if is_whole and not any(_is_something_else(tokens, one, is_piece=False) for one in parts):
            yield Find("telephone", tuple(index for part in parts for index in part.tokens(0, len(part.groups))))


def _has_part(run: Run) -> bool:
    """Return whether a run is long enough for a part of an interrupted number."""
    return len(run.digits(0, len(run.groups))) >= _MIN_PART


def _may_be_part(tokens: Tokens, run: Run) -> bool:
    """Return whether the other parts of an interrupted number may be in the pieces beside."""
    digits = run.digits(0, len(run.groups))
    begins = digits.startswith(_LONG_STARTS) and len(tokens.words) - run.groups[-1].end <= _MAX_INTERRUPTION
    goes_on = run.groups[0].start <= _MAX_INTERRUPTION and len(digits) <= _LONG - _MIN_BEGINNING
    is_part = (begins and len(digits) >= _MIN_BEGINNING) or (goes_on and _has_part(run))
    return is_part and not _is_something_else(tokens, run, is_piece=True)


def _is_something_else(tokens: Tokens, run: Run, *, is_piece: bool) -> bool:
    """Return whether a run is an amount, or announced as an order or a price."""
    is_amount = count_without_amount(tokens, run) < len(run.groups)
    return is_amount or announced_kind(tokens, run, is_piece=is_piece) == "other"


def _touches_edge(tokens: Tokens, run: Run) -> bool:
    """Return whether a run may go on in the piece before or after."""
    first, last = run.tokens(0, 1)[0], run.groups[-1].end
    return all(word in FILLERS for word in tokens.words[:first]) or all(word in FILLERS for word in tokens.words[last:])


def _in_run(tokens: Tokens, run: Run, kinds: Collection[Kind], *, is_piece: bool) -> Iterator[Find]:
    """Yield what is private in one run: all that a word announces, else by its digits."""
    if sum(len(group.digits) for group in run.groups) < MIN_UNKNOWN:
        return
    kept = count_without_amount(tokens, run)
    announced = announced_kind(tokens, run, is_piece=is_piece)
    found = list(_by_digits(run, kept, announced, kinds))
    kind = _kind_by_announcement(announced, run.digits(0, kept), kept, kinds)
    is_unknown = announced == "unknown" and len(run.digits(0, kept)) >= MIN_UNKNOWN
    if kind or is_unknown:
        yield Find(kind, run.tokens(0, max([kept, *(last for _, last, _ in found)])))
    else:
        yield from (Find(kind, run.tokens(first, last)) for first, last, kind in found)


def _kind_by_announcement(announced: Announced, digits: str, groups: int, kinds: Collection[Kind]) -> Kind | None:
    """Return the kind of digits that the words beside them announce, where there are enough of them."""
    kind = "telephone" if announced == "number" else announced
    if not _is_kind(kind) or kind not in kinds:
        return None
    is_part = kind == "passport" and len(digits) in _PASSPORT_PARTS
    is_short = announced == "telephone" and len(digits) in _SHORT_TELEPHONE_DIGITS and groups >= _MIN_SHORT_GROUPS
    return kind if len(digits) >= MIN_ANNOUNCED[announced] or is_part or is_short else None


def _is_kind(announced: str) -> TypeGuard[NumberKind]:
    return announced in NUMBER_KINDS


def _by_digits(run: Run, kept: int, announced: Announced, kinds: Collection[Kind]) -> Iterator[tuple[int, int, Kind]]:
    """Yield first group, end and kind of what is private by its digits alone."""
    first = 0
    while first < len(run.groups):
        last, kind = _longest(run, first, kept, announced, kinds)
        if kind:
            yield first, last, kind
        first = last


def _longest(run: Run, first: int, kept: int, announced: Announced, kinds: Collection[Kind]) -> tuple[int, Kind | None]:
    """Return the index after the longest private number that begins with a group, and its kind."""
    ends = [*accumulate(len(group.digits) for group in run.groups[first : first + _MAX_DIGITS])]
    for last in range(first + sum(end <= _MAX_DIGITS for end in ends), first, -1):
        is_amount = last > kept
        if is_amount and len(run.groups) - kept > 1:
            continue
        kind = _kind_by_digits(run, first, last, announced, kinds, is_amount=is_amount)
        if kind:
            return last, kind
    return first + 1, None


def _kind_by_digits(  # noqa: PLR0913
    run: Run, first: int, last: int, announced: Announced, kinds: Collection[Kind], *, is_amount: bool
) -> Kind | None:
    """Return the kind of groups: by a check digit, or by the shape of a telephone number."""
    if _counts_up(run, first, last):
        return None
    if "telephone" in kinds and _is_telephone(run, first, last, announced, is_amount=is_amount):
        return "telephone"
    if not (run.is_free(first) and run.is_free(last)):
        return None
    digits = run.digits(first, last)
    checked = (kind for kind, check in _CHECKS.items() if kind in kinds and check(digits))
    return next((kind for kind in checked if kind == "card" or not is_amount), None)


def _is_telephone(run: Run, first: int, last: int, announced: Announced, *, is_amount: bool) -> bool:
    """Return whether groups are a telephone number by their digits, and by how they are grouped."""
    groups = run.groups[first:last]
    digits = run.digits(first, last)
    if len(digits) < sum(_LOCAL_SHAPE) or any(group.is_scaled for group in groups):
        return False
    is_free = run.is_free(first) and run.is_free(last)
    if first == 0 and run.has_plus and is_free and len(digits) in _FOREIGN_DIGITS:
        return True
    if digits[0] in "78" and _is_long(run, first, last, is_free=is_free, is_amount=is_amount):
        return True
    if not is_free or is_amount:
        return False
    if digits.startswith(_DIALLED_ABROAD) and len(digits) in _DIALLED_DIGITS:
        return True
    return announced != "other" and _is_short(run, first, last)


def _is_long(run: Run, first: int, last: int, *, is_free: bool, is_amount: bool) -> bool:
    """Return whether groups are a number with the country's prefix, in groups that people make."""
    if not (run.is_free(first) or run.is_free(last)):
        return False
    groups = run.groups[first:last]
    has_pause = any(first < pause < last for pause in run.pauses)
    written = tuple(group.digits for group in groups)
    for reading in readings_of_length(groups, _LONG):
        ends = {*accumulate(map(len, reading))}
        # Three numbers of four digits with commas between them are no telephone number.
        is_whole = reading == written and is_free
        is_grouped = {1, 4} <= ends or (is_whole and (not has_pause or (4 in ends and max(map(len, reading[1:])) <= 3)))  # noqa: PLR2004
        if is_grouped and (is_whole or not is_amount) and "".join(reading).startswith(_LONG_STARTS):
            return True
    return False


def _is_short(run: Run, first: int, last: int) -> bool:
    """Return whether groups are a number without the country's prefix: 916 123-45-67, 123-45-67."""
    groups = run.groups[first:last]
    for reading in readings_of_length(groups, _LONG - 1) if groups[0].digits[0] in "3489" else ():
        is_mobile = reading[0].startswith("9") and (len(groups) == 1 or 3 in accumulate(map(len, reading)))  # noqa: PLR2004
        if is_mobile or ([*map(len, reading)] == _AREA_SHAPE and reading[0][0] in "348"):
            return True
    is_one_breath = not any(first < pause < last for pause in run.pauses)
    return is_one_breath and [len(group.digits) for group in groups] == _LOCAL_SHAPE


def _counts_up(run: Run, first: int, last: int) -> bool:
    """Return whether the groups count up: eight, nine, ten."""
    groups = run.groups[first:last]
    if len(groups) == 1 or any(len(group.digits) > _MAX_COUNTED_DIGITS for group in groups):
        return False
    values = [int(group.digits) for group in groups]
    return all(after - before == 1 for before, after in pairwise(values))
