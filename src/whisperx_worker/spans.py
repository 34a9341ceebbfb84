"""Stretches of time: joined, cut and measured. Pure.

Example:
    >>> heard = joined([Span(6.0, 7.0), Span(0.0, 3.0), Span(2.0, 4.0)])
    >>> within(heard, 3.5, 6.2)
    [Span(start=3.5, end=4.0), Span(start=6.0, end=6.2)]
    >>> total_s(heard)
    5.0
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker.types import Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def joined(spans: Iterable[Span], gap_s: Seconds = 0.0) -> list[Span]:
    """Spans in time order, those as one that overlap or are not more than `gap_s` apart."""
    found: list[Span] = []
    for span in sorted(spans, key=attrgetter("start")):
        if found and span.start - found[-1].end <= gap_s:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def within(spans: Sequence[Span], start: Seconds, end: Seconds) -> list[Span]:
    """What of some spans lies between two times, found by bisection.

    Args:
        spans: In time order, apart from each other, as `joined` gives them.
        start: In seconds.
        end: In seconds; nothing lies between times of which it is not the later one.
    """
    if start >= end:
        return []
    first = bisect_right(spans, start, key=attrgetter("end"))
    last = bisect_left(spans, end, key=attrgetter("start"))
    return [Span(max(span.start, start), min(span.end, end)) for span in spans[first:last]]


def outside(spans: Sequence[Span], start: Seconds, end: Seconds) -> list[Span]:
    """What lies between two times and in none of some spans; the arguments are those of `within`.

    >>> outside([Span(2.0, 3.0), Span(5.0, 9.0)], 1.0, 6.0)
    [Span(start=1.0, end=2.0), Span(start=3.0, end=5.0)]
    """
    edges = [start, *(edge for span in within(spans, start, end) for edge in (span.start, span.end)), end]
    return [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def shared(some: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    """What two lists of spans, each as `joined` gives it, have in common."""
    return [piece for span in some for piece in within(others, span.start, span.end)]


def total_s(spans: Iterable[Span]) -> Seconds:
    """Length of all spans together."""
    return sum(span.duration_s for span in spans)


def seconds_within(spans: Sequence[Span], start: Seconds, end: Seconds) -> Seconds:
    """How much of what lies between two times is inside some spans, as `within` finds it."""
    return total_s(within(spans, start, end))
