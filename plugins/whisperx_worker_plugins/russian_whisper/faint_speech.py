"""Text of sound that the detector hardly took for speech: added under stricter rules, as doubtful. Pure.

Most of it is breath and noise. Joined to whole windows, it is decoded in a fraction of the time; the intervals of a
window without text are done with, those of others are decoded one by one.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper.chunking import ChunkLimits
from whisperx_worker_plugins.russian_whisper.judgement import span_of
from whisperx_worker_plugins.russian_whisper.merging import contains_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Job
    from whisperx_worker_plugins.russian_whisper.judgement import Reading

_NEARBY_S: Seconds = 5.0
FAINT_WINDOWS = ChunkLimits(longest_pause_s=0.5)
"""Limits on the windows that it is joined to."""
_MIN_REPORTED_S: Seconds = 2.0
"""Shorter sound without a sure text is a breath or a click."""


def add_faint(
    segments: Sequence[Segment], readings: Sequence[Reading], faint: Sequence[Span], job: Job
) -> list[Segment]:
    """Add the readings of faint speech that no sign is against.

    A text that stands beside it already is not added again.

    Args:
        segments: Segments of the answer, in time order, disjoint.
        readings: Readings of faint speech.
        faint: Intervals of faint speech, outside of all speech.
        job: For a warning about each text that is added, and about long intervals without one.

    Returns:
        In time order, disjoint.
    """
    added: list[Segment] = []
    for one in readings:
        own = one.segment
        near = [other for other in segments if own.start - _NEARBY_S < other.end and other.start < own.end + _NEARBY_S]
        is_free = all(other.end <= own.start or own.end <= other.start for other in near)
        if not one.signs and is_free and not contains_text(near, own):
            added.append(replace(own, doubtful=True))
            job.warn("this text is doubtful because the sound is hardly speech", span_of(own), lossless=True)
    covered = [span_of(one) for one in added]
    for span in faint:
        if span.duration_s >= _MIN_REPORTED_S and not intervals.within(covered, span.start, span.end):
            job.warn("this may be speech, but the model is not sure of any text", span, lossless=True)
    return sorted([*segments, *added], key=attrgetter("start"))
