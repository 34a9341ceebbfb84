"""Redecoding of speech without enough text: smaller chunks in each round, merged into the transcript."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import Segment, Span, intervals, spoken_letters
from whisperx_worker_plugins.russian_whisper import coverage, merging
from whisperx_worker_plugins.russian_whisper.judgement import Reading, Sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from whisperx_worker_plugins.russian_whisper.chunking import Chunk, ChunkLimits

MAX_ROUNDS = 2
"""Rounds of redecoding, in smaller chunks each time."""
_MIN_UNSURE_WORDS = 3
_FEW_LETTERS_PER_S = 3.5
"""Half of the letters of slow speech."""


@dataclass(frozen=True)
class Redecoded:
    """Transcript after some rounds of redecoding."""

    segments: list[Segment]
    suspects: list[Segment]
    """Segments with a sign against them, which goes away or becomes two when their sound is decoded again."""
    sparse: list[Segment]
    """Segments with too little text for their speech, which is decoded again."""
    withdrawn: list[Reading]
    """Readings that a later one speaks against."""

    @property
    def doubtful(self) -> list[Segment]:
        """Segments that are decoded again."""
        return [*self.suspects, *(one for one in self.sparse if one not in self.suspects)]


def redecode_gaps(
    first: Sequence[Reading],
    chunks: Sequence[Chunk],
    decode: Callable[[Sequence[Span]], Sequence[Reading]],
    speech: Sequence[Span],
    limits: ChunkLimits,
) -> Redecoded:
    """Decode speech without enough text again, until nothing is left or `MAX_ROUNDS` are done.

    Chunks with enough text that the model is not sure of are left: decoded again, they come out no better.

    Args:
        first: Readings of the first pass.
        chunks: Chunks of the first pass, in time order, disjoint.
        decode: Decodes and judges some chunks.
        speech: Speech intervals.
        limits: Limits on the new chunks.
    """
    segments = kept_segments(first)
    suspects = [one.segment for one in first if one.is_suspect]
    speech = _speech_to_check(first, chunks, speech)
    current = Redecoded(segments, suspects, coverage.low_density_segments(segments, speech), [])
    tried = [chunk.parts[0] for chunk in chunks if len(chunk.parts) == 1]
    for _ in range(MAX_ROUNDS):
        doubtful = current.doubtful
        reliable = [segment for segment in current.segments if segment not in doubtful]
        retries = coverage.retry_chunks(coverage.uncovered_speech(speech, reliable, limits), tried, speech)
        if not retries:
            break
        current = _merge_round(current, decode(retries), intervals.merge(retries), speech, limits)
        tried += retries
    return current


def kept_segments(readings: Iterable[Reading]) -> list[Segment]:
    """Return the segments of the readings that stay."""
    return [one.segment for one in readings if not one.is_removed]


def _speech_to_check(readings: Iterable[Reading], chunks: Sequence[Chunk], speech: Sequence[Span]) -> list[Span]:
    """Return the speech of chunks that the model is sure of, or that have little text."""
    starts = [chunk.start for chunk in chunks]
    letters: dict[int, int] = {}
    for one in readings:
        if Sign.UNSURE in one.signs and not one.is_removed:
            place = bisect_right(starts, one.segment.start) - 1
            letters[place] = letters.get(place, 0) + spoken_letters(one.segment.text)
    speech_s = {place: intervals.seconds_within(speech, chunks[place].start, chunks[place].end) for place in letters}
    unsure = {place for place, count in letters.items() if count >= _FEW_LETTERS_PER_S * speech_s[place]}
    return [span for span in speech if bisect_right(starts, span.start) - 1 not in unsure]


def _merge_round(
    current: Redecoded,
    second: Sequence[Reading],
    redecoded: Sequence[Span],
    speech: Sequence[Span],
    limits: ChunkLimits,
) -> Redecoded:
    """Merge the readings of one round into the transcript.

    A second reading adds only what nothing is against: that the first one has no text there is one sign already.
    """
    accepted = [one.segment for one in second if _is_acceptable(one, limits.beside(one.segment, current.segments))]
    unreliable = [one.segment for one in second if one.segment not in accepted]
    confirmed = merging.confirmed_segments(current.doubtful, unreliable)
    segments, suspects, doubtful = (
        [confirmed.get(one, one) for one in part] for part in (current.segments, current.suspects, current.doubtful)
    )
    segments = merging.merge_passes(segments, doubtful, accepted)
    misplaced = merging.misplaced_segments(segments, doubtful, [*accepted, *unreliable], redecoded, limits)
    unconfirmed = merging.unconfirmed_segments(segments, suspects, [*accepted, *unreliable], redecoded)
    segments = [one for one in segments if one not in misplaced and one not in unconfirmed]
    sparse = [segment for segment in segments if coverage.is_sparse(segment, speech)]
    return Redecoded(
        segments,
        [one for one in suspects if one in segments],
        [*sparse, *merging.repeated_segments(segments, accepted, limits)],
        [
            *current.withdrawn,
            *(_misplaced(one, original) for one, original in misplaced.items()),
            *(Reading(one, (Sign.UNCONFIRMED,)) for one in unconfirmed if one not in misplaced),
        ],
    )


def _is_acceptable(reading: Reading, segments: Sequence[Segment]) -> bool:
    """Return whether a second reading may be added.

    No sign is against it. Where the model is not sure of it, it is longer than a crumb and no copy of a text nearby.
    """
    if reading.is_removed or reading.segment.doubtful:
        return False
    if Sign.UNSURE not in reading.signs:
        return True
    is_crumb = len(reading.segment.text.split()) < _MIN_UNSURE_WORDS
    return not is_crumb and not merging.find_duplicate(reading.segment, segments)


def _misplaced(segment: Segment, original: Segment) -> Reading:
    return Reading(segment, (Sign.MISPLACED,), original=Span(original.start, original.end))
