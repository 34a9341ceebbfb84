"""Results of channels that lie one after the other, folded back to the time of their recording. Pure.

Example:
    >>> from whisperx_worker.results.channel_layout import ChannelLayout
    >>> from whisperx_worker.types import Segment, Span
    >>> layout = ChannelLayout((Span(0.0, 30.0), Span(40.0, 70.0)))
    >>> [folded] = fold_segment(Segment(41.0, 42.5, "Алло"), layout)
    >>> folded.start, folded.end, folded.channel
    (1.0, 2.5, 1)
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from whisperx_worker import intervals
from whisperx_worker.results.segment_cutting import first_time, last_time, run_texts, word_span
from whisperx_worker.types import Result, Segment, Span, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker.results.channel_layout import ChannelLayout
    from whisperx_worker.types import Seconds, SpeakerTurn, Transcript


def cut_segment(segment: Segment, layout: ChannelLayout) -> list[tuple[int, Segment]]:
    """Cut a segment at seams between its words, and return the pieces with their channels.

    One without words, or with another text than theirs, goes to the channel with the most of it as a whole. Times stay
    those of the laid-out recording.
    """
    if (number := _only_channel(segment, layout)) is not None:
        return [(number, segment)]
    channels = _channels_of(segment.words, layout)
    runs = [(number, tuple(word for word, _ in run)) for number, run in groupby(
        zip(segment.words, channels, strict=True), key=itemgetter(1))]  # fmt: skip
    texts = run_texts(segment.text, [run for _, run in runs]) if len(runs) > 1 else []
    if not texts:
        number = layout.channel_of(segment.start, segment.end)
        span = layout.clip(number, Span(segment.start, segment.end))
        words = tuple(_inside(word, number, layout) for word in segment.words)
        return [(number, replace(segment, start=span.start, end=span.end, words=words))]
    pieces = []
    for text, (number, words) in zip(texts, runs, strict=True):
        own = tuple(_inside(word, number, layout) for word in words)
        pieces.append((number, replace(segment, start=first_time(own), end=last_time(own), text=text, words=own)))
    return pieces


def cut_transcript(transcript: Transcript, layout: ChannelLayout) -> Transcript:
    """Cut a transcript's segments and speech at seams."""
    if not layout:
        return transcript
    pieces = [piece for segment in transcript.segments for _, piece in cut_segment(segment, layout)]
    pieces.sort(key=attrgetter("start", "end"))
    return replace(transcript, segments=tuple(pieces), speech=tuple(layout.cut(transcript.speech)))


def fold_segment(segment: Segment, layout: ChannelLayout) -> list[Segment]:
    """Return a segment's pieces in the recording's time, with their channels; without channels, itself."""
    return [_folded(piece, number, layout) for number, piece in cut_segment(segment, layout)] if layout else [segment]


def fold_segments(segments: Iterable[Segment], layout: ChannelLayout) -> tuple[Segment, ...]:
    """Fold segments, in time order."""
    pieces = (piece for segment in segments for piece in fold_segment(segment, layout))
    return tuple(sorted(pieces, key=_order)) if layout else tuple(segments)


def fold_turns(turns: Iterable[SpeakerTurn], layout: ChannelLayout) -> tuple[SpeakerTurn, ...]:
    """Fold turns, in time order."""
    folded = (
        replace(turn, start=span.start, end=span.end)
        for turn in turns
        for _, span in layout.places([Span(turn.start, turn.end)])
        if span.duration_s > 0
    )
    return tuple(sorted(folded, key=attrgetter("start", "end")))


def fold_result(result: Result, layout: ChannelLayout) -> Result:
    """Fold a whole result; the matches of segments follow them."""
    pieces = sorted(
        ((piece, index) for index, segment in enumerate(result.transcript.segments)
         for piece in fold_segment(segment, layout)),
        key=lambda piece: _order(piece[0]),
    )  # fmt: skip
    places: dict[int, list[int]] = {}
    for place, (_, index) in enumerate(pieces):
        places.setdefault(index, []).append(place)
    speakers = [match for match in result.speakers if match.segment is None]
    of_segments = [
        replace(match, segment=place)
        for match in result.speakers
        if match.segment is not None
        for place in places.get(match.segment, ())
    ]
    speech = intervals.merge(span for _, span in layout.places(result.transcript.speech))
    transcript = replace(result.transcript, segments=tuple(piece for piece, _ in pieces), speech=tuple(speech))
    return replace(
        result,
        transcript=transcript,
        duration_s=layout.duration_s,
        speakers=(*speakers, *sorted(of_segments, key=lambda match: match.segment or 0)),
        turns=fold_turns(result.turns, layout),
    )


def _order(segment: Segment) -> tuple[Seconds, Seconds, int]:
    return segment.start, segment.end, segment.channel or 0


def _only_channel(segment: Segment, layout: ChannelLayout) -> int | None:
    """Return the channel that has all of a segment, or None."""
    times = [time for word in segment.words for time in (word.start, word.end) if time is not None]
    start, end = min([segment.start, *times]), max([segment.end, *times])
    number = layout.channel_of(start, end)
    return number if layout.spans[number].start <= start and end <= layout.spans[number].end else None


def _channels_of(words: Sequence[Word], layout: ChannelLayout) -> list[int]:
    """Return each word's channel; one without times has that of the word before it."""
    spans = [word_span(word) for word in words]
    latest = next((layout.channel_of(span.start, span.end) for span in spans if span), 0)
    found = []
    for span in spans:
        latest = layout.channel_of(span.start, span.end) if span else latest
        found.append(latest)
    return found


def _inside(word: Word, number: int, layout: ChannelLayout) -> Word:
    """Return a word with its times inside a channel; without them where another one has them."""
    span = word_span(word)
    if span is None:
        return word
    own = layout.clip(number, span)
    if own == span:
        return word
    if layout.channel_of(span.start, span.end) != number:
        return replace(word, start=None, end=None)
    return replace(
        word,
        start=None if word.start is None else own.start,
        end=None if word.end is None else own.end,
    )


def _folded(segment: Segment, number: int, layout: ChannelLayout) -> Segment:
    def time(laid_out: Seconds | None) -> Seconds | None:
        return None if laid_out is None else layout.to_recording(number, laid_out)

    words = tuple(
        Word(word.word, time(word.start), time(word.end), word.score, word.speaker, word.speaker_guessed, word.extra)
        for word in segment.words
    )
    label = layout.labels[number] if layout.labels else segment.speaker
    start, end = layout.to_recording(number, segment.start), layout.to_recording(number, segment.end)
    return replace(segment, start=start, end=end, words=words, channel=number, speaker=label)
