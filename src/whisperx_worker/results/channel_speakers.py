"""Speakers of channels that are read apart: one for each channel, or several by diarization. Pure.

Times are those of the laid-out recording. No speaker is in two channels.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker import intervals
from whisperx_worker.results.channel_folding import cut_transcript
from whisperx_worker.results.speaker_assignment import assign_speakers
from whisperx_worker.types import Diarization, Span, SpeakerTurn, Word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from whisperx_worker.results.channel_layout import ChannelLayout
    from whisperx_worker.types import Segment, Transcript


def label_channels(transcript: Transcript, layout: ChannelLayout) -> Transcript:
    """Assign each channel's speaker to its segments and words.

    Args:
        transcript: In times of the laid-out recording.
        layout: With labels.
    """
    cut = cut_transcript(transcript, layout)
    return replace(cut, segments=tuple(_labelled(segment, layout) for segment in cut.segments))


def _labelled(segment: Segment, layout: ChannelLayout) -> Segment:
    label = layout.labels[layout.channel_of(segment.start, segment.end)]
    words = tuple(Word(word.word, word.start, word.end, word.score, label, extra=word.extra) for word in segment.words)
    return replace(segment, words=words, speaker=label)


def channel_turns(transcript: Transcript) -> Diarization:
    """Return turns of labelled segments: their speech, or all of a segment without any.

    Speech without text is no turn: it is breath, noise, or the echo of another channel.
    """
    spans: dict[str, list[Span]] = defaultdict(list)
    for segment in transcript.segments:
        spoken = intervals.within(transcript.speech, segment.start, segment.end)
        spans[segment.speaker or ""] += spoken or [Span(segment.start, segment.end)]
    turns = (SpeakerTurn(span.start, span.end, label) for label, own in spans.items() for span in intervals.merge(own))
    ordered = tuple(sorted((turn for turn in turns if turn.start < turn.end), key=attrgetter("start")))
    return Diarization(ordered, exclusive=ordered, embeddings={})


def separate_speakers(diarization: Diarization, layout: ChannelLayout) -> Diarization:
    """Cut turns at seams, and label speakers so that none is in two channels.

    Labels are `SPEAKER_00` and so on, in the order of first turns in the recording's own time.
    """
    turns = sorted(
        _cut_turns(diarization.turns, layout), key=lambda piece: layout.to_recording(piece[0], piece[1].start)
    )
    exclusive = list(_cut_turns(diarization.exclusive, layout))
    speakers = dict.fromkeys((number, turn.speaker) for number, turn in [*turns, *exclusive])
    labels = {speaker: f"SPEAKER_{place:02}" for place, speaker in enumerate(speakers)}
    vectors = diarization.embeddings
    labelled, exclusively = (
        tuple(sorted((replace(turn, speaker=labels[number, turn.speaker]) for number, turn in pieces), key=_start))
        for pieces in (turns, exclusive)
    )
    found = {label: vectors[old] for (_, old), label in labels.items() if old in vectors}
    return Diarization(labelled, exclusively, found)


def are_separate(diarization: Diarization, layout: ChannelLayout) -> bool:
    """Return whether no speaker is in two channels."""
    speakers = {(number, turn.speaker) for number, turn in _cut_turns(diarization.turns, layout)}
    return len(speakers) == len({label for _, label in speakers})


def assign_in_channels(
    transcript: Transcript, diarization: Diarization, layout: ChannelLayout, uncuttable: Collection[str] = ()
) -> Transcript:
    """Assign speakers as `assign_speakers` does, to the text of each channel those of the channel."""
    if not layout:
        return assign_speakers(transcript, diarization, uncuttable)
    cut = cut_transcript(transcript, layout)
    assigned: list[Segment] = []
    for number, span in enumerate(layout.spans):
        own = tuple(one for one in cut.segments if layout.channel_of(one.start, one.end) == number)
        turns, exclusive = (
            tuple(turn for turn in part if span.start <= turn.start < span.end)
            for part in (diarization.turns, diarization.exclusive)
        )
        there = Diarization(turns, exclusive, embeddings={})
        assigned += assign_speakers(replace(cut, segments=own), there, uncuttable).segments
    return replace(cut, segments=tuple(assigned))


def channels_without_turns(transcript: Transcript, diarization: Diarization, layout: ChannelLayout) -> list[int]:
    """Return the channels that have text and no turns."""
    with_text = {layout.channel_of(one.start, one.end) for one in transcript.segments}
    with_turns = {layout.channel_of(one.start, one.end) for one in diarization.turns}
    return sorted(with_text - with_turns)


def _cut_turns(turns: Iterable[SpeakerTurn], layout: ChannelLayout) -> Iterator[tuple[int, SpeakerTurn]]:
    for turn in turns:
        for number, span in layout.split(turn.start, turn.end):
            if span.duration_s > 0:
                yield number, replace(turn, start=span.start, end=span.end)


_start = attrgetter("start")
