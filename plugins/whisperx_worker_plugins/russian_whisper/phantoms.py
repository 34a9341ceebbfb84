"""Text that nobody said: loops, echoes of the prompt, credits of subtitles, words where nobody speaks. Pure.

A model is as sure of these as of real speech, so no confidence tells them apart; repetition, known phrases and the
amount of speech do. A short real reply has none of these marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import spoken_letters

if TYPE_CHECKING:
    from whisperx_worker import Seconds

_FASTEST_LETTERS_PER_S = 22
_LETTERS_OF_NO_TIME = 8
_LONGEST_UNIT = 12
_MOST_REPEATS = 12
_SHORTEST_ECHO = 2

_CREDITS = re.compile(
    r"\b(субтитр\w* (сделал|делал|созда|подогнал|добавил|предостав|перев[её]л|и перевод|подготов)"
    r"|редактор субтитров|dimatorzok|amara\.org|субтитры:? *студия"
    r"|(subtitles?|captions?|transcription|transcribed) (made )?by\b)",
    re.IGNORECASE,
)
"""What stands under films in the models' training data, and is never said in a recording."""

_FAREWELLS = re.compile(
    r"(продолжение следует|спасибо за (просмотр|внимание|субтитры)|подписывайтесь на (мой |наш |)канал"
    r"|ставьте лайки?|до новых встреч|до скорых встреч"
    r"|thanks? (you )?for watching|please subscribe|don't forget to subscribe)",
    re.IGNORECASE,
)
"""What models invent most, and what people say now and then."""


@dataclass(frozen=True)
class Loop:
    """The longest run of one unit of words in a text."""

    repeats: int
    """How often the unit stands there in a row; 1 where nothing is repeated."""
    unit: int
    """Words in the unit."""
    surplus: range
    """Places of the words that repeat the first unit."""

    @property
    def suspicious(self) -> bool:
        """Whether people seldom repeat a unit of this length so often."""
        return self.repeats >= (6 if self.unit == 1 else 4 if self.unit <= 3 else 3)  # noqa: PLR2004 - a scale


def loop(text: str) -> Loop:
    """The run of repeated words that is the longest.

    >>> loop("Ну да, да, да, хорошо.")
    Loop(repeats=3, unit=1, surplus=range(2, 4))
    """
    words = [_plain(word) for word in text.split()]
    longest = Loop(1, 1, range(0))
    for unit in range(1, min(_LONGEST_UNIT, len(words) // 2) + 1):
        same = 0
        for place in range(unit, len(words) + 1):
            if place < len(words) and words[place] == words[place - unit]:
                same += 1
                continue
            surplus = same // unit * unit
            if surplus > len(longest.surplus):
                longest = Loop(surplus // unit + 1, unit, range(place - surplus, place))
            same = 0
    return longest


def impossible(found: Loop, text: str, speech_s: Seconds) -> bool:
    """Whether nobody can have repeated himself like that in so much speech."""
    return found.suspicious and (found.repeats > _MOST_REPEATS or _is_crammed(text, speech_s))


def _is_crammed(text: str, speech_s: Seconds) -> bool:
    """Whether nobody can speak so fast."""
    return spoken_letters(text) > _FASTEST_LETTERS_PER_S * speech_s + _LETTERS_OF_NO_TIME


def echoes(text: str, given: str) -> bool:
    """Whether all of a text of two words or more stands in the prompt, word for word.

    A real answer may; what is decoded without the prompt tells.

    >>> echoes("Отдел продаж.", "Звонок в отдел продаж.")
    True
    """
    words, prompt = ([_plain(word) for word in one.split()] for one in (text, given))
    return len(words) >= _SHORTEST_ECHO and f" {' '.join(words)} " in f" {' '.join(prompt)} "


def why_invented(text: str, speech_s: Seconds) -> str | None:
    """Why a segment's text cannot have been said; None where it can.

    Args:
        text: The segment's.
        speech_s: How much speech the detector heard in its time.
    """
    if speech_s <= 0:
        return "nobody speaks there"
    if _CREDITS.search(text):
        return "these are credits of subtitles"
    known = _FAREWELLS.search(text)
    if known and spoken_letters(text) > _FASTEST_LETTERS_PER_S * speech_s:
        return "models invent this phrase, and there is too little speech for it"
    return "there is too little speech for so much text" if _is_crammed(text, speech_s) else None


def _plain(word: str) -> str:
    return re.sub(r"\W", "", word.lower().replace("ё", "е"))
