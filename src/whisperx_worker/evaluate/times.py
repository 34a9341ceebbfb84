"""Times that references and results may have. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker.types import Seconds

MAX_RECORDING_S: Seconds = 360_000.0
"""Longest recording, 100 hours; later times are milliseconds or no times."""
MAX_PAST_END_S: Seconds = 10.0
MAX_PAST_END_SHARE = 0.1
"""How far a reference may end after its recording.

The larger counts; headers are not exact."""


def possible_time(time_s: Seconds) -> Seconds:
    """Return a time that a recording may have.

    Raises:
        ValueError: When no recording is so long.
    """
    if time_s > MAX_RECORDING_S:
        raise ValueError(f"a time must be seconds up to {MAX_RECORDING_S:g}, not {time_s:.10g}")
    return time_s


def is_past_the_end(end_s: Seconds, duration_s: Seconds) -> bool:
    """Return whether a reference ends so far after a recording that it is of another one."""
    return end_s > duration_s + max(MAX_PAST_END_S, MAX_PAST_END_SHARE * duration_s)
