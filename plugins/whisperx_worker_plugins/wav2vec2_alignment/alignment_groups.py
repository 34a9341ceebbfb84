"""Alignment groups: segments that are aligned as one text. Pure; knows no text or model.

A recogniser's times of segments are rough, those of a detector's speech intervals are not: so segments in speech
without a long pause form one group, with its borders in pauses, and only the times of the words locate each segment.

Example:
    >>> speech = [Span(0.5, 4.0), Span(4.5, 6.0), Span(30.0, 32.0)]
    >>> for group in group_segments([Span(0.5, 3.1), Span(3.1, 6.0), Span(30.0, 32.0)], speech, 40.0):
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
"""Maximum length of a group, except around a segment in several speech intervals."""
MAX_PAUSE_S: Seconds = 5.0
"""A longer pause separates two groups, like two chunks of the recogniser."""
MARGIN_S: Seconds = 0.3
"""Margin of audio beside speech, since a detector may be late or early."""
_MAX_ERROR_S: Seconds = 2.0
"""Maximum error of a recogniser's times."""
_MAX_LINKED_S: Seconds = 120.0
"""Maximum length of a group of speech intervals that segments link."""
_MAX_SILENCE_S: Seconds = 0.8
"""A longer silence inside a group is not aligned."""
_MIN_SHARED_S: Seconds = 0.1
"""Minimum overlap of a segment with a speech interval; a smaller one is inaccuracy."""


@dataclass(frozen=True)
class SegmentGroup:
    """Segments that are aligned as one text."""

    members: tuple[int, ...]
    """Indices of the segments, in the order in which they are spoken."""
    pieces: tuple[Span, ...]
    """Pieces of audio to align, in time order, without overlap."""


def group_segments(segments: Sequence[Span], speech: Sequence[Span], duration_s: Seconds) -> list[SegmentGroup]:
    """Put segments into groups.

    Args:
        segments: Times of segments inside the recording, in the order of the text.
        speech: Speech intervals in time order; empty where no detector has run.
        duration_s: Length of the recording.

    Returns:
        Every segment in exactly one group; the groups in time order, their pieces without overlap.
    """
    blocks = _blocks(segments, speech)
    borders = _group_borders(blocks, segments)
    edges = [0, *borders, len(blocks)]
    parts = [blocks[first:after] for first, after in pairwise(edges)]
    members: list[list[int]] = [[] for _ in parts]
    for index in _spoken_order(segments):
        members[_nearest_part(parts, segments[index])].append(index)
    found = []
    for number, (part, indices) in enumerate(zip(parts, members, strict=True)):
        if indices:
            left = (parts[number - 1][-1].end + part[0].start) / 2 if number else 0.0
            right = (part[-1].end + parts[number + 1][0].start) / 2 if number + 1 < len(parts) else duration_s
            times = [segments[index] for index in indices]
            pieces = _pieces(_reachable(part, times), times, Span(left, min(right, duration_s)))
            found.append(SegmentGroup(tuple(indices), tuple(pieces)))
    return found


def _spoken_order(segments: Sequence[Span]) -> list[int]:
    """Return the indices of segments in spoken order.

    It is the order of the text, but each segment comes before those that begin after its end.
    """
    order: list[int] = []
    for index, segment in enumerate(segments):
        at = len(order)
        while at and segments[order[at - 1]].start >= segment.end:
            at -= 1
        order.insert(at, index)
    return order


def _blocks(segments: Sequence[Span], speech: Sequence[Span]) -> list[Span]:
    """Return the speech intervals and the segments outside of them, without overlap."""
    outside = [one for one in segments if intervals.seconds_within(speech, one.start, one.end) < _MIN_SHARED_S]
    blocks = sorted([*speech, *intervals.merge(outside)], key=lambda block: (block.start, block.end))
    disjoint: list[Span] = []
    for block in blocks:
        start = max(block.start, disjoint[-1].end) if disjoint else block.start
        if start < block.end:
            disjoint.append(Span(start, block.end))
    return disjoint


def _group_borders(blocks: Sequence[Span], segments: Sequence[Span]) -> list[int]:
    """Return the indices of the blocks that begin a group, except the first."""
    links = _links(blocks, segments)
    borders: list[int] = []
    first = 0
    for number in range(1, len(blocks)):
        length_s = blocks[number].end - blocks[first].start
        pause_s = blocks[number].start - blocks[number - 1].end
        segment_s = links.get(number, 0.0)
        is_linked = segment_s > 0 and (length_s <= _MAX_LINKED_S or segment_s > MAX_GROUP_S)
        if not is_linked and (length_s > MAX_GROUP_S or pause_s > MAX_PAUSE_S):
            borders.append(number)
            first = number
    return borders


def _links(blocks: Sequence[Span], segments: Sequence[Span]) -> dict[int, Seconds]:
    """Return the blocks that a segment links with the block before them.

    Each with the length of the longest such segment.
    """
    links: dict[int, Seconds] = {}
    ends = [block.end for block in blocks]
    for segment in segments:
        first = bisect_right(ends, segment.start + _MIN_SHARED_S)
        for number in range(first + 1, len(blocks)):
            if blocks[number].start > segment.end - _MIN_SHARED_S:
                break
            links[number] = max(links.get(number, 0.0), segment.duration_s)
    return links


def _nearest_part(parts: Sequence[Sequence[Span]], segment: Span) -> int:
    """Return the part that overlaps a segment most, or the nearest one."""

    def overlap(part: Sequence[Span]) -> tuple[Seconds, Seconds]:
        distance_s = max(part[0].start - segment.end, segment.start - part[-1].end)
        return intervals.seconds_within(part, segment.start, segment.end), -distance_s

    after = bisect_left(parts, segment.end, key=lambda part: part[0].start)
    first = bisect_right(parts, segment.start, key=lambda part: part[-1].end)
    near = range(max(0, min(first, after) - 1), min(len(parts), after + 1))
    return max(near, key=lambda number: overlap(parts[number]))


def _reachable(blocks: Sequence[Span], segments: Sequence[Span]) -> list[Span]:
    """Return the part of the blocks near the segments; speech beyond may have no text."""
    start = min(segment.start for segment in segments) - _MAX_ERROR_S
    end = max(segment.end for segment in segments) + _MAX_ERROR_S
    return intervals.within(blocks, start, end)


def _pieces(blocks: Sequence[Span], segments: Sequence[Span], bounds: Span) -> list[Span]:
    """Return the audio of blocks and segments with a margin, inside the group's bounds."""
    padded = (
        Span(max(bounds.start, one.start - MARGIN_S), min(bounds.end, one.end + MARGIN_S))
        for one in (*blocks, *segments)
    )
    return intervals.merge((one for one in padded if one.duration_s > 0), _MAX_SILENCE_S - 2 * MARGIN_S)
