"""Coverage of speech by text: speech without text, and segments with too little of it. Pure.

Example:
    >>> speech = [Span(0.0, 4.0), Span(6.0, 7.0), Span(9.0, 20.0)]
    >>> greeting = Segment(0.0, 4.0, "Добрый день, это Анна из отдела.")
    >>> uncovered_speech(speech, [greeting], chunking.ChunkLimits())
    [Span(start=6.0, end=20.0)]
    >>> is_sparse(greeting, speech), is_sparse(Segment(9.0, 20.0, "Да."), speech)
    (False, True)
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, intervals, spoken_letters
from whisperx_worker_plugins.russian_whisper import chunking

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MAX_S_PER_LETTER: Seconds = 0.12
_SPARSE_SLACK_S: Seconds = 1.2
_LOW_DENSITY_SLACK_S: Seconds = 0.8
_MIN_LETTERS_FOR_PACE = 12
"""In shorter texts the pauses around them take most of the time."""
_MIN_PART_S: Seconds = 1.0
"""A shorter piece at the edge of a speech interval comes from inexact timestamps."""
_MIN_INTERVAL_S: Seconds = 0.6
"""A shorter speech interval is, without its padding, less than a syllable."""


def is_sparse(segment: Segment, speech: Sequence[Span]) -> bool:
    """Return whether a segment has far less text than speech: it skips a part."""
    return _has_more_speech(segment, speech, _MAX_S_PER_LETTER, _SPARSE_SLACK_S)


def low_density_segments(segments: Sequence[Segment], speech: Sequence[Span]) -> list[Segment]:
    """Return segments with less text than speech at the median pace of the recording.

    They are decoded again; the limit for a warning is wider.
    """
    long = [segment for segment in segments if spoken_letters(segment.text) >= _MIN_LETTERS_FOR_PACE]
    paces = [_speech_s(segment, speech) / spoken_letters(segment.text) for segment in long]
    pace = min(median(paces or [_MAX_S_PER_LETTER]), _MAX_S_PER_LETTER)
    return [segment for segment in segments if _has_more_speech(segment, speech, pace, _LOW_DENSITY_SLACK_S)]


def _has_more_speech(segment: Segment, speech: Sequence[Span], s_per_letter: Seconds, slack_s: Seconds) -> bool:
    """Return whether a segment has more speech than its letters need at a pace, plus slack."""
    return _speech_s(segment, speech) > spoken_letters(segment.text) * s_per_letter + slack_s


def _speech_s(segment: Segment, speech: Sequence[Span]) -> Seconds:
    return intervals.seconds_within(speech, segment.start, segment.end)


def uncovered_speech(speech: Sequence[Span], segments: Iterable[Segment], limits: chunking.ChunkLimits) -> list[Span]:
    """Return speech outside all segments, joined across pauses but not across a segment.

    Args:
        speech: Speech intervals, in time order, disjoint.
        segments: Segments in any order.
        limits: Limits on the joined intervals.

    Returns:
        In time order.
    """
    if not speech:
        return []
    uncovered: list[Span] = []
    covered_until, end = speech[0].start, speech[-1].end
    covered = sorted((Span(segment.start, segment.end) for segment in segments), key=attrgetter("start"))
    for after in [*covered, Span(end, end)]:
        pieces = [
            piece for piece in intervals.within(speech, covered_until, after.start) if _can_hold_word(piece, speech)
        ]
        uncovered += chunking.join_neighbours(pieces, limits)
        covered_until = max(covered_until, after.end)
    return uncovered


def speech_without_text(
    speech: Sequence[Span], chunks: Iterable[chunking.Chunk], segments: Sequence[Segment], limits: chunking.ChunkLimits
) -> list[Span]:
    """Return uncovered speech and chunks without any text, however short they are."""
    covered = intervals.merge(Span(segment.start, segment.end) for segment in segments)
    empty = (chunk for chunk in chunks if not intervals.within(covered, chunk.start, chunk.end))
    parts = (part for chunk in empty for part in chunk.parts)
    return intervals.merge([*parts, *uncovered_speech(speech, segments, limits)])


def retry_chunks(uncovered: Iterable[Span], tried: Sequence[Span], speech: Sequence[Span]) -> list[Span]:
    """Return the chunks in which uncovered speech is decoded again, without those that were tried.

    Where a whole tried chunk is uncovered, each of its speech intervals becomes a chunk.
    """
    known = set(tried)
    pieces = (intervals.within(speech, span.start, span.end) if span in known else [span] for span in uncovered)
    return [piece for parts in pieces for piece in parts if piece not in known]


def _can_hold_word(piece: Span, speech: Sequence[Span]) -> bool:
    """Return whether uncovered speech is long enough for a word."""
    is_interval = speech[bisect_right(speech, piece.start, key=attrgetter("start")) - 1] == piece
    return piece.duration_s >= (_MIN_INTERVAL_S if is_interval else _MIN_PART_S)
