"""Layout of channels that are laid one after the other in one recording, and times of both. Pure.

Example:
    >>> layout = ChannelLayout((Span(0.0, 30.0), Span(40.0, 70.0)))
    >>> layout.places([Span(2.0, 3.5), Span(41.0, 42.0)])
    [(0, Span(start=2.0, end=3.5)), (1, Span(start=1.0, end=2.0))]
    >>> layout.describe([Span(2.0, 3.5), Span(41.0, 42.0)])
    'channel 0, 2.00-3.50 s; channel 1, 1.00-2.00 s'
    >>> str(layout.warned("no speech was found", Span(40.0, 70.0)))
    'channel 1, 0.00-30.00 s: no speech was found'
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from whisperx_worker.types import Seconds, Span, Warned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_DIGITS = 6
"""Digits of a time after the point, beyond which it is an error of rounding."""


@dataclass(frozen=True)
class ChannelLayout:
    """Channels laid one after the other; without channels, a recording as it is."""

    spans: tuple[Span, ...] = ()
    """Interval of each channel, in order, apart from each other and of one length."""
    labels: tuple[str, ...] = ()
    """Speaker of each channel, where each is one speaker."""

    def __bool__(self) -> bool:
        """Return whether channels are read apart."""
        return bool(self.spans)

    @property
    def duration_s(self) -> Seconds:
        """Length of the recording that the channels are of."""
        return max(span.duration_s for span in self.spans)

    @cached_property
    def seams(self) -> tuple[Seconds, ...]:
        """Times at which one channel ends and the next begins: the middle of the silence between them."""
        return tuple((one.end + other.start) / 2 for one, other in pairwise(self.spans))

    def channel_of(self, start: Seconds, end: Seconds) -> int:
        """Return the channel with the most of an interval, else the nearest one."""
        shares = [(min(end, span.end) - max(start, span.start), -number) for number, span in enumerate(self.spans)]
        return -max(shares)[1]

    def split(self, start: Seconds, end: Seconds) -> Iterator[tuple[int, Span]]:
        """Yield an interval's channels, each with its piece inside that channel.

        One in the silence between channels is at the edge of the nearest.
        """
        first, last = bisect_right(self.seams, start), bisect_right(self.seams, end)
        found = [
            (number, Span(max(start, span.start), min(end, span.end)))
            for number, span in enumerate(self.spans[first : last + 1], first)
        ]
        yield from [(number, piece) for number, piece in found if piece.duration_s > 0] or [self._nearest(start, end)]

    def _nearest(self, start: Seconds, end: Seconds) -> tuple[int, Span]:
        number = self.channel_of(start, end)
        return number, self.clip(number, Span(start, end))

    def clip(self, number: int, span: Span) -> Span:
        """Clip an interval to a channel; one outside of it has no length, at the nearer edge."""
        own = self.spans[number]
        return Span(*(min(max(time, own.start), own.end) for time in (span.start, span.end)))

    def cut(self, spans: Iterable[Span]) -> list[Span]:
        """Cut intervals at seams."""
        return [piece for span in spans for _, piece in self.split(span.start, span.end)]

    def to_recording(self, number: int, time: Seconds) -> Seconds:
        """Return the recording's time for one of a channel, inside the recording."""
        return round(min(max(time - self.spans[number].start, 0.0), self.spans[number].duration_s), _DIGITS)

    def places(self, spans: Iterable[Span]) -> list[tuple[int, Span]]:
        """Return channels and intervals of the recording for intervals, by channel and time."""
        found = [
            (number, Span(self.to_recording(number, piece.start), self.to_recording(number, piece.end)))
            for span in spans
            for number, piece in self.split(span.start, span.end)
        ]
        return sorted(found, key=lambda place: (place[0], place[1].start))

    def describe(self, spans: Sequence[Span]) -> str:
        """Return intervals as text, with their channels where there are several."""
        if not self.spans:
            return _listed(spans)
        by_channel = groupby(self.places(spans), key=itemgetter(0))
        return "; ".join(f"channel {number}, {_listed([span for _, span in own])}" for number, own in by_channel)

    def warned(self, message: str, span: Span | None) -> Warned:
        """Return a warning with its channel, and its place in the recording."""
        if span is None or not self.spans:
            return Warned(message, span)
        places = self.places([span])
        if len(places) == 1:
            return Warned(message, places[0][1], places[0][0])
        if span.start <= self.spans[0].start and span.end >= self.spans[-1].end:
            return Warned(message, Span(0.0, self.duration_s))
        return Warned(f"{self.describe([span])}: {message}")


NO_CHANNELS = ChannelLayout()
"""Layout of a recording with channels that are not read apart."""


def channel_labels(count: int, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the speaker of each channel: its name, else `CHANNEL_0` and so on."""
    return tuple(names[number] if number < len(names) else f"CHANNEL_{number}" for number in range(count))


def _listed(spans: Iterable[Span]) -> str:
    return ", ".join(f"{span.start:.2f}-{span.end:.2f}" for span in spans) + " s"
