"""Channels of a recording: which are wanted, and how those read apart lie in one recording. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from whisperx_worker.types import SAMPLE_RATE_HZ, Span

if TYPE_CHECKING:
    from whisperx_worker.types import Seconds

Channels = Literal["mix", "separate", "auto"]
"""Mixed to one, each read apart, or read apart where they really differ."""

GAP_S: Seconds = 10.0
"""Silence between channels that lie one after the other."""
MAX_CHANNELS = 8
"""Channels that are read apart."""


@dataclass(frozen=True)
class ChannelRequest:
    """Channels and track that a job takes of a file."""

    channels: Channels = "mix"
    audio_track: int | None = None
    """Number of the track among the file's audio tracks, from 0; None takes its default."""


def lay_out(count: int, length_s: Seconds) -> tuple[Span, ...]:
    """Return the intervals of channels that lie one after the other; none for a single one.

    Args:
        count: Number of channels.
        length_s: Length of each.

    >>> lay_out(2, 3.0)
    (Span(start=0.0, end=3.0), Span(start=13.0, end=16.0))
    """
    if count == 1:
        return ()
    length, step = round(length_s * SAMPLE_RATE_HZ), round((length_s + GAP_S) * SAMPLE_RATE_HZ)
    starts = [number * step for number in range(count)]
    return tuple(Span(start / SAMPLE_RATE_HZ, (start + length) / SAMPLE_RATE_HZ) for start in starts)
