"""Signs of hallucinated text: loops, echoes of the prompt, phrases that models invent, too little speech. Pure.

Each of them is a sign, and none a proof: people repeat themselves, and talk about subtitles. `judgement` counts them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker import Seconds

_MAX_LETTERS_PER_S = 22
_USUAL_LETTERS_PER_S = 14
_SLACK_LETTERS = 8
"""Letters that a text may have above that rate."""
_LEAST_LETTERS_PER_DIGIT = 3
"""Letters of the shortest numerals; zeros inside a number are not spoken."""
_MAX_UNIT_WORDS = 12
_MAX_REPEATS = 12
"""Times in a row that people say a word; a loop of a model has no end."""
_MAX_COLLAPSED_LOOPS = 20
_MIN_ECHO_WORDS = 2

_NAME = r"[\w.@-]+"
_INVENTED = re.compile(
    r"\W*(?:"
    rf"(?:субтитры|субтитров|перевод)(?: и \w+)?:? (?:сдела|дела|созда|подогна|добав|предостав|перев[её]|подготов)\w*"
    rf"(?: {_NAME}){{1,3}}"
    rf"|субтитры:? студия(?: {_NAME}){{1,2}}"
    rf"|редактор субтитров:?(?: {_NAME}){{1,2}}(?:\W+корректор:?(?: {_NAME}){{1,2}})?"
    rf"|корректор:?(?: [A-ZА-Я]\.\s?{_NAME})"
    r"|(?:subtitles?|captions?|transcription|transcribed) (?:made )?by(?: [\w.-]+){1,5}"
    r"|.*(?:dimatorzok|amara\.org).*"
    r"|[\[(*♪].*[\])*♪]"
    r"|♪+"
    r")\W*",
    re.IGNORECASE | re.DOTALL,
)
"""Whole texts that are credits of subtitles or descriptions of a sound."""
_CAPTION = re.compile(
    r"\b(?:МУЗЫК\w*|ЗВОН\w*|АПЛОДИСМЕНТЫ|СМЕ[ХЕ]\w*|ПЕСНЯ|ПО[ЕЁ]Т|ШУМ\w*|СТУК\w*|ВЫСТРЕЛ\w*|СИГНАЛ\w*|ГУД[КО]\w*|ПЛАЧ\w*"
    r"|КАШ\w*|ВЗДО\w*|КРИК\w*|ЛА[ЙЕ]\w*|ТИШИНА|ПОМЕХИ|MUSIC|APPLAUSE|LAUGH\w*|SILENCE|RINGING)\b"
)
"""Words of descriptions of a sound in capitals."""
_FAREWELLS = re.compile(
    r"\W*(?:продолжение следует|спасибо за (?:просмотр|внимание|субтитры)|подписывайтесь на (?:мой |наш |)канал"
    r"|ставьте лайки?|до новых встреч|до скорых встреч"
    r"|thanks? (?:you )?for watching|please subscribe|don't forget to subscribe)\W*",
    re.IGNORECASE,
)
"""Whole texts that models invent most, and that people do say."""


@dataclass(frozen=True)
class Loop:
    """Longest run of one repeated unit of words in a text."""

    repeats: int
    """Number of times that the unit occurs in a row; 1 where nothing is repeated."""
    unit: int
    """Number of words in the unit."""
    surplus: range
    """Indices of the words that repeat the first unit."""

    @property
    def is_suspicious(self) -> bool:
        """Whether people hardly ever repeat a unit of this length so often."""
        return self.repeats > (_MAX_REPEATS if self.unit == 1 else 7 if self.unit <= 3 else 4)  # noqa: PLR2004 - a scale

    @property
    def is_long(self) -> bool:
        """Whether people seldom do, and models that are not sure of a text often."""
        return self.repeats > (5 if self.unit == 1 else 3 if self.unit <= 3 else 2)  # noqa: PLR2004 - a scale


def find_loop(text: str) -> Loop:
    """Return the longest run of repeated words.

    >>> find_loop("Ну да, да, да, хорошо.")
    Loop(repeats=3, unit=1, surplus=range(2, 4))
    """
    words = [_normalize(word) for word in text.split()]
    longest = Loop(1, 1, range(0))
    for unit in range(1, min(_MAX_UNIT_WORDS, len(words) // 2) + 1):
        same = 0
        for index in range(unit, len(words) + 1):
            if index < len(words) and words[index] == words[index - unit]:
                same += 1
                continue
            surplus = same // unit * unit
            if surplus > len(longest.surplus):
                longest = Loop(surplus // unit + 1, unit, range(index - surplus, index))
            same = 0
    return longest


def fitting_words(text: str, speech_s: Seconds, *, is_sure: bool = True) -> list[bool]:
    """Return for each word whether it stays when repetitions that are no person's are shortened.

    Of a run of more than twelve repetitions the first one stays, and of a shorter one where the model is not sure. Of
    others, in a text with too many letters for its speech, as many stay as are spoken in that time at a usual pace, and
    at least one.

    Args:
        text: Text of a chunk or a segment.
        speech_s: Duration of the speech that the detector found there.
        is_sure: Whether the model is sure of the text.

    >>> fitting_words("да да да да да да да да да да", 0.2)
    [True, True, False, False, False, False, False, False, False, False]
    """
    words = text.split()
    kept = [True] * len(words)
    for _ in range(_MAX_COLLAPSED_LOOPS):
        left = [index for index, stays in enumerate(kept) if stays]
        remaining = " ".join(words[index] for index in left)
        loop = find_loop(remaining)
        is_endless = loop.repeats > _MAX_REPEATS or (loop.is_long and not is_sure)
        if loop.repeats == 1 or not (is_endless or is_too_fast(remaining, speech_s)):
            break
        surplus = [left[index] for index in loop.surplus]
        unit_letters = least_letters(" ".join(words[index] for index in surplus[: loop.unit]))
        others = least_letters(remaining) - loop.repeats * unit_letters
        room = (speech_s * _USUAL_LETTERS_PER_S - others) / max(1, unit_letters)
        stays = 0 if is_endless else max(0, int(room) - 1)
        for index in surplus[stays * loop.unit :]:
            kept[index] = False
    return kept


def without_possible_loops(text: str, speech_s: Seconds) -> str:
    """Return a text with what a person may repeat in that time standing once.

    >>> without_possible_loops("Да, да, да, да, да, да!", 3.0)
    'Да,'
    """
    if is_too_fast(text, speech_s):
        return text
    words = text.split()
    for _ in range(_MAX_COLLAPSED_LOOPS):
        loop = find_loop(" ".join(words))
        if loop.repeats == 1 or loop.is_suspicious:
            break
        del words[loop.surplus.start : loop.surplus.stop]
    return " ".join(words)


def is_too_fast(text: str, speech_s: Seconds) -> bool:
    """Return whether a text has more letters than a person can speak in this time."""
    return least_letters(text) > _MAX_LETTERS_PER_S * speech_s + _SLACK_LETTERS


def least_letters(text: str) -> int:
    """Count the letters of the shortest way to speak a text.

    >>> least_letters("Дом 200.")
    6
    """
    return sum(
        _LEAST_LETTERS_PER_DIGIT * (mark != "0") if mark.isdigit() else mark.isalpha() for mark in text
    )  # fmt: skip


def is_prompt_echo(text: str, prompt: str) -> bool:
    """Return whether a text of two words or more occurs in the prompt, word for word.

    A real answer may, too; decoding without the prompt decides.

    >>> is_prompt_echo("Отдел продаж.", "Звонок в отдел продаж.")
    True
    """
    words, prompt_words = ([_normalize(word) for word in one.split()] for one in (text, prompt))
    return len(words) >= _MIN_ECHO_WORDS and f" {' '.join(words)} " in f" {' '.join(prompt_words)} "


def is_invented_phrase(text: str, speech_s: Seconds) -> bool:
    """Return whether a whole text is a phrase that models invent and people seldom say there.

    Args:
        text: A segment's.
        speech_s: Duration of the speech that the detector found in the segment's time. A farewell, which people do say,
            must be longer than that.

    >>> is_invented_phrase("Субтитры сделал DimaTorzok", 5.0)
    True
    >>> is_invented_phrase("Мы сделали субтитры к фильму.", 2.0)
    False
    >>> [is_invented_phrase("Спасибо за просмотр!", speech_s) for speech_s in (0.3, 1.5)]
    [True, False]
    """
    is_caption = text.upper() == text and _CAPTION.search(text)
    if _INVENTED.fullmatch(text) or is_caption:
        return True
    return bool(_FAREWELLS.fullmatch(text)) and least_letters(text) > _MAX_LETTERS_PER_S * speech_s


def _normalize(word: str) -> str:
    return re.sub(r"\W", "", word.lower().replace("ё", "е"))
