"""Speakers' turns as a timeline without overlaps, and the speech of each speaker. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker.intervals import merge, total_s
from whisperx_worker.types import Span, SpeakerTurn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from whisperx_worker.types import Diarization, Seconds


@dataclass(frozen=True)
class Timeline:
    """Turns in time order without overlaps, for bisection."""

    turns: tuple[SpeakerTurn, ...]
    starts: tuple[Seconds, ...]
    ends: tuple[Seconds, ...]


def timeline_of(turns: Iterable[SpeakerTurn]) -> Timeline:
    """Return the timeline of turns; of overlapping ones the one that began last wins.

    >>> timeline_of([SpeakerTurn(0.0, 9.0, "SPEAKER_00"), SpeakerTurn(4.0, 5.0, "SPEAKER_01")]).ends
    (4.0, 5.0, 9.0)
    """
    spoken = sorted((turn for turn in turns if turn.start < turn.end), key=attrgetter("start"))
    if all(turn.end <= after.start for turn, after in pairwise(spoken)):
        return _timeline(spoken)
    waiting = sorted(spoken, key=lambda turn: (turn.start, -turn.end), reverse=True)
    speaking: list[SpeakerTurn] = []
    exclusive: list[SpeakerTurn] = []
    for start, end in pairwise(sorted({time for turn in spoken for time in (turn.start, turn.end)})):
        while waiting and waiting[-1].start <= start:
            speaking.append(waiting.pop())
        while speaking and speaking[-1].end <= start:
            speaking.pop()
        if speaking:
            exclusive.append(SpeakerTurn(start, end, speaking[-1].speaker))
    return _timeline(exclusive)


def diarization_timeline(diarization: Diarization) -> Timeline:
    """Return the timeline of the exclusive turns, else of all turns."""
    return timeline_of(diarization.exclusive or diarization.turns)


def shares_s(start: Seconds, end: Seconds, timeline: Timeline) -> dict[str, Seconds]:
    """Return the seconds that each speaker has of an interval, in order of speaking."""
    found: dict[str, Seconds] = {}
    for turn in timeline.turns[bisect_right(timeline.ends, start) : bisect_left(timeline.starts, end)]:
        shared_s = min(end, turn.end) - max(start, turn.start)
        found[turn.speaker] = found.get(turn.speaker, 0.0) + shared_s
    return found


def speech_s(turns: Iterable[SpeakerTurn]) -> dict[str, Seconds]:
    """Return the seconds of speech of each speaker, overlaps included, in order of first turns."""
    return {speaker: total_s(own) for speaker, own in speaker_spans(turns).items()}


def speaker_spans(turns: Iterable[SpeakerTurn]) -> Mapping[str, list[Span]]:
    """Return the merged turns of each speaker, in order of first turns."""
    spans: dict[str, list[Span]] = {}
    for turn in sorted(turns, key=lambda turn: turn.start):
        spans.setdefault(turn.speaker, []).append(Span(turn.start, turn.end))
    return {speaker: merge(own) for speaker, own in spans.items()}


def _timeline(turns: Sequence[SpeakerTurn]) -> Timeline:
    return Timeline(tuple(turns), tuple([turn.start for turn in turns]), tuple([turn.end for turn in turns]))
