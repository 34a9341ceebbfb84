"""Long speech intervals, cut to what the model reads at once. Pure: numpy.

Example:
    >>> frames = np.array([0.9, 0.8, 0.9, 0.1, 0.9, 0.9], np.float32)
    >>> cut_long(Speech((Span(0.0, 6.0),), (), frames, frame_s=1.0), 5.0, onset=0.5, offset=0.3).spans
    (Span(start=0.0, end=3.0), Span(start=3.0, end=6.0))
    >>> cut_long(Speech((Span(0.0, 6.0),)), 5.0, onset=0.5, offset=0.3).spans
    (Span(start=0.0, end=3.0), Span(start=3.0, end=6.0))
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, Seconds, Span, Speech
from whisperx_worker_plugins._shared.speech_intervals import cut_range

if TYPE_CHECKING:
    from collections.abc import Iterator

_PADDING_S: Seconds = 0.2
"""Sound that an interval may have on each side of its speech; no part is cut there."""
_ROUNDING = 1e-6


def cut_long(speech: Speech, longest_s: Seconds, *, onset: float, offset: float) -> Speech:
    """Cut intervals that are too long where speech is least probable, or evenly without probabilities.

    Args:
        speech: The detector's intervals.
        longest_s: Maximum length of an interval.
        onset: Probability in 0..1 at which speech begins inside an interval.
        offset: Probability in 0..1 below which it ends.
    """
    if speech.probabilities is None:
        spans, faint = ([_cut_evenly(span, longest_s) for span in part] for part in (speech.spans, speech.faint))
    else:
        spans = [_cut_speech(span, speech, longest_s, onset, min(onset, offset)) for span in speech.spans]
        faint = [_cut_frames(span, speech, _frames(span, speech), longest_s) for span in speech.faint]
    return replace(
        speech,
        spans=tuple(part for parts in spans for part in parts),
        faint=tuple(part for parts in faint for part in parts),
    )


def _cut_evenly(span: Span, longest_s: Seconds) -> Iterator[Span]:
    count = max(1, math.ceil(span.duration_s / longest_s - _ROUNDING))
    edges = [span.start + index * span.duration_s / count for index in range(count)]
    yield from map(Span, edges, [*edges[1:], span.end])


def _cut_speech(span: Span, speech: Speech, longest_s: Seconds, onset: float, offset: float) -> Iterator[Span]:
    """Yield the parts of a speech interval, of which the padding counts in full on both sides.

    An interval with more around its speech than padding is speech as a whole.
    """
    frames = _frames(span, speech)
    own = np.asarray(speech.probabilities)[frames.start : frames.stop]
    begun, spoken = np.flatnonzero(own >= onset), np.flatnonzero(own >= offset)
    if len(begun):
        inside = range(frames.start + int(begun[0]), frames.start + int(spoken[-1]) + 1)
        padding_s = max(inside.start * speech.frame_s - span.start, span.end - inside.stop * speech.frame_s)
        if padding_s <= _PADDING_S + _ROUNDING:
            return _cut_frames(span, speech, inside, longest_s - 2 * _PADDING_S)
    return _cut_frames(span, speech, frames, longest_s)


def _frames(span: Span, speech: Speech) -> range:
    """Return the frames that an interval touches."""
    first = math.floor(span.start / speech.frame_s + _ROUNDING)
    after = math.ceil(span.end / speech.frame_s - _ROUNDING)
    return range(first, min(after, len(np.asarray(speech.probabilities))))


def _cut_frames(span: Span, speech: Speech, frames: range, longest_s: Seconds) -> Iterator[Span]:
    """Yield an interval in parts with at most `longest_s` of the frames in each."""
    most = max(1, math.floor(longest_s / speech.frame_s + _ROUNDING))
    parts = list(cut_range(np.asarray(speech.probabilities), frames.start, frames.stop, most))
    edges = [round(after * speech.frame_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ for _, after in parts[:-1]]
    yield from map(Span, [span.start, *edges], [*edges, span.end])
