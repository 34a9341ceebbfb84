"""Text of sound that the detector hardly took for speech: added under stricter rules, as doubtful. Pure.

Most of it is breath and noise. Joined to whole windows, it is decoded in a fraction of the time; the intervals of a
window without text are done with, those of others are decoded one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper.chunking import WINDOW_S
from whisperx_worker_plugins.russian_whisper.judgement import span_of
from whisperx_worker_plugins.russian_whisper.merging import contains_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Job
    from whisperx_worker_plugins.russian_whisper.judgement import Reading

_NEARBY_S: Seconds = 5.0
_JOINT_S: Seconds = 0.5
"""Silence between joined intervals."""
_MIN_REPORTED_S: Seconds = 2.0
"""Shorter sound without a sure text is a breath or a click."""


@dataclass(frozen=True)
class Window:
    """Joined intervals of faint speech."""

    parts: tuple[Span, ...]
    """Intervals of the recording."""
    span: Span
    """Interval of the joined sound."""


def join_faint(audio: Audio, faint: Sequence[Span]) -> tuple[Audio, list[Window]]:
    """Join intervals of faint speech to windows of at most 30 s, and return their sound.

    Args:
        audio: The recording.
        faint: Intervals of at most 30 s, in time order, disjoint.
    """
    silence = np.zeros(round(_JOINT_S * SAMPLE_RATE_HZ), np.float32)
    windows: list[Window] = []
    sounds = [np.zeros(0, np.float32)]
    joined_samples = 0
    for span in faint:
        time_s = joined_samples / SAMPLE_RATE_HZ
        end_s = time_s + span.duration_s
        last = windows[-1] if windows else None
        if last and end_s - last.span.start <= WINDOW_S:
            windows[-1] = Window((*last.parts, span), Span(last.span.start, end_s))
        else:
            windows.append(Window((span,), Span(time_s, end_s)))
        sounds += [audio.between(span.start, span.end), silence]
        joined_samples += len(sounds[-2]) + len(silence)
    return Audio(np.concatenate(sounds)), windows


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
