"""Rules for hallucinated text: loops, prompt echoes, subtitle credits, too little speech. Pure.

A model is as confident of hallucinations as of real speech, so confidence cannot separate them; repetition, known
phrases and the amount of speech can. A short real reply shows none of these signs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import spoken_letters

if TYPE_CHECKING:
    from whisperx_worker import Seconds

_MAX_LETTERS_PER_S = 22
_SLACK_LETTERS = 8
"""Letters that a text may have above that rate."""
_MAX_UNIT_WORDS = 12
_MAX_REPEATS = 12
_MIN_ECHO_WORDS = 2

_CREDITS = re.compile(
    r"\b(субтитр\w* (сделал|делал|созда|подогнал|добавил|предостав|перев[её]л|и перевод|подготов)"
    r"|редактор субтитров|dimatorzok|amara\.org|субтитры:? *студия"
    r"|(subtitles?|captions?|transcription|transcribed) (made )?by\b)",
    re.IGNORECASE,
)
"""Subtitle credits from the models' training data, which never occur in recordings."""

_FAREWELLS = re.compile(
    r"(продолжение следует|спасибо за (просмотр|внимание|субтитры)|подписывайтесь на (мой |наш |)канал"
    r"|ставьте лайки?|до новых встреч|до скорых встреч"
    r"|thanks? (you )?for watching|please subscribe|don't forget to subscribe)",
    re.IGNORECASE,
)
"""Phrases that models hallucinate most, and that people do use."""


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
        """Whether people seldom repeat a unit of this length so often."""
        return self.repeats >= (6 if self.unit == 1 else 4 if self.unit <= 3 else 3)  # noqa: PLR2004 - a scale


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


def is_impossible_loop(loop: Loop, text: str, speech_s: Seconds) -> bool:
    """Return whether a loop is too long, or too fast, for a person."""
    return loop.is_suspicious and (loop.repeats > _MAX_REPEATS or _is_too_fast(text, speech_s))


def _is_too_fast(text: str, speech_s: Seconds) -> bool:
    """Return whether a text has more letters than a person can speak in this time."""
    return spoken_letters(text) > _MAX_LETTERS_PER_S * speech_s + _SLACK_LETTERS


def is_prompt_echo(text: str, prompt: str) -> bool:
    """Return whether a text of two words or more occurs in the prompt, word for word.

    A real answer may, too; decoding without the prompt decides.

    >>> is_prompt_echo("Отдел продаж.", "Звонок в отдел продаж.")
    True
    """
    words, prompt_words = ([_normalize(word) for word in one.split()] for one in (text, prompt))
    return len(words) >= _MIN_ECHO_WORDS and f" {' '.join(words)} " in f" {' '.join(prompt_words)} "


def hallucination_reason(text: str, speech_s: Seconds) -> str | None:
    """Return why a segment's text must be hallucinated; None where it may be real.

    Args:
        text: The segment's.
        speech_s: Duration of the speech that the detector found in the segment's time.
    """
    if speech_s <= 0:
        return "nobody speaks there"
    if _CREDITS.search(text):
        return "these are credits of subtitles"
    is_farewell = _FAREWELLS.search(text)
    if is_farewell and spoken_letters(text) > _MAX_LETTERS_PER_S * speech_s:
        return "models invent this phrase, and there is too little speech for it"
    return "there is too little speech for so much text" if _is_too_fast(text, speech_s) else None


def _normalize(word: str) -> str:
    return re.sub(r"\W", "", word.lower().replace("ё", "е"))
