"""Speakers of words at the edges of turns, by their sentence. Pure.

A diarizer's edges are off by some tenths of a second, as long as a word. So where a word is near the turn of another
speaker, its time alone does not decide: people change where a sentence ends or a pause is, seldom inside a sentence.
A row of such words gets the speakers of the cheapest path: a word costs what it is outside a speaker's turns, a change
of the speaker costs what it breaks. In a text without punctuation changes are free, and the times decide.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.results.turns import speaker_spans

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds, Segment, Span, SpeakerTurn, Word

EDGE_S: Seconds = 0.3
"""Distance of a word's middle from another speaker's turn within which the word is uncertain."""
EDGE_SCALE_S: Seconds = 0.12
"""Scale of the logistic distribution of a diarizer's errors at edges."""
MAX_OUTSIDE_S: Seconds = 0.6
"""Distance of a word's middle from a speaker's turns beyond which the word is not theirs."""
TIME_BONUS = 0.05
"""Advantage of a word's speaker by time alone, in nats as all costs; it decides where turns overlap."""
CHANGE_COST = 3.0
"""Cost of a change inside a sentence."""
CHANGE_AFTER_SIGN_COST = 1.5
"""Cost of a change after a comma or another sign inside a sentence."""
FREE_PAUSE_S: Seconds = 0.4
"""Pause after which a change is free; a shorter one lowers the cost."""
MAX_SENTENCE_WORDS = 40
"""Words for each end of a sentence above which a text counts as one without punctuation."""

_CLOSING = "\"'»”’)]"
_ENDS = tuple(".?!…。？！؟।")
_SIGNS = tuple(",;:—–-、，؛،")
_END = re.compile(r"[.?!…。？！؟।]+")


@dataclass(frozen=True, eq=False)
class TimedText:
    """Words of all segments in a row, with their times and speakers."""

    segments: Sequence[Segment]
    start: NDArray[np.float64]
    """Shape (words,), in seconds; NaN for a word without times."""
    end: NDArray[np.float64]
    """Shape (words,), as `start`."""
    speakers: Sequence[str | None]
    """Speaker of each word by its time alone; None without times."""

    @cached_property
    def words(self) -> list[Word]:
        """Words of all segments."""
        return [word for segment in self.segments for word in segment.words]

    @cached_property
    def segment_of(self) -> list[int]:
        """Index of the segment of each word."""
        return [index for index, segment in enumerate(self.segments) for _ in segment.words]

    @cached_property
    def has_sentences(self) -> list[bool]:
        """Whether each segment's text is punctuated."""
        return [len(_END.findall(segment.text)) * MAX_SENTENCE_WORDS >= len(segment.words) for segment in self.segments]


def speakers_at_edges(text: TimedText, turns: Iterable[SpeakerTurn]) -> dict[int, str]:
    """Return the speakers that differ from those by time alone, by index of the word.

    Args:
        text: Words with the speakers by time alone.
        turns: Turns that those speakers are of; they may overlap.
    """
    spoken = [turn for turn in turns if turn.start < turn.end]
    spans = speaker_spans(spoken)
    if len(spans) < 2:  # noqa: PLR2004  speakers
        return {}
    middle = (text.start + text.end) / 2
    uncertain = np.flatnonzero(_near_edges(text, middle, spoken)).tolist()
    costs = _speaker_costs(text, middle, uncertain, spans)
    found = {index: min(own, key=own.__getitem__) for index, own in costs.items()}
    timed = np.flatnonzero(~np.isnan(middle)).tolist()
    for row in _rows(timed, found):
        speakers = [found.get(index) or text.speakers[index] or "" for index in row]
        changes = [pair for pair, both in zip(pairwise(row), pairwise(speakers), strict=True) if both[0] != both[1]]
        if not any(_change_cost(text, *pair) for pair in changes):
            continue
        choices = [costs.get(index) or {speaker: 0.0} for index, speaker in zip(row, speakers, strict=True)]
        path = cheapest_path(choices, [_change_cost(text, *pair) for pair in pairwise(row)])
        found |= {index: name for index, name in zip(row, path, strict=True) if index in found}
    return {index: name for index, name in found.items() if name != text.speakers[index]}


def cheapest_path(choices: Sequence[Mapping[str, float]], changes: Sequence[float]) -> list[str]:
    """Return the speaker of each word on the path of least cost.

    Args:
        choices: Cost of each possible speaker, for each word.
        changes: Cost of a change between each word and the next one.

    >>> cheapest_path([{"A": 0.0}, {"A": 0.9, "B": 0.5}, {"A": 2.0, "B": 0.1}], [3.0, 0.0])
    ['A', 'A', 'B']
    """
    sums = dict(choices[0])
    came: list[dict[str, str]] = []
    for own, change in zip(choices[1:], changes, strict=True):
        best = min(sums, key=sums.__getitem__)
        changed = sums[best] + change
        came.append({name: name if sums.get(name, math.inf) <= changed else best for name in own})
        sums = {name: min(sums.get(name, math.inf), changed) + cost for name, cost in own.items()}
    path = [min(sums, key=sums.__getitem__)]
    for before in reversed(came):
        path.append(before[path[-1]])
    return path[::-1]


def _near_edges(text: TimedText, middle: NDArray[np.float64], turns: Sequence[SpeakerTurn]) -> NDArray[np.bool_]:
    """Return which words are near an edge, and hold no whole turn."""
    starts, ends = np.sort([turn.start for turn in turns]), np.sort([turn.end for turn in turns])
    begun = np.searchsorted(starts, middle + EDGE_S, "left")
    ended = np.searchsorted(ends, middle - EDGE_S, "right")
    holds_turn = np.searchsorted(ends, text.end, "right") > np.searchsorted(starts, text.start, "left")
    return np.asarray((begun - ended > 1) & ~holds_turn & ~np.isnan(middle))


def _speaker_costs(
    text: TimedText, middle: NDArray[np.float64], words: Sequence[int], spans: Mapping[str, Sequence[Span]]
) -> dict[int, dict[str, float]]:
    """Return the cost of each possible speaker of some words, by index of the word."""
    outside = np.stack([_outside_s(middle[words], own) for own in spans.values()]).T
    found = {}
    for index, own, costs in zip(
        words, outside.tolist(), np.logaddexp(0.0, outside / EDGE_SCALE_S).tolist(), strict=True
    ):
        found[index] = {
            name: cost - TIME_BONUS * (name == text.speakers[index])
            for name, out_s, cost in zip(spans, own, costs, strict=True)
            if out_s <= MAX_OUTSIDE_S
        }
    return found


def _outside_s(middle: NDArray[np.float64], spans: Sequence[Span]) -> NDArray[np.float64]:
    """Return how far times are outside the nearest of the spans; below 0 inside."""
    starts = np.array([-np.inf, *map(attrgetter("start"), spans), np.inf])
    ends = np.array([-np.inf, *map(attrgetter("end"), spans), np.inf])
    before = np.searchsorted(starts, middle, "right") - 1
    nearest = np.minimum(np.maximum(starts[before] - middle, middle - ends[before]), starts[before + 1] - middle)
    return np.asarray(nearest, np.float64)


def _rows(timed: Sequence[int], uncertain: Collection[int]) -> Iterator[list[int]]:
    """Yield each row of uncertain words, with the certain word on either side."""
    places = [-1, *(place for place, index in enumerate(timed) if index not in uncertain), len(timed)]
    for before, after in pairwise(places):
        if after - before > 1:
            yield list(timed[max(0, before) : after + 1])


def _change_cost(text: TimedText, word: int, after: int) -> float:
    """Return the cost of a change between a word and the next one."""
    segment = text.segment_of[word]
    short = min(1.0, 1.0 - (text.start[after] - text.end[word]) / FREE_PAUSE_S)
    written = text.words[after - 1].word.rstrip(_CLOSING)
    if segment != text.segment_of[after] or short <= 0 or written.endswith(_ENDS) or not text.has_sentences[segment]:
        return 0.0
    return float(short) * (CHANGE_AFTER_SIGN_COST if written.endswith(_SIGNS) else CHANGE_COST)
