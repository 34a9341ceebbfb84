"""Reference formats with a line for each item: STM, CTM, RTTM; and SRT. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whisperx_worker.contract.fields import shown
from whisperx_worker.types import Segment, SpeakerTurn, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whisperx_worker.types import Seconds

_STM_FIELDS, _CTM_FIELDS, _RTTM_FIELDS = 5, 5, 8
_OTHER_RTTM_TYPES = {
    "SPKR-INFO", "NON-SPEECH", "NON-LEX", "LEXEME", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "SU", "IP", "CB", "FILLER",
    "EDIT", "A/P",
}  # fmt: skip
_SRT_TIME = re.compile(r"(\d+):([0-5]\d):([0-5]\d)[,.](\d{1,3})")
_SRT_SPEAKER = re.compile(r"\[([^\]]+)\]: (.*)", re.DOTALL)
_MARKUP = re.compile(r"</?[a-z][^>]*>|\{\\[^}]*\}", re.IGNORECASE)


@dataclass
class Lines:
    """Items of a file by recording, and its mistakes."""

    segments: dict[str, list[Segment]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, list[Word]] = field(default_factory=lambda: defaultdict(list))
    turns: dict[str, list[SpeakerTurn]] = field(default_factory=lambda: defaultdict(list))
    first_lines: dict[str, int] = field(default_factory=dict)
    """Number of the first line of each recording."""
    mistakes: list[str] = field(default_factory=list)


class _LineError(ValueError):
    """Mistake in one line."""


def read_lines(text: str, place: str, ending: str) -> Lines:
    """Return the items of a file, and a sentence for each wrong line.

    Args:
        text: The file's content.
        place: The file's name in mistakes.
        ending: A key of `PARSERS`.
    """
    found = Lines()
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or line.startswith((";;", "#")):
            continue
        try:
            name = PARSERS[ending](line, found)
        except _LineError as error:
            found.mistakes.append(f"{place}:{number}: {error}")
        else:
            found.first_lines.setdefault(name, number)
    return found


def _stm(line: str, found: Lines) -> str:
    fields = line.split(maxsplit=_STM_FIELDS)
    if len(fields) < _STM_FIELDS:
        raise _LineError(
            f"a line of STM is `recording channel speaker start end text`, not {len(fields)} fields {shown(line)}"
        )
    name, _, speaker, start, end = fields[:5]
    text = re.sub(r"^<[^>]*>\s*", "", fields[5] if len(fields) > _STM_FIELDS else "")
    if "{" in text or text.upper().startswith("IGNORE_TIME_SEGMENT"):
        raise _LineError(
            f"alternatives in braces and IGNORE_TIME_SEGMENT_IN_SCORING cannot be compared: {shown(text)}; "
            'give several texts as "texts" of a manifest'
        )
    span = _span(_seconds(start, "start"), _seconds(end, "end"))
    if text:
        found.segments[name].append(Segment(*span, text, speaker=speaker))
    return name


def _ctm(line: str, found: Lines) -> str:
    fields = line.split()
    if len(fields) < _CTM_FIELDS:
        raise _LineError(
            f"a line of CTM is `recording channel start duration word`, not {len(fields)} fields {shown(line)}"
        )
    name, _, start, duration, word = fields[:5]
    start_s = _seconds(start, "start")
    found.words[name].append(Word(word, start_s, start_s + _seconds(duration, "duration")))
    return name


def _rttm(line: str, found: Lines) -> str:
    fields = line.split()
    if fields[0] in _OTHER_RTTM_TYPES:
        return fields[1] if len(fields) > 1 else ""
    if fields[0] != "SPEAKER" or len(fields) < _RTTM_FIELDS:
        raise _LineError(
            "a line of RTTM is `SPEAKER recording channel start duration <NA> <NA> speaker <NA> <NA>`, "
            f"not {shown(line)}"
        )
    start_s, duration_s = _seconds(fields[3], "start"), _seconds(fields[4], "duration")
    found.turns[fields[1]].append(SpeakerTurn(*_span(start_s, start_s + duration_s), fields[7]))
    return fields[1]


PARSERS: dict[str, Callable[[str, Lines], str]] = {".stm": _stm, ".ctm": _ctm, ".rttm": _rttm}
"""Parsers by the ending of the file; each adds a line's item and returns its recording."""


def read_srt(text: str, place: str) -> tuple[list[Segment], list[str]]:
    """Return the cues of subtitles and the mistakes; `[Anna]: ` in front of a text is its speaker."""
    segments, mistakes = [], []
    for number, cue in _cues(text):
        lines = cue[1:] if cue[0].strip().isdecimal() and len(cue) > 1 else cue
        times = [_srt_seconds(found) for found in _SRT_TIME.finditer(lines[0])]
        if len(times) != 2 or "-->" not in lines[0]:  # noqa: PLR2004  a start and an end
            mistakes.append(
                f"{place}:{number}: a cue has times like 00:00:01,500 --> 00:00:03,000, not {shown(lines[0])}"
            )
            continue
        try:
            span = _span(*times)
        except _LineError as error:
            mistakes.append(f"{place}:{number}: {error}")
            continue
        words = _MARKUP.sub("", " ".join(lines[1:])).strip()
        named = _SRT_SPEAKER.fullmatch(words)
        speaker, words = (named[1], named[2]) if named else (None, words)
        if words:
            segments.append(Segment(*span, words, speaker=speaker))
    return segments, mistakes


def _cues(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the lines of each block."""
    block: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _srt_seconds(found: re.Match[str]) -> Seconds:
    hours, minutes, seconds = (int(part) for part in found.groups()[:3])
    return 3_600 * hours + 60 * minutes + seconds + int(found[4].ljust(3, "0")) / 1_000


def _seconds(text: str, name: str) -> Seconds:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise _LineError(f"{name} must be seconds from 0, not {shown(text)}")
    return value


def _span(start_s: Seconds, end_s: Seconds) -> tuple[Seconds, Seconds]:
    if end_s <= start_s:
        raise _LineError(f"the end must be after the start, but {end_s:g} is not after {start_s:g}")
    return start_s, end_s
