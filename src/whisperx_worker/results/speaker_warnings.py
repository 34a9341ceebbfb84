"""Warnings about speakers: overlapped speech, uncut segments and unmet numbers of speakers. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.intervals import gaps, intersect, merge, total_s
from whisperx_worker.results.channel_layout import NO_CHANNELS
from whisperx_worker.results.segment_cutting import word_span
from whisperx_worker.results.turns import diarization_timeline, shares_s, speaker_spans
from whisperx_worker.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from whisperx_worker.contract.request import Request
    from whisperx_worker.results.channel_layout import ChannelLayout
    from whisperx_worker.results.turns import Timeline
    from whisperx_worker.types import Diarization, Seconds, Segment, SpeakerTurn, Transcript

MIN_SHARED_S = 0.5
"""Time of another speaker that matters in a segment."""
MIN_SHARE = 1 / 3
"""Share of another speaker that matters in a short segment."""

_SAME_PLACE_S = 1.0
"""Gap between overlaps below which they are listed as one."""
_MAX_PLACES = 5


def uncut_segments(transcript: Transcript, diarization: Diarization) -> list[Span]:
    """Return the segments in which text without times may be another speaker's.

    Args:
        transcript: As `assign_speakers` returns it.
        diarization: The same as for `assign_speakers`.
    """
    timeline = diarization_timeline(diarization)
    return [Span(segment.start, segment.end) for segment in transcript.segments if is_uncut(segment, timeline)]


def is_uncut(segment: Segment, timeline: Timeline) -> bool:
    """Return whether another speaker has much of a segment's time without timed words."""
    own = [span for word in segment.words if word.speaker == segment.speaker and (span := word_span(word))]
    if segment.words and len(own) == len(segment.words):
        return False
    others_s: dict[str, Seconds] = {}
    for free in gaps(merge(own), segment.start, segment.end):
        for speaker, shared_s in shares_s(free.start, free.end, timeline).items():
            others_s[speaker] = others_s.get(speaker, 0.0) + shared_s
    others_s.pop(segment.speaker or "", None)
    relevant_s = min(MIN_SHARED_S, MIN_SHARE * (segment.end - segment.start))
    return max(others_s.values(), default=0.0) >= relevant_s > 0


def uncut_warning(spans: Sequence[Span], layout: ChannelLayout = NO_CHANNELS) -> str:
    """Return the sentence about uncut segments, with their number and times.

    >>> uncut_warning([Span(1.0, 4.5)])
    'no word times tell where the speaker changes in 1 segment (1.00-4.50 s); it may hold words of several people'
    """
    count, each = ("1 segment", "it") if len(spans) == 1 else (f"{len(spans)} segments", "each")
    where = f"no word times tell where the speaker changes in {count} ({_places(spans, layout)})"
    return f"{where}; {each} may hold words of several people"


def overlapped_text(transcript: Transcript, turns: Iterable[SpeakerTurn]) -> list[Span]:
    """Return the merged intervals of text with overlapped speech."""
    overlaps, last_end = [], float("-inf")
    for span in sorted((span for own in speaker_spans(turns).values() for span in own), key=lambda span: span.start):
        overlaps.append(Span(span.start, min(span.end, last_end)))
        last_end = max(last_end, span.end)
    return intersect(merge(span for span in overlaps if span.duration_s > 0), merge(_text_spans(transcript)))


def overlap_warning(overlapped: Sequence[Span], layout: ChannelLayout = NO_CHANNELS) -> str:
    """Return the sentence about overlapped speech, with its duration and times.

    >>> overlap_warning([Span(1.0, 1.4), Span(1.9, 2.5), Span(60.0, 61.0)])
    'several people speak at once in 2.0 s of the text (1.00-2.50, 60.00-61.00 s); each word there has one speaker'
    """
    where = f"in {total_s(overlapped):.1f} s of the text ({_places(merge(overlapped, _SAME_PLACE_S), layout)})"
    return f"several people speak at once {where}; each word there has one speaker"


def _places(spans: Sequence[Span], layout: ChannelLayout) -> str:
    """List the times of spans; of many only the longest."""
    longest = sorted(spans, key=lambda span: -span.duration_s)[:_MAX_PLACES]
    listed = layout.describe(sorted(longest, key=lambda span: span.start))
    which = f"{len(spans)} places, the longest are " if len(spans) > _MAX_PLACES else ""
    return f"{which}{listed}"


def unmet_counts(turns: Iterable[SpeakerTurn], request: Request) -> list[str]:
    """Return a sentence for each requested number of speakers that the turns miss."""
    found = len({turn.speaker for turn in turns})
    unmet = {
        "num_speakers": request.num_speakers not in {None, found},
        "min_speakers": request.min_speakers is not None and found < request.min_speakers,
        "max_speakers": request.max_speakers is not None and found > request.max_speakers,
    }
    found_sentence = f"diarize found {found} speaker{'' if found == 1 else 's'}"
    return [f"{found_sentence}, but {name} is {getattr(request, name)}" for name, wrong in unmet.items() if wrong]


def _text_spans(transcript: Transcript) -> Iterator[Span]:
    """Yield the intervals of words, or of whole segments without word times."""
    for segment in transcript.segments:
        yield from [span for span in map(word_span, segment.words) if span] or [Span(segment.start, segment.end)]
