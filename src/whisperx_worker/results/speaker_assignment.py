"""Assignment of speakers to words and segments, from the turns of a diarization. Pure.

Example:
    >>> from whisperx_worker.types import Diarization, Segment, SpeakerTurn, Transcript, Word
    >>> words = Word("Алло.", 0.0, 0.5), Word("Да?", 1.0, 1.4), Word("Анна?", 1.6, 2.0)
    >>> transcript = Transcript((Segment(0.0, 2.0, "Алло. Да? Анна?", words),), "ru")
    >>> turns = SpeakerTurn(0.0, 0.6, "SPEAKER_01"), SpeakerTurn(0.9, 1.5, "SPEAKER_00")
    >>> for segment in assign_speakers(transcript, Diarization(turns, exclusive=turns, embeddings={})).segments:
    ...     print(segment.start, segment.end, segment.speaker, segment.text)
    0.0 0.5 SPEAKER_01 Алло.
    1.0 2.0 SPEAKER_00 Да? Анна?
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker.intervals import within
from whisperx_worker.results.segment_cutting import first_time, last_time, run_texts
from whisperx_worker.results.speaker_warnings import is_uncut
from whisperx_worker.results.turns import diarization_timeline, shares_s, speaker_spans
from whisperx_worker.types import ReadOnlyDict, Word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker.results.turns import Timeline
    from whisperx_worker.types import Diarization, Seconds, Segment, Transcript


@dataclass(frozen=True)
class Assignment:
    """Speaker assigned to an interval."""

    speaker: str
    guessed: bool
    """Whether no turn of the speaker covers any part of the interval."""


def assign_speakers(transcript: Transcript, diarization: Diarization, uncuttable: Collection[str] = ()) -> Transcript:
    """Assign a speaker to every word and segment, and cut segments where the speaker changes.

    A word gets the speaker with the most of its time on the exclusive timeline, else the speaker of the nearest turn;
    near an edge of turns its sentence decides too, as `turn_edges` has it. A word without times gets the speaker of
    the word before it. A segment without timed words is not cut. A piece
    with text without times is marked as guessed where another speaker has much of its time. Words keep their order,
    times and extra data, and each piece keeps that of its segment.

    Args:
        transcript: Text with or without words.
        diarization: Who speaks when.
        uncuttable: Plugins with extra data of segments that no piece keeps.

    Returns:
        The transcript; unchanged when there are no turns.
    """
    timeline = diarization_timeline(diarization)
    if not timeline.turns:
        return transcript
    owners = _assign_words(transcript.segments, diarization, timeline)
    pieces: list[Segment] = []
    first = 0
    for segment in transcript.segments:
        after = first + len(segment.words)
        cut = _cut(segment, owners[first:after], timeline)
        pieces += cut if len(cut) == 1 else [_without_extra(piece, uncuttable) for piece in cut]
        first = after
    return replace(transcript, segments=tuple(pieces))


def speaker_of(start: Seconds, end: Seconds, timeline: Timeline) -> Assignment:
    """Return the speaker with the most of an interval, else the speaker of the nearest turn.

    Of equals the one who speaks first is returned.

    Args:
        start: Start of the interval in seconds.
        end: End of the interval; not before `start`.
        timeline: At least one turn.
    """
    overlap_s = shares_s(start, end, timeline)
    if start < end and overlap_s:
        return Assignment(max(overlap_s, key=overlap_s.__getitem__), guessed=False)
    after = bisect_left(timeline.starts, end)
    beside = timeline.turns[max(0, after - 1) : after + 1]
    nearest = min(beside, key=lambda turn: max(start - turn.end, turn.start - end))
    return Assignment(nearest.speaker, guessed=start < end or not nearest.start <= start <= nearest.end)


def _assign_words(segments: Sequence[Segment], diarization: Diarization, timeline: Timeline) -> list[Assignment | None]:
    """Assign a speaker to each word with times, near an edge by its sentence."""
    import numpy as np

    from whisperx_worker.results.turn_edges import TimedText, speakers_at_edges

    words = [word for segment in segments for word in segment.words]
    start = np.array([word.start for word in words], dtype=float)
    end = np.array([word.end for word in words], dtype=float)
    start, end = np.where(np.isnan(start), end, start), np.where(np.isnan(end), start, end)
    owners = _assign_by_time(start, end, timeline)
    text = TimedText(segments, start, end, [owner.speaker if owner else None for owner in owners])
    turns = diarization.exclusive or diarization.turns
    spans = speaker_spans(turns)
    for index, speaker in speakers_at_edges(text, turns).items():
        is_covered = within(spans[speaker], float(start[index]), float(end[index]))
        owners[index] = Assignment(speaker, guessed=not is_covered)
    return owners


def _assign_by_time(
    start: NDArray[np.float64], end: NDArray[np.float64], timeline: Timeline
) -> list[Assignment | None]:
    """Assign a speaker to each word that has times. Words inside one turn are found together."""
    import numpy as np

    first, after = np.searchsorted(timeline.ends, start, "right"), np.searchsorted(timeline.starts, end, "left")
    simple = (after - first == 1) & (start < end)
    certain = {speaker: Assignment(speaker, guessed=False) for speaker in {turn.speaker for turn in timeline.turns}}
    of_turns = [certain[turn.speaker] for turn in timeline.turns]
    owners: list[Assignment | None] = [
        of_turns[turn] if is_one else None for turn, is_one in zip(first.tolist(), simple.tolist(), strict=True)
    ]
    for index in np.flatnonzero(~simple & ~np.isnan(start)).tolist():
        owners[index] = speaker_of(float(start[index]), float(end[index]), timeline)
    return owners


def _cut(segment: Segment, owners: list[Assignment | None], timeline: Timeline) -> list[Segment]:
    """Cut a segment into one piece for each run of words of one speaker.

    A segment without words, or whose text lacks one of its words, stays whole and gets the speaker with the most of
    its time.
    """
    known = [owner for owner in owners if owner]
    is_timed = len(known) == len(owners)
    owned = known if is_timed else _fill(owners, segment, timeline)
    words = [
        Word(word.word, word.start, word.end, word.score, owner.speaker, owner.guessed, word.extra)
        for word, owner in zip(segment.words, owned, strict=True)
    ]
    runs = [tuple(run) for _, run in groupby(words, key=attrgetter("speaker"))]
    texts = run_texts(segment.text, runs)
    if not texts:
        whole = speaker_of(segment.start, segment.end, timeline)
        piece = _replace(segment, words=tuple(words), speaker=whole.speaker, speaker_guessed=whole.guessed)
        return [_mark_uncut(piece, timeline)]
    starts = accumulate([segment.start, *(first_time(run) for run in runs[1:])], max)
    ends = [*(last_time(run) for run in runs[:-1]), segment.end]
    pieces = [
        _replace(
            segment, start=start, end=max(start, end), text=text, words=run,
            speaker=run[0].speaker, speaker_guessed=all(map(attrgetter("speaker_guessed"), run)),
        )
        for run, text, start, end in zip(runs, texts, starts, ends, strict=True)
    ]  # fmt: skip
    return pieces if is_timed else [_mark_uncut(piece, timeline) for piece in pieces]


def _without_extra(piece: Segment, plugins: Collection[str]) -> Segment:
    """Return a piece of a segment without the extra data of some plugins."""
    if not (plugins and piece.extra):
        return piece
    return _replace(piece, extra=ReadOnlyDict({name: own for name, own in piece.extra.items() if name not in plugins}))


def _fill(owners: list[Assignment | None], segment: Segment, timeline: Timeline) -> Iterable[Assignment]:
    """Yield an assignment for every word; without times it gets that of the previous word."""
    latest = next(filter(None, owners), None) or speaker_of(segment.start, segment.end, timeline)
    for owner in owners:
        latest = owner or latest
        yield owner or Assignment(latest.speaker, guessed=True)


def _mark_uncut(segment: Segment, timeline: Timeline) -> Segment:
    """Return a segment, marked as guessed where text without times may be another speaker's."""
    return _replace(segment, speaker_guessed=True) if is_uncut(segment, timeline) else segment


def _replace(segment: Segment, **fields: object) -> Segment:
    """Replace fields of a segment in a quarter of the time of `dataclasses.replace`."""
    changed = object.__new__(type(segment))
    changed.__dict__.update(segment.__dict__, **fields)
    return changed
