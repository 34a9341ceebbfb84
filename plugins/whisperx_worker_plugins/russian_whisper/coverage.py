"""Which speech has no text: what the detector heard, less what the segments can have said. Pure.

Example:
    >>> heard = [Span(0.0, 4.0), Span(6.0, 7.0), Span(9.0, 20.0)]
    >>> said = Segment(0.0, 4.0, "Добрый день, это Анна из отдела.")
    >>> gaps(heard, [said], chunking.ChunkLimits())
    [Span(start=6.0, end=20.0)]
    >>> is_thin(said, heard), is_thin(Segment(9.0, 20.0, "Да."), heard)
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

_SLOWEST_S_PER_LETTER: Seconds = 0.12
_SLACK_S: Seconds = 1.2
_USUAL_SLACK_S: Seconds = 0.8
_LEAST_LETTERS = 12
"""Of shorter texts the pauses around them take most of the time."""
_LEAST_PART_S: Seconds = 1.0
"""A shorter piece at the edge of a stretch is the inaccuracy of timestamps."""
_LEAST_WHOLE_S: Seconds = 0.6
"""A shorter stretch is, without its padding, less than a syllable."""


def is_thin(segment: Segment, heard: Sequence[Span]) -> bool:
    """Whether a segment has far less text than speech: its text ends early, or skips something."""
    return _has_more_speech(segment, heard, _SLOWEST_S_PER_LETTER, _SLACK_S)


def doubted(segments: Sequence[Segment], heard: Sequence[Span]) -> list[Segment]:
    """Segments with less text than speech at the usual pace of the recording: worth another try, not yet a warning."""
    long = [segment for segment in segments if spoken_letters(segment.text) >= _LEAST_LETTERS]
    paces = [_speech_s(segment, heard) / spoken_letters(segment.text) for segment in long]
    pace = min(median(paces or [_SLOWEST_S_PER_LETTER]), _SLOWEST_S_PER_LETTER)
    return [segment for segment in segments if _has_more_speech(segment, heard, pace, _USUAL_SLACK_S)]


def _has_more_speech(segment: Segment, heard: Sequence[Span], pace: Seconds, slack_s: Seconds) -> bool:
    """Whether a segment has more speech than its letters take at a pace, in seconds per letter, and some slack."""
    return _speech_s(segment, heard) > spoken_letters(segment.text) * pace + slack_s


def _speech_s(segment: Segment, heard: Sequence[Span]) -> Seconds:
    return intervals.seconds_within(heard, segment.start, segment.end)


def gaps(heard: Sequence[Span], segments: Iterable[Segment], limits: chunking.ChunkLimits) -> list[Span]:
    """Stretches of speech outside all segments, joined across pauses but not across a segment.

    Args:
        heard: Where there is speech, in time order, apart from each other.
        segments: What was said, in any order.
        limits: How gaps are packed into chunks.

    Returns:
        In time order.
    """
    if not heard:
        return []
    found: list[Span] = []
    told_until, end = heard[0].start, heard[-1].end
    said = sorted((Span(segment.start, segment.end) for segment in segments), key=attrgetter("start"))
    for after in [*said, Span(end, end)]:
        pieces = [piece for piece in intervals.within(heard, told_until, after.start) if _matters(piece, heard)]
        found += chunking.pack_chunks(pieces, limits)
        told_until = max(told_until, after.end)
    return found


def lost(
    heard: Sequence[Span], chunks: Iterable[Span], segments: Sequence[Segment], limits: chunking.ChunkLimits
) -> list[Span]:
    """Speech that has no text in the end: gaps, and chunks without any text however short they are."""
    told = intervals.merge(Span(segment.start, segment.end) for segment in segments)
    mute = (chunk for chunk in chunks if not intervals.within(told, chunk.start, chunk.end))
    return intervals.merge([*mute, *gaps(heard, segments, limits)])


def apart(found: Iterable[Span], chunks: Sequence[Span], heard: Sequence[Span]) -> list[Span]:
    """Gaps as they are decoded again: one that is a whole chunk, which gave nothing, in its stretches of speech.

    What cannot be decoded otherwise than it was is left out.
    """
    known = set(chunks)
    pieces = (intervals.within(heard, gap.start, gap.end) if gap in known else [gap] for gap in found)
    return [piece for parts in pieces for piece in parts if piece not in known]


def _matters(piece: Span, heard: Sequence[Span]) -> bool:
    """Whether speech without text is long enough to hold a word."""
    whole = heard[bisect_right(heard, piece.start, key=attrgetter("start")) - 1] == piece
    return piece.duration_s >= (_LEAST_WHOLE_S if whole else _LEAST_PART_S)
