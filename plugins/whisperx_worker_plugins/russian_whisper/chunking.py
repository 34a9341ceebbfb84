"""Speech intervals packed into chunks that fill a Whisper window. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Span, intervals
from whisperx_worker_plugins._shared.whisper.spectrogram import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker import Segment

_KEPT_PAUSE_S: Seconds = 1.0
"""What is left of a pause that is cut."""


@dataclass(frozen=True)
class ChunkLimits:
    """Limits on the length of a chunk and on the pauses inside it."""

    longest_s: Seconds = WINDOW_S
    """Maximum length of a chunk."""
    longest_pause_s: Seconds = 5.0
    """Maximum pause inside a chunk, since silence leads to hallucinated text."""
    join_across_pauses: bool = True
    """Whether a chunk goes on after a longer pause, of which a second is left."""
    seams: tuple[Seconds, ...] = ()
    """Times that no chunk goes across: between channels that are read apart."""

    def has_seam(self, start: Seconds, end: Seconds) -> bool:
        """Return whether there is a seam between two times."""
        return any(start <= seam <= end for seam in self.seams)

    def beside(self, segment: Segment, others: Sequence[Segment]) -> Sequence[Segment]:
        """Return the other segments that no seam parts from a segment."""
        if not self.seams:
            return others
        return [one for one in others if not self.has_seam(min(one.end, segment.end), max(one.start, segment.start))]


@dataclass(frozen=True)
class Chunk:
    """Intervals of a recording that the model reads as one sound."""

    parts: tuple[Span, ...]
    """In time order, disjoint, at least one, together at most 30 s."""

    @property
    def start(self) -> Seconds:
        """Start of the first interval in the recording."""
        return self.parts[0].start

    @property
    def end(self) -> Seconds:
        """End of the last interval in the recording."""
        return self.parts[-1].end

    @property
    def duration_s(self) -> Seconds:
        """Duration of the sound."""
        return intervals.total_s(self.parts)

    def to_recording(self, start_s: Seconds, end_s: Seconds) -> Span:
        """Return the interval of the recording from one time of the sound to another.

        It starts after the pause where the parts meet at its start, and ends before it where they meet at its end.
        """
        ends_s = list(accumulate(part.duration_s for part in self.parts))
        last = len(self.parts) - 1
        first_part = min(bisect_right(ends_s, start_s), last)
        last_part = max(first_part, min(bisect_left(ends_s, end_s), last))
        starts_s = [0.0, *ends_s]
        start, end = (
            self.parts[part].start + (time_s - starts_s[part])
            for part, time_s in ((first_part, start_s), (last_part, end_s))
        )
        return Span(start, max(start, end))

    def to_sound(self, time: Seconds) -> Seconds:
        """Return the time in the sound for one in the recording; a pause has that of its edges."""
        return sum(min(max(time - part.start, 0.0), part.duration_s) for part in self.parts)


def whole(spans: Iterable[Span]) -> list[Chunk]:
    """Return each interval as a chunk of its own."""
    return [Chunk((span,)) for span in spans]


def pack_chunks(speech: Sequence[Span], limits: ChunkLimits) -> list[Chunk]:
    """Fill chunks with neighbouring speech intervals, without the long pauses between them."""
    margin_s = min(_KEPT_PAUSE_S, limits.longest_pause_s) / 2
    chunks: list[tuple[Span, ...]] = []
    for span in speech:
        parts = chunks[-1] if chunks else ()
        is_long_pause = bool(parts) and span.start - parts[-1].end > limits.longest_pause_s
        if is_long_pause:
            last: tuple[Span, ...] = (
                Span(parts[-1].start, parts[-1].end + margin_s),
                Span(span.start - margin_s, span.end),
            )
        else:
            last = (Span(parts[-1].start if parts else span.start, span.end),)
        joined = (*parts[:-1], *last)
        may_join = bool(parts) and (limits.join_across_pauses or not is_long_pause)
        may_join = may_join and not limits.has_seam(parts[-1].end, span.start)
        if may_join and intervals.total_s(joined) <= limits.longest_s:
            chunks[-1] = joined
        else:
            chunks.append((span,))
    return list(map(Chunk, chunks))


def join_neighbours(speech: Sequence[Span], limits: ChunkLimits) -> list[Span]:
    """Join neighbouring speech intervals, with the pauses between them, within the limits."""
    joined: list[Span] = []
    for span in speech:
        last = joined[-1] if joined else None
        is_near = last and span.end - last.start <= limits.longest_s and span.start - last.end <= limits.longest_pause_s
        if last and is_near and not limits.has_seam(last.end, span.start):
            joined[-1] = Span(last.start, span.end)
        else:
            joined.append(span)
    return joined


def seams_between(channels: Sequence[Span]) -> tuple[Seconds, ...]:
    """Return the ends of all channels but the last, which no chunk goes across."""
    return tuple(channel.end for channel in channels[:-1])
