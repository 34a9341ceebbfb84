"""Groups of digits in a row, spoken or written, that may be one number."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import FORMS, numeral_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whisperx_worker_plugins.redact.tokens import Tokens

FILLERS = frozenset({
    "так", "да", "ага", "угу", "ну", "э", "эм", "мм", "хм", "дальше", "потом", "затем", "значит", "вот", "записала",
    "записал", "записываю", "записали", "пишу", "слушаю", "тире", "дефис", "пробел", "черточка", "ой", "секунду",
    "секундочку", "минутку", "минуточку", "подождите", "погодите", "сейчас", "щас", "пишите", "запишите", "продолжайте",
    "хорошо", "ясно", "понял", "поняла", "есть", "можно", "еще",
})  # fmt: skip
"""Words inside a dictated number, the listener's too."""
_MAX_FILLERS = 4
"""Fillers between two groups."""
_JOINING = frozenset(" \t\r\n\u00a0\u202f,.;!?…-\u2010\u2011–—/\\()[]«»\"'")
"""What may stand between two groups."""
_PAUSES = frozenset(",.;!?…—\n")
"""What shows that one number may end and the next begin."""
_MAX_NUMERAL_WORDS = 12
_MAX_COUNT_DIGITS = 3
_PLUS = "плюс"
_ORDINAL_ENDINGS = frozenset("й я е го му м х ю ми ом ой ая ое ый ую".split())  # noqa: SIM905
_DIGIT_NOUNS = {
    stem + ending: value
    for stem, value in (
        ("единиц", 1), ("двойк", 2), ("тройк", 3), ("четверк", 4), ("пятерк", 5), ("шестерк", 6), ("семерк", 7),
        ("восьмерк", 8), ("девятк", 9),
    )
    for ending in ("а", "у", "и", "ы", "ой", "")
} | {
    "двоек": 2, "троек": 3, "четверок": 4, "пятерок": 5, "шестерок": 6, "семерок": 7, "восьмерок": 8, "девяток": 9,
    "нолик": 0, "нолика": 0, "ноликов": 0, "нуля": 0, "нулей": 0, "ноля": 0, "нолей": 0,
}  # fmt: skip
"""Digits as nouns: "две пятёрки" is 55."""
_UNITS = (
    "рубл", "копе", "доллар", "евро", "цент", "процент", "штук", "лет", "год", "минут",
    "час", "секунд", "месяц", "недел", "дней", "дня", "день", "суток", "метр", "километр", "килограмм", "грамм", "литр",
    "тонн", "человек", "градус", "кубов", "кубометр", "киловатт", "квадрат", "экземпляр", "коробк", "раз", "кг", "км",
    "руб", "тыс", "млн", "шт", "январ", "феврал", "март", "апрел", "мая", "июн", "июл", "август", "сентябр", "октябр",
    "ноябр", "декабр", "балл", "пачк", "упаков",
)  # fmt: skip
"""Beginnings of counted nouns."""
_NOT_UNITS = frozenset(
    {"разговор", "разговаривали", "разные", "разный", "разница", "годится", "годовой", "частный", "часть"}
)
_UNIT_SIGNS = frozenset("%₽$€°")
_DATE_PARTS = ((1, 2), (2,), (2, 4))
"""Digits of day, month and year in a date with full stops."""


@dataclass(frozen=True)
class Group:
    """Digits that one numeral names, or that stand in one piece."""

    digits: str
    tokens: tuple[int, ...]
    """Indices of its tokens; a filler may stand between two."""
    is_written: bool
    """Whether it stands in digits."""

    @property
    def start(self) -> int:
        """Return the index of its first token."""
        return self.tokens[0]

    @property
    def end(self) -> int:
        """Return the index of the token after its last."""
        return self.tokens[-1] + 1

    @property
    def is_scaled(self) -> bool:
        """Return whether it is a numeral above 999, which is no group of a telephone number."""
        return not self.is_written and len(self.digits) > 3  # noqa: PLR2004

    @property
    def readings(self) -> Sequence[tuple[str, ...]]:
        """Digits in all ways of dictating it: "сто двадцать" is 120, or 100 and 20."""
        if not 2 <= len(self.digits) <= 3 or self.digits[0] == "0":  # noqa: PLR2004
            return ((self.digits,),)
        return _readings(int(self.digits))


@dataclass(frozen=True)
class Run:
    """Groups with nothing but punctuation and fillers between them."""

    groups: tuple[Group, ...]
    pauses: frozenset[int]
    """Indices of groups before which a number may begin.

    These are 0 and those after a pause, a filler or a segment.
    """
    has_plus: bool
    plus: int | None = None
    """Index of the spoken "плюс" before it."""

    def digits(self, first: int, last: int) -> str:
        """Return the digits of groups, from one up to another."""
        return "".join(group.digits for group in self.groups[first:last])

    def tokens(self, first: int, last: int) -> tuple[int, ...]:
        """Return the tokens of groups, from one up to another, with the plus before the first."""
        plus = (self.plus,) if first == 0 and self.plus is not None else ()
        return (*plus, *(index for group in self.groups[first:last] for index in group.tokens))

    def is_free(self, index: int) -> bool:
        """Return whether a number may begin before a group, or end after the one before it."""
        return index in self.pauses or index == len(self.groups)


def digit_runs(tokens: Tokens, *, is_piece: bool) -> Iterator[Run]:
    """Yield the runs of digits in order.

    Args:
        tokens: The text.
        is_piece: Whether the first run may have begun before the text.
    """
    is_inside = is_piece
    groups: list[Group] = []
    pauses: set[int] = set()
    plus: tuple[bool, int | None] = (False, None)
    fillers = index = 0
    while index < len(tokens.words):
        group, after = _group_at(tokens, index, is_inside=is_inside)
        gap = tokens.gaps[index]
        if groups and (not _JOINING.issuperset(gap) or (group is None and not _continues(tokens, index, fillers))):
            yield Run(tuple(groups), frozenset(pauses), *plus)
            groups, pauses = [], set()
        if group:
            if not groups:
                plus = _plus_before(tokens, index)
            count = len(groups)
            _append(groups, group, tokens)
            if len(groups) > count and (count == 0 or fillers or not _PAUSES.isdisjoint(gap)):
                pauses.add(count)
        is_inside = bool(groups) or (is_inside and tokens.words[index] in FILLERS)
        fillers = 0 if group else fillers + 1
        index = after
    if groups:
        yield Run(tuple(groups), frozenset(pauses), *plus)


def count_without_amount(tokens: Tokens, run: Run) -> int:
    """Return how many groups stand before the amount at a run's end: "двадцать рублей", "1 250 000 ₽"."""
    count, end = len(run.groups), run.groups[-1].end
    if _UNIT_SIGNS.isdisjoint(tokens.gaps[end]) and not (tokens.gaps[end].isspace() and is_unit(tokens.word(end))):
        return count
    count -= 1
    while count and _is_thousands(tokens, run.groups[count]) and run.groups[count - 1].is_written:
        count -= 1
    return count


def is_unit(word: str) -> bool:
    """Return whether a word is counted by the number before it."""
    return word.startswith(_UNITS) and word not in _NOT_UNITS


def readings_of_length(groups: Sequence[Group], length: int) -> Iterator[tuple[str, ...]]:
    """Yield the ways of dictating groups that have so many digits in all."""
    shortest = [0, *accumulate(len(group.digits) for group in reversed(groups))][::-1]

    def extended(index: int, left: int) -> Iterator[tuple[str, ...]]:
        if index == len(groups):
            if left == 0:
                yield ()
            return
        for reading in groups[index].readings:
            rest = left - sum(map(len, reading))
            if rest >= shortest[index + 1]:
                yield from (reading + others for others in extended(index + 1, rest))

    return extended(0, length)


def _readings(value: int) -> Sequence[tuple[str, ...]]:
    """Return the ways of dictating a number of two or three digits, as itself first.

    >>> _readings(125)
    (('125',), ('120', '5'), ('100', '25'), ('100', '20', '5'))
    """
    for unit in (100, 10):
        rest = value % unit
        if value > unit and rest and not 10 < value < 20:  # noqa: PLR2004
            tails = _readings(rest)
            whole = [(str(value - rest + int(tail[0])), *tail[1:]) for tail in tails]
            return (*whole, *((str(value - rest), *tail) for tail in tails))
    return ((str(value),),)


def _group_at(tokens: Tokens, index: int, *, is_inside: bool) -> tuple[Group | None, int]:
    """Return the group that begins with a token, and the index after it.

    There is none at ordinals, dates and other words.

    Inside a run "восемьдесят второй" is 80, before the word "second".
    """
    word = tokens.words[index]
    is_written = word.isdecimal()
    if is_written and (skipped := _date_or_ordinal(tokens, index)):
        return None, skipped
    single = Group(str(_DIGIT_NOUNS.get(word, word)), (index,), is_written=is_written)
    if word in _DIGIT_NOUNS or (is_written and not _counts_a_scale(tokens, index)):
        return single, index + 1
    if not is_written and word not in FORMS:
        return None, index + 1
    stop = index + 1
    while stop - index < _MAX_NUMERAL_WORDS and tokens.word(stop) in FORMS and _JOINING.issuperset(tokens.gaps[stop]):
        stop += 1
    numeral = numeral_at(tokens.words, index, stop)
    if numeral and numeral.is_ordinal and is_inside:
        numeral = numeral_at(tokens.words, index, numeral.end - 1)
    if numeral is None:
        return (single if is_written else None), index + 1
    if numeral.is_ordinal:
        return None, numeral.end
    return Group(str(numeral.value), tuple(range(index, numeral.end)), is_written=False), numeral.end


def _counts_a_scale(tokens: Tokens, index: int) -> bool:
    """Return whether "тысяч" or its like follows digits."""
    scale = FORMS.get(tokens.word(index + 1))
    is_small = len(tokens.words[index]) <= _MAX_COUNT_DIGITS
    return scale is not None and scale.is_scale and is_small and tokens.gaps[index + 1].isspace()


def _date_or_ordinal(tokens: Tokens, index: int) -> int:
    """Return the index after a date such as 12.05.2024 or an ordinal such as 5-й, else 0."""
    if tokens.gaps[index + 1] == "-" and tokens.word(index + 1) in _ORDINAL_ENDINGS:
        return index + 2
    parts = [tokens.word(index + place) for place in range(3)]
    is_dotted = tokens.gaps[index + 1 : index + 3] == (".", ".") and all(part.isdecimal() for part in parts)
    is_date = is_dotted and all(len(part) in sizes for part, sizes in zip(parts, _DATE_PARTS, strict=True))
    return index + 3 if is_date and int(parts[0]) <= 31 and int(parts[1]) <= 12 else 0  # noqa: PLR2004


def _append(groups: list[Group], group: Group, tokens: Tokens) -> None:
    """Append a group, or join it to the last one: "три нуля", "девятьсот — так — шестнадцать"."""
    last = groups[-1] if groups else None
    if last is None:
        groups.append(group)
    elif tokens.words[group.start] in _DIGIT_NOUNS and last.digits in {"2", "3", "4"} and last.end == group.start:
        groups[-1] = Group(group.digits * int(last.digits), last.tokens + group.tokens, is_written=False)
    elif last.end < group.start and _is_interrupted(last, group):
        value = int(last.digits) + int(group.digits)
        groups[-1] = Group(str(value), last.tokens + group.tokens, is_written=False)
    else:
        groups.append(group)


def _is_interrupted(last: Group, group: Group) -> bool:
    """Return whether two groups with a filler between may be one numeral."""
    if last.is_written or group.is_written or not 2 <= len(last.digits) <= 3 or group.digits[0] == "0":  # noqa: PLR2004
        return False
    zeros = len(last.digits) - len(last.digits.rstrip("0"))
    return not last.digits.endswith("10") and len(group.digits) <= zeros


def _continues(tokens: Tokens, index: int, fillers: int) -> bool:
    return tokens.words[index] in FILLERS and fillers < _MAX_FILLERS


def _plus_before(tokens: Tokens, index: int) -> tuple[bool, int | None]:
    if tokens.word(index - 1) == _PLUS:
        return True, index - 1
    return tokens.gaps[index].endswith("+"), None


def _is_thousands(tokens: Tokens, group: Group) -> bool:
    return group.is_written and len(group.digits) == 3 and tokens.gaps[group.start].isspace()  # noqa: PLR2004
