"""Fate of every reading, and the warnings and debug notes that follow from it.

A reading is in the answer, or another one of the same speech is, or its text is missing; only the last is a loss. The
fate is found by comparison with the answer itself, so no warning is about text that the answer has.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from whisperx_worker import Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper.judgement import Sign, span_of
from whisperx_worker_plugins.russian_whisper.merging import contains_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Job
    from whisperx_worker_plugins.russian_whisper.judgement import Reading


def report_readings(readings: Sequence[Reading], segments: Sequence[Segment], job: Job) -> list[Span]:
    """Warn the client of text that is missing or doubtful.

    With `debug` the notes have the texts.

    Args:
        readings: Every reading of the recording, those of later passes last.
        segments: Segments of the answer, in time order, disjoint.
        job: For its warnings and notes.

    Returns:
        Times of the missing text.
    """
    missing: list[Span] = []
    for place, one in enumerate(readings):
        fate = _fate(one, segments, readings[place + 1 :] if one.is_removed else ())
        if fate == "kept":
            continue
        span = span_of(one.segment)
        why = _why(one, job) if one.is_removed else f"{_why(one, job)}, and another reading has no text there"
        job.note_text(fate, one.segment, why)
        if fate == "removed":
            missing.append(span)
            job.warn(f"text was removed because {why}", span, lossless=Sign.MISPLACED in one.signs)
    _warn_of_doubt(segments, readings, job)
    return missing


def _why(reading: Reading, job: Job) -> str:
    if reading.original is None:
        return reading.why
    return f"its words are those of {job.places([reading.original])}, and this speech alone does not give them"


def _warn_of_doubt(segments: Sequence[Segment], readings: Sequence[Reading], job: Job) -> None:
    """Warn of doubtful segments, once for neighbours that are doubtful for the same reason."""
    found = [(one, _reason(one, readings) if one.doubtful else "") for one in segments]
    for reason, group in groupby(found, key=itemgetter(1)):
        members = [segment for segment, _ in group]
        if reason:
            span = Span(members[0].start, members[-1].end)
            job.warn(f"this text is doubtful because {reason}", span, lossless=True)


def _reason(segment: Segment, readings: Sequence[Reading]) -> str:
    """Return the reason of the reading that a segment comes from; its times may have changed."""
    same = (one for one in readings if one.segment.text == segment.text)
    return min(same, key=lambda one: abs(one.segment.start - segment.start)).why


def _fate(reading: Reading, segments: Sequence[Segment], later: Sequence[Reading]) -> str:
    """Return "kept", "replaced" by another reading of the same speech, or "removed"."""
    own = span_of(reading.segment)
    beside = _overlapping(segments, own)
    if not reading.is_shortened and contains_text(beside, reading.segment):
        return "kept"
    others = [*map(span_of, beside), *(span_of(one.segment) for one in later)]
    covered = intervals.within(intervals.merge(others), own.start, own.end)
    is_covered = 2 * intervals.total_s(covered) >= own.duration_s and not reading.is_shortened
    return "replaced" if is_covered else "removed"


def _overlapping(segments: Sequence[Segment], span: Span) -> Sequence[Segment]:
    first = bisect_right(segments, span.start, key=attrgetter("end"))
    return segments[first : bisect_left(segments, span.end, key=attrgetter("start"))]
