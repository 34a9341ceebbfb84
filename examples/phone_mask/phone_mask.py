"""Plugin that masks phone numbers in text and words, in digits or spoken in Russian."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from whisperx_worker import Transcript, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

GAP = r"[\s()–-]*"
WRITTEN = re.compile(rf"(?<!\w)(?:\+?\d{GAP})?\d{{3}}{GAP}\d{{3}}{GAP}\d{{2}}{GAP}\d{{2}}(?!\w)")
"""Ten digits in groups of 3, 3, 2 and 2.

Brackets and hyphens may stand between them, and 8 or +7 in front.
"""

NUMBERS = """
    ноль один одна одно два две три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать
    четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать двадцать тридцать сорок пятьдесят
    шестьдесят семьдесят восемьдесят девяносто сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот
"""
NUMBER = rf"\b(?:{'|'.join(NUMBERS.split())})\b"
SPOKEN = re.compile(rf"{NUMBER}(?:\W+{NUMBER}){{4,}}", re.IGNORECASE)
"""Five or more number words in a row, more than in "две тысячи двадцать пять"."""


class Options(BaseModel):
    """Options of a job: `{"plugins": {"phone_mask": {...}}}`."""

    keep_last: int = Field(0, ge=0, le=4)
    """Number of digits, or number words, that stay readable at the end."""
    mask: str = Field("●", pattern=r"^[^\w\s]$")
    """Replacement of a digit, and three times of a number word."""


@hookimpl
def register_options() -> type[Options]:
    """Return the options, which the worker checks before the job begins."""
    return Options


@hookimpl
def post_align(transcript: Transcript, options: Options) -> Transcript:
    """Mask every phone number; the number of words and their times stay."""
    if not transcript.segments:
        return transcript
    texts = [segment.text.split() for segment in transcript.segments]
    words = [[word.word for word in segment.words] or segment.text.split() for segment in transcript.segments]
    segments = []
    for segment, text, line in zip(
        transcript.segments, masked_lines(texts, options), masked_lines(words, options), strict=True
    ):
        # Without alignment a segment has no words, and there is nothing to pair.
        timed = tuple(replace(word, word=masked) for word, masked in zip(segment.words, line, strict=False))
        segments.append(replace(segment, text=" ".join(text), words=timed))
    return replace(transcript, segments=tuple(segments))


def masked_lines(lines: Iterable[Iterable[str]], options: Options) -> list[list[str]]:
    """Mask the phone numbers in lines of words; a number may continue in the next line.

    Only digits and number words are replaced, never what stands between them, so the words stay apart.
    """
    text = "\f".join("\n".join(line) for line in lines)
    for number, unit, width in ((WRITTEN, r"\d", 1), (SPOKEN, r"\w+", 3)):
        text = number.sub(lambda found, unit=unit, width=width: _hidden(found[0], unit, width, options), text)
    return [line.split("\n") for line in text.split("\f")]


def _hidden(number: str, unit: str, width: int, options: Options) -> str:
    hidden = len(re.findall(unit, number)) - options.keep_last
    return re.sub(unit, lambda _: width * options.mask, number, count=hidden)
