"""Operations on time intervals: merge, clip, intersect, measure. Pure.

Example:
    >>> speech = merge([Span(6.0, 7.0), Span(0.0, 3.0), Span(2.0, 4.0)])
    >>> within(speech, 3.5, 6.2)
    [Span(start=3.5, end=4.0), Span(start=6.0, end=6.2)]
    >>> total_s(speech)
    5.0
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from whisperx_worker.deprecation import warn_renamed
from whisperx_worker.types import Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RENAMED = {"joined": "merge", "outside": "gaps", "shared": "intersect"}
"""Names before 0.2."""


def merge(spans: Iterable[Span], gap_s: Seconds = 0.0) -> list[Span]:
    """Sort spans and merge those that overlap or have a gap of at most `gap_s`."""
    found: list[Span] = []
    for span in sorted(spans, key=attrgetter("start")):
        if found and span.start - found[-1].end <= gap_s:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def within(spans: Sequence[Span], start: Seconds, end: Seconds) -> list[Span]:
    """Clip spans to the interval between two times, by bisection.

    Args:
        spans: In time order, apart from each other, as `merge` gives them.
        start: In seconds.
        end: In seconds; nothing lies between times of which it is not the later one.
    """
    if start >= end:
        return []
    first = bisect_right(spans, start, key=attrgetter("end"))
    last = bisect_left(spans, end, key=attrgetter("start"))
    return [Span(max(span.start, start), min(span.end, end)) for span in spans[first:last]]


def gaps(spans: Sequence[Span], start: Seconds, end: Seconds) -> list[Span]:
    """Return the gaps that spans leave between two times; the arguments are those of `within`.

    >>> gaps([Span(2.0, 3.0), Span(5.0, 9.0)], 1.0, 6.0)
    [Span(start=1.0, end=2.0), Span(start=3.0, end=5.0)]
    """
    edges = [start, *(edge for span in within(spans, start, end) for edge in (span.start, span.end)), end]
    return [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def intersect(some: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    """Intersect two lists of spans, each as `merge` returns it."""
    return [piece for span in some for piece in within(others, span.start, span.end)]


def total_s(spans: Iterable[Span]) -> Seconds:
    """Sum the durations of spans."""
    return sum(span.duration_s for span in spans)


def seconds_within(spans: Sequence[Span], start: Seconds, end: Seconds) -> Seconds:
    """Sum the durations of spans clipped to the interval between two times."""
    return total_s(within(spans, start, end))


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if (current := _RENAMED.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_renamed(f"whisperx_worker.spans.{name}", f"whisperx_worker.intervals.{current}")
    return globals()[current]
