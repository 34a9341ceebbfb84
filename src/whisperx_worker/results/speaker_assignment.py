"""Who said which word: turns and words become words with speakers, and segments cut where the speaker changes. Pure.

Example:
    >>> from whisperx_worker.types import Diarization, Segment, SpeakerTurn, Transcript, Word
    >>> words = Word("Алло.", 0.0, 0.5), Word("Да?", 1.0, 1.4), Word("Анна?", 1.6, 2.0)
    >>> said = Transcript((Segment(0.0, 2.0, "Алло. Да? Анна?", words),), "ru")
    >>> turns = SpeakerTurn(0.0, 0.6, "SPEAKER_01"), SpeakerTurn(0.9, 1.5, "SPEAKER_00")
    >>> for segment in attributed(said, Diarization(turns, exclusive=turns, embeddings={})).segments:
    ...     print(segment.start, segment.end, segment.speaker, segment.text)
    0.0 0.5 SPEAKER_01 Алло.
    1.0 2.0 SPEAKER_00 Да? Анна?
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker.intervals import gaps, intersect, merge, total_s
from whisperx_worker.types import Span, SpeakerTurn, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from whisperx_worker.contract.request import Request
    from whisperx_worker.types import Diarization, Seconds, Segment, SpeakerMatch, Transcript

MIN_SHARED_S = 0.5
"""So much time is a relevant part of a segment."""
MIN_SHARE = 1 / 3
"""And so is this share of a short one."""

_SAME_PLACE_S = 1.0
"""Overlaps that are nearer to each other are told as one place."""
_MOST_TOLD = 5


@dataclass(frozen=True)
class Timeline:
    """Turns in time order of which no two overlap, so that those of a moment are found by bisection."""

    turns: tuple[SpeakerTurn, ...]
    starts: tuple[Seconds, ...]
    ends: tuple[Seconds, ...]


@dataclass(frozen=True)
class Attribution:
    """Whose a stretch of speech is."""

    speaker: str
    guessed: bool
    """Nobody's turn covers any of it."""


def timeline_of(turns: Iterable[SpeakerTurn]) -> Timeline:
    """The timeline of turns in any order; where several overlap, the one that began last interrupts the others.

    >>> timeline_of([SpeakerTurn(0.0, 9.0, "SPEAKER_00"), SpeakerTurn(4.0, 5.0, "SPEAKER_01")]).ends
    (4.0, 5.0, 9.0)
    """
    spoken = sorted((turn for turn in turns if turn.start < turn.end), key=attrgetter("start"))
    if all(turn.end <= after.start for turn, after in pairwise(spoken)):
        return _timeline(spoken)
    waiting = sorted(spoken, key=lambda turn: (turn.start, -turn.end), reverse=True)
    speaking: list[SpeakerTurn] = []
    exclusive: list[SpeakerTurn] = []
    for start, end in pairwise(sorted({time for turn in spoken for time in (turn.start, turn.end)})):
        while waiting and waiting[-1].start <= start:
            speaking.append(waiting.pop())
        while speaking and speaking[-1].end <= start:
            speaking.pop()
        if speaking:
            exclusive.append(SpeakerTurn(start, end, speaking[-1].speaker))
    return _timeline(exclusive)


def _timeline(turns: Sequence[SpeakerTurn]) -> Timeline:
    return Timeline(tuple(turns), tuple([turn.start for turn in turns]), tuple([turn.end for turn in turns]))


def attributed(transcript: Transcript, diarization: Diarization) -> Transcript:
    """Give every word and every segment a speaker, and cut segments where the speaker changes.

    A word is of the speaker with the most of it on the exclusive timeline, else of the nearest turn by its edges; a
    word without times is of the speaker of the word before it. A segment without timed words is not cut. A
    piece that has text without times is marked as a guess where somebody else has a relevant part of its time. The
    words stay the same words in the same order, with the same times.

    Returns:
        The transcript; unchanged where nobody has a turn.
    """
    timeline = timeline_of(diarization.exclusive or diarization.turns)
    if not timeline.turns:
        return transcript
    owners = _owners([word for segment in transcript.segments for word in segment.words], timeline)
    pieces: list[Segment] = []
    first = 0
    for segment in transcript.segments:
        after = first + len(segment.words)
        pieces += _pieces(segment, owners[first:after], timeline)
        first = after
    return replace(transcript, segments=tuple(pieces))


def whose(start: Seconds, end: Seconds, timeline: Timeline) -> Attribution:
    """The speaker with the most of the time from `start` to `end`, else the one whose turn is nearest to it.

    Of equals it is the one who speaks first.

    Args:
        start: Where the stretch begins, in seconds.
        end: Where it ends; not before `start`.
        timeline: At least one turn.
    """
    overlap_s = _shares_s(start, end, timeline)
    if start < end and overlap_s:
        return Attribution(max(overlap_s, key=overlap_s.__getitem__), guessed=False)
    after = bisect_left(timeline.starts, end)
    beside = timeline.turns[max(0, after - 1) : after + 1]
    nearest = min(beside, key=lambda turn: max(start - turn.end, turn.start - end))
    return Attribution(nearest.speaker, guessed=start < end or not nearest.start <= start <= nearest.end)


def _shares_s(start: Seconds, end: Seconds, timeline: Timeline) -> dict[str, Seconds]:
    """How much of the time from `start` to `end` each speaker has, in the order in which they speak there."""
    found: dict[str, Seconds] = {}
    for turn in timeline.turns[bisect_right(timeline.ends, start) : bisect_left(timeline.starts, end)]:
        shared_s = min(end, turn.end) - max(start, turn.start)
        found[turn.speaker] = found.get(turn.speaker, 0.0) + shared_s
    return found


def uncut(transcript: Transcript, diarization: Diarization) -> list[Span]:
    """Segments of one speaker that hold text without times where somebody else speaks, in time order.

    Args:
        transcript: What `attributed` gives.
        diarization: What it got.
    """
    timeline = timeline_of(diarization.exclusive or diarization.turns)
    return [Span(segment.start, segment.end) for segment in transcript.segments if _is_uncut(segment, timeline)]


def uncut_warning(spans: Sequence[Span]) -> str:
    """Sentence about segments that `uncut` finds, with their number and places.

    >>> uncut_warning([Span(1.0, 4.5)])
    'no word times tell where the speaker changes in 1 segment (1.00-4.50 s); it may hold words of several people'
    """
    count, each = ("1 segment", "it") if len(spans) == 1 else (f"{len(spans)} segments", "each")
    where = f"no word times tell where the speaker changes in {count} ({_places(spans)})"
    return f"{where}; {each} may hold words of several people"


def overlapped_text(transcript: Transcript, turns: Iterable[SpeakerTurn]) -> list[Span]:
    """Where two or more people speak at once and the text has words, in time order and apart from each other."""
    overlaps, last_end = [], float("-inf")
    for span in sorted((span for theirs in _voices(turns).values() for span in theirs), key=lambda span: span.start):
        overlaps.append(Span(span.start, min(span.end, last_end)))
        last_end = max(last_end, span.end)
    return intersect(merge(span for span in overlaps if span.duration_s > 0), merge(_text_spans(transcript)))


def told(overlapped: Sequence[Span]) -> str:
    """One line of overlapped speech: how much there is, and where.

    >>> told([Span(1.0, 1.4), Span(1.9, 2.5), Span(60.0, 61.0)])
    'several people speak at once in 2.0 s of the text (1.00-2.50, 60.00-61.00 s); each word there has one speaker'
    """
    where = f"in {total_s(overlapped):.1f} s of the text ({_places(merge(overlapped, _SAME_PLACE_S))})"
    return f"several people speak at once {where}; each word there has one speaker"


def _places(spans: Sequence[Span]) -> str:
    """Times of spans, of many only those of the longest."""
    longest = sorted(spans, key=lambda span: -span.duration_s)[:_MOST_TOLD]
    listed = ", ".join(f"{span.start:.2f}-{span.end:.2f}" for span in sorted(longest, key=lambda span: span.start))
    which = f"{len(spans)} places, the longest are " if len(spans) > _MOST_TOLD else ""
    return f"{which}{listed} s"


def speech_s(turns: Iterable[SpeakerTurn]) -> dict[str, Seconds]:
    """How long each speaker speaks, overlaps included, in the order in which they first do."""
    return {speaker: total_s(theirs) for speaker, theirs in _voices(turns).items()}


def unmet_counts(turns: Iterable[SpeakerTurn], request: Request) -> list[str]:
    """What a job says of the number of speakers and what the turns do not bear out, a sentence each."""
    found = len({turn.speaker for turn in turns})
    unmet = {
        "num_speakers": request.num_speakers not in {None, found},
        "min_speakers": request.min_speakers is not None and found < request.min_speakers,
        "max_speakers": request.max_speakers is not None and found > request.max_speakers,
    }
    heard = f"diarize found {found} speaker{'' if found == 1 else 's'}"
    return [f"{heard}, but {name} is {getattr(request, name)}" for name, wrong in unmet.items() if wrong]


def named(transcript: Transcript, matches: Iterable[SpeakerMatch]) -> Transcript:
    """Put what verification found onto segments.

    A diarized speaker's name holds for all of their segments. What was found for one segment gives it its own
    similarity where it agrees with that, and its name where its speaker has none.
    """
    found = tuple(matches)
    by_speaker = {match.speaker: match for match in found if match.segment is None}
    by_segment = {match.segment: match for match in found if match.segment is not None}
    segments = (
        _named(segment, by_speaker.get(segment.speaker) if segment.speaker else None, by_segment.get(index))
        for index, segment in enumerate(transcript.segments)
    )
    return replace(transcript, segments=tuple(segments))


def _named(segment: Segment, voice: SpeakerMatch | None, own: SpeakerMatch | None) -> Segment:
    match = own if voice is None or (own and own.speaker_id == voice.speaker_id) else voice
    return replace(segment, speaker_id=match.speaker_id, similarity=match.similarity) if match else segment


def _owners(words: Sequence[Word], timeline: Timeline) -> list[Attribution | None]:
    """Whose each word is; None for one without times. Most words lie in one turn, and those are found all at once."""
    import numpy as np

    start = np.array([word.start for word in words], dtype=float)
    end = np.array([word.end for word in words], dtype=float)
    start, end = np.where(np.isnan(start), end, start), np.where(np.isnan(end), start, end)
    first, after = np.searchsorted(timeline.ends, start, "right"), np.searchsorted(timeline.starts, end, "left")
    simple = (after - first == 1) & (start < end)
    certain = {speaker: Attribution(speaker, guessed=False) for speaker in {turn.speaker for turn in timeline.turns}}
    own = [certain[turn.speaker] for turn in timeline.turns]
    owners: list[Attribution | None] = [
        own[turn] if is_one else None for turn, is_one in zip(first.tolist(), simple.tolist(), strict=True)
    ]
    for index in np.flatnonzero(~simple & ~np.isnan(start)).tolist():
        owners[index] = whose(float(start[index]), float(end[index]), timeline)
    return owners


def _pieces(segment: Segment, owners: list[Attribution | None], timeline: Timeline) -> list[Segment]:
    """One segment for each run of words of one speaker, its outer times kept, its inner ones those of the words.

    A segment without words, or whose words do not stand in its text, stays whole and is of the speaker with the most
    of its time.
    """
    known = [owner for owner in owners if owner]
    is_timed = len(known) == len(owners)
    owned = known if is_timed else _filled(owners, segment, timeline)
    words = [
        Word(word.word, word.start, word.end, word.score, owner.speaker, owner.guessed)
        for word, owner in zip(segment.words, owned, strict=True)
    ]
    runs = [tuple(run) for _, run in groupby(words, key=attrgetter("speaker"))]
    texts = _texts(segment.text, runs)
    if not texts:
        whole = whose(segment.start, segment.end, timeline)
        piece = _changed(segment, words=tuple(words), speaker=whole.speaker, speaker_guessed=whole.guessed)
        return [_marked(piece, timeline)]
    starts = accumulate([segment.start, *(_first_time(run) for run in runs[1:])], max)
    ends = [*(_last_time(run) for run in runs[:-1]), segment.end]
    pieces = [
        _changed(
            segment, start=start, end=max(start, end), text=text, words=run,
            speaker=run[0].speaker, speaker_guessed=all(map(attrgetter("speaker_guessed"), run)),
        )
        for run, text, start, end in zip(runs, texts, starts, ends, strict=True)
    ]  # fmt: skip
    return pieces if is_timed else [_marked(piece, timeline) for piece in pieces]


def _marked(segment: Segment, timeline: Timeline) -> Segment:
    """A segment with a speaker, marked as a guess where text without times may be somebody else's."""
    return _changed(segment, speaker_guessed=True) if _is_uncut(segment, timeline) else segment


def _is_uncut(segment: Segment, timeline: Timeline) -> bool:
    """Whether somebody else has a relevant part of a segment's time in which none of its speaker's words is."""
    own = [span for word in segment.words if word.speaker == segment.speaker and (span := _span(word))]
    if segment.words and len(own) == len(segment.words):
        return False
    others_s: dict[str, Seconds] = {}
    for free in gaps(merge(own), segment.start, segment.end):
        for speaker, shared_s in _shares_s(free.start, free.end, timeline).items():
            others_s[speaker] = others_s.get(speaker, 0.0) + shared_s
    others_s.pop(segment.speaker or "", None)
    relevant_s = min(MIN_SHARED_S, MIN_SHARE * (segment.end - segment.start))
    return max(others_s.values(), default=0.0) >= relevant_s > 0


def _changed(segment: Segment, **fields: object) -> Segment:
    """`replace` in a quarter of its time."""
    changed = object.__new__(type(segment))
    changed.__dict__.update(segment.__dict__, **fields)
    return changed


def _filled(owners: list[Attribution | None], segment: Segment, timeline: Timeline) -> Iterable[Attribution]:
    """Owners of all words of a segment: one without times is guessed to be of the speaker of the word before it."""
    latest = next(filter(None, owners), None) or whose(segment.start, segment.end, timeline)
    for owner in owners:
        latest = owner or latest
        yield owner or Attribution(latest.speaker, guessed=True)


def _texts(text: str, runs: Sequence[Sequence[Word]]) -> list[str]:
    """The text of each run of words; none at all where there are no words, or one does not stand in the text."""
    if len(runs) == 1:
        return [text]
    if not runs:
        return []
    plain = [" ".join([word.word for word in run]) for run in runs]
    if " ".join(plain) == text:
        return plain
    cuts, position = [], 0
    for run in runs:
        for index, word in enumerate(run):
            spoken = word.word.strip()
            begins = text.find(spoken, position)
            if begins < 0:
                return []
            if index == 0:
                cuts.append(_break(text, position, begins))
            position = begins + len(spoken)
    return [text[start:end].strip() for start, end in pairwise([0, *cuts[1:], len(text)])]


def _break(text: str, after: int, before: int) -> int:
    """Where to cut between two words: at white space, so that a comma stays with the first."""
    return next((index for index in range(after, before) if text[index].isspace()), before)


def _span(word: Word) -> Span | None:
    """A word's times; a moment where it has only one of them."""
    start = word.end if word.start is None else word.start
    end = word.start if word.end is None else word.end
    return None if start is None or end is None else Span(start, end)


def _first_time(words: Iterable[Word]) -> Seconds:
    """Where words begin, one of which has times at least."""
    return next(time for word in words for time in (word.start, word.end) if time is not None)


def _last_time(words: Sequence[Word]) -> Seconds:
    """Where they end."""
    return next(time for word in reversed(words) for time in (word.end, word.start) if time is not None)


def _text_spans(transcript: Transcript) -> Iterator[Span]:
    """Where words are, and whole segments where their words have no times."""
    for segment in transcript.segments:
        yield from [span for span in map(_span, segment.words) if span] or [Span(segment.start, segment.end)]


def _voices(turns: Iterable[SpeakerTurn]) -> Mapping[str, list[Span]]:
    """Where each speaker speaks, in the order in which they first do."""
    spans: dict[str, list[Span]] = {}
    for turn in sorted(turns, key=lambda turn: turn.start):
        spans.setdefault(turn.speaker, []).append(Span(turn.start, turn.end))
    return {speaker: merge(theirs) for speaker, theirs in spans.items()}
