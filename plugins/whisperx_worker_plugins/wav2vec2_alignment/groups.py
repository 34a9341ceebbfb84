"""Which segments are aligned as one text, and in which sound. Pure; knows neither text nor model.

A recogniser's times of segments are rough, those of the speech that a detector found are not: so segments of speech
without a long pause are one group, whose walls are in pauses, and only the words' own times say where each segment is.

Example:
    >>> heard = [Span(0.5, 4.0), Span(4.5, 6.0), Span(30.0, 32.0)]
    >>> for group in grouped([Span(0.5, 3.1), Span(3.1, 6.0), Span(30.0, 32.0)], heard, 40.0):
    ...     print(group.members, group.pieces)
    (0, 1) (Span(start=0.2, end=6.3),)
    (2,) (Span(start=29.7, end=32.3),)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Span, intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_GROUP_S: Seconds = 30.0
"""No more is put together, save where a segment is in several stretches of speech."""
MAX_PAUSE_S: Seconds = 5.0
"""A longer pause is between two groups, as it is between two chunks of the recogniser."""
MARGIN_S: Seconds = 0.3
"""Sound beside speech that is listened to, since a detector is late or early at times."""
_MAX_ERROR_S: Seconds = 2.0
"""How far a recogniser's times may be off."""
_MAX_BOUND_S: Seconds = 120.0
_MAX_SILENCE_S: Seconds = 0.8
"""A longer silence inside a group is not listened to."""
_MIN_SHARED_S: Seconds = 0.1
"""What a segment has less of than this, it has by the inaccuracy of its times."""


@dataclass(frozen=True)
class Group:
    """Segments that are aligned as one text."""

    members: tuple[int, ...]
    """Places of the segments, in the order in which they are said."""
    pieces: tuple[Span, ...]
    """The sound to listen to, in time order, apart from each other."""


def grouped(segments: Sequence[Span], speech: Sequence[Span], duration_s: Seconds) -> list[Group]:
    """Put segments into groups.

    Args:
        segments: Times of segments inside the recording, in the order of the text.
        speech: Where there is speech, in time order; empty where nobody looked.
        duration_s: Length of the recording.

    Returns:
        Every segment in exactly one group; the groups in time order, their pieces apart from each other.
    """
    blocks = _blocks(segments, speech)
    walls = _walls(blocks, segments)
    edges = [0, *walls, len(blocks)]
    parts = [blocks[first:after] for first, after in pairwise(edges)]
    members: list[list[int]] = [[] for _ in parts]
    for place in _in_order(segments):
        members[_nearest(parts, segments[place])].append(place)
    found = []
    for number, (part, places) in enumerate(zip(parts, members, strict=True)):
        if places:
            left = (parts[number - 1][-1].end + part[0].start) / 2 if number else 0.0
            right = (part[-1].end + parts[number + 1][0].start) / 2 if number + 1 < len(parts) else duration_s
            times = [segments[place] for place in places]
            pieces = _pieces(_reached(part, times), times, Span(left, min(right, duration_s)))
            found.append(Group(tuple(places), tuple(pieces)))
    return found


def _in_order(segments: Sequence[Span]) -> list[int]:
    """Places of segments in their own order, save that one is before those that begin only after its end."""
    order: list[int] = []
    for place, segment in enumerate(segments):
        at = len(order)
        while at and segments[order[at - 1]].start >= segment.end:
            at -= 1
        order.insert(at, place)
    return order


def _blocks(segments: Sequence[Span], speech: Sequence[Span]) -> list[Span]:
    """The stretches of speech, and the segments that are in none; apart, though they may touch."""
    unheard = [one for one in segments if intervals.seconds_within(speech, one.start, one.end) < _MIN_SHARED_S]
    blocks = sorted([*speech, *intervals.merge(unheard)], key=lambda block: (block.start, block.end))
    apart: list[Span] = []
    for block in blocks:
        start = max(block.start, apart[-1].end) if apart else block.start
        if start < block.end:
            apart.append(Span(start, block.end))
    return apart


def _walls(blocks: Sequence[Span], segments: Sequence[Span]) -> list[int]:
    """The blocks that begin a group, save the first."""
    bound = _bound(blocks, segments)
    walls: list[int] = []
    first = 0
    for number in range(1, len(blocks)):
        length_s = blocks[number].end - blocks[first].start
        pause_s = blocks[number].start - blocks[number - 1].end
        crossing_s = bound.get(number, 0.0)
        is_bound = crossing_s > 0 and (length_s <= _MAX_BOUND_S or crossing_s > MAX_GROUP_S)
        if not is_bound and (length_s > MAX_GROUP_S or pause_s > MAX_PAUSE_S):
            walls.append(number)
            first = number
    return walls


def _bound(blocks: Sequence[Span], segments: Sequence[Span]) -> dict[int, Seconds]:
    """Blocks that share a segment with the block before them, and the length of the longest such segment."""
    bound: dict[int, Seconds] = {}
    ends = [block.end for block in blocks]
    for segment in segments:
        first = bisect_right(ends, segment.start + _MIN_SHARED_S)
        for number in range(first + 1, len(blocks)):
            if blocks[number].start > segment.end - _MIN_SHARED_S:
                break
            bound[number] = max(bound.get(number, 0.0), segment.duration_s)
    return bound


def _nearest(parts: Sequence[Sequence[Span]], segment: Span) -> int:
    """The part with the most of a segment; of those with nothing, the one that is nearest to it."""

    def shared(part: Sequence[Span]) -> tuple[Seconds, Seconds]:
        apart_s = max(part[0].start - segment.end, segment.start - part[-1].end)
        return intervals.seconds_within(part, segment.start, segment.end), -apart_s

    after = bisect_left(parts, segment.end, key=lambda part: part[0].start)
    first = bisect_right(parts, segment.start, key=lambda part: part[-1].end)
    near = range(max(0, min(first, after) - 1), min(len(parts), after + 1))
    return max(near, key=lambda number: shared(parts[number]))


def _reached(blocks: Sequence[Span], segments: Sequence[Span]) -> list[Span]:
    """What of the blocks the segments may be in: speech before the first or after the last one may have no text."""
    start = min(segment.start for segment in segments) - _MAX_ERROR_S
    end = max(segment.end for segment in segments) + _MAX_ERROR_S
    return intervals.within(blocks, start, end)


def _pieces(blocks: Sequence[Span], segments: Sequence[Span], room: Span) -> list[Span]:
    """The sound of blocks and segments with some margin, inside the room between the speech of other groups."""
    wanted = (
        Span(max(room.start, one.start - MARGIN_S), min(room.end, one.end + MARGIN_S)) for one in (*blocks, *segments)
    )
    return intervals.merge((one for one in wanted if one.duration_s > 0), _MAX_SILENCE_S - 2 * MARGIN_S)
