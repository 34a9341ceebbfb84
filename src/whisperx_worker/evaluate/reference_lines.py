"""Reference formats with a line for each item: STM, CTM, RTTM; and SRT. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from whisperx_worker.contract.fields import shown
from whisperx_worker.evaluate.times import possible_time
from whisperx_worker.types import Segment, SpeakerTurn, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whisperx_worker.types import Seconds

_STM_FIELDS, _CTM_FIELDS, _RTTM_FIELDS = 5, 5, 8
_OTHER_RTTM_TYPES = {
    "SPKR-INFO", "NON-SPEECH", "NON-LEX", "LEXEME", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "SU", "IP", "CB", "FILLER",
    "EDIT", "A/P",
}  # fmt: skip
_SRT_TIME = r"(\d+):([0-5]\d):([0-5]\d)[,.](\d{1,3})"
_SRT_TIMES = re.compile(rf"\s*{_SRT_TIME}\s*-->\s*{_SRT_TIME}(?:\s.*)?", re.ASCII)
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
    last_ends: dict[str, tuple[Seconds, int]] = field(default_factory=dict)
    """Latest end in each recording, and the number of its line."""
    mistakes: list[str] = field(default_factory=list)

    def note(self, name: str, end_s: Seconds, number: int) -> None:
        """Add a line of a recording to the first lines and the latest ends."""
        self.first_lines.setdefault(name, number)
        self.last_ends[name] = max(self.last_ends.get(name, (end_s, number)), (end_s, number), key=itemgetter(0))


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
            name, end_s = PARSERS[ending](line, found)
        except _LineError as error:
            found.mistakes.append(f"{place}:{number}: {error}")
        else:
            found.note(name, end_s, number)
    return found


def _stm(line: str, found: Lines) -> tuple[str, Seconds]:
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
    return name, span[1]


def _ctm(line: str, found: Lines) -> tuple[str, Seconds]:
    fields = line.split()
    if len(fields) < _CTM_FIELDS:
        raise _LineError(
            f"a line of CTM is `recording channel start duration word`, not {len(fields)} fields {shown(line)}"
        )
    name, _, start, duration, word = fields[:5]
    start_s = _seconds(start, "start")
    end_s = _possible(start_s + _seconds(duration, "duration"))
    found.words[name].append(Word(word, start_s, end_s))
    return name, end_s


def _rttm(line: str, found: Lines) -> tuple[str, Seconds]:
    fields = line.split()
    if fields[0] in _OTHER_RTTM_TYPES:
        return fields[1] if len(fields) > 1 else "", 0.0
    if fields[0] != "SPEAKER" or len(fields) < _RTTM_FIELDS:
        raise _LineError(
            "a line of RTTM is `SPEAKER recording channel start duration <NA> <NA> speaker <NA> <NA>`, "
            f"not {shown(line)}"
        )
    start_s, duration_s = _seconds(fields[3], "start"), _seconds(fields[4], "duration")
    span = _span(start_s, start_s + duration_s)
    found.turns[fields[1]].append(SpeakerTurn(*span, fields[7]))
    return fields[1], span[1]


PARSERS: dict[str, Callable[[str, Lines], tuple[str, Seconds]]] = {".stm": _stm, ".ctm": _ctm, ".rttm": _rttm}
"""Parsers by the ending of the file.

Each adds the item of a line, and returns its recording and its end."""


def read_srt(text: str, place: str) -> Lines:
    """Return the cues of subtitles as those of one recording without a name.

    `[Anna]: ` in front of a text is its speaker.
    """
    found = Lines()
    for number, cue in _cues(text):
        at = 1 if cue[0].strip().isdecimal() and len(cue) > 1 else 0
        try:
            span = _srt_span(cue[at])
        except _LineError as error:
            found.mistakes.append(f"{place}:{number}: {error}")
            continue
        words = _MARKUP.sub("", " ".join(cue[at + 1 :])).strip()
        named = _SRT_SPEAKER.fullmatch(words)
        speaker, words = (named[1], named[2]) if named else (None, words)
        if words:
            found.segments[""].append(Segment(*span, words, speaker=speaker))
        found.note("", span[1], number)
    return found


def _cues(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the lines of each block."""
    block: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _srt_span(line: str) -> tuple[Seconds, Seconds]:
    times = _SRT_TIMES.fullmatch(line)
    if not times:
        raise _LineError(f"a cue has times like 00:00:01,500 --> 00:00:03,000, not {shown(line)}")
    parts = times.groups()
    return _span(*(_srt_seconds(*parts[at : at + 4]) for at in (0, 4)))


def _srt_seconds(hours: str, minutes: str, seconds: str, fraction: str) -> Seconds:
    return 3_600 * int(hours) + 60 * int(minutes) + int(seconds) + int(fraction.ljust(3, "0")) / 1_000


def _seconds(text: str, name: str) -> Seconds:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise _LineError(f"{name} must be seconds from 0, not {shown(text)}")
    return _possible(value)


def _possible(time_s: Seconds) -> Seconds:
    try:
        return possible_time(time_s)
    except ValueError as error:
        raise _LineError(str(error)) from None


def _span(start_s: Seconds, end_s: Seconds) -> tuple[Seconds, Seconds]:
    if end_s <= start_s:
        raise _LineError(f"the end must be after the start, but {end_s:.10g} is not after {start_s:.10g}")
    return start_s, _possible(end_s)
