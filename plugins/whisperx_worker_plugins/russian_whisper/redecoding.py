"""Redecoding of speech without enough text: smaller chunks in each round, merged into the transcript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper import coverage, merging
from whisperx_worker_plugins.russian_whisper.filtering import Filtered, RemovedText, removed_as_misplaced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from whisperx_worker_plugins.russian_whisper.chunking import ChunkLimits

MAX_ROUNDS = 4
"""Rounds of redecoding, in smaller chunks each time."""


@dataclass(frozen=True)
class Redecoded:
    """Transcript after some rounds of redecoding."""

    segments: list[Segment]
    removed: list[RemovedText]
    """Text of chunks that the filter removed and no later round replaced."""
    misplaced: list[RemovedText]
    """Segments that were removed because their text belongs to another time."""
    doubtful: list[Segment]
    """Segments with speech that is to be decoded again."""


def redecode_gaps(
    first: Filtered,
    chunks: Sequence[Span],
    decode: Callable[[Sequence[Span]], Filtered],
    speech: Sequence[Span],
    limits: ChunkLimits,
) -> Redecoded:
    """Decode speech without enough text again, until nothing is left or `MAX_ROUNDS` are done.

    Args:
        first: Filtered text of the first pass.
        chunks: Chunks of the first pass.
        decode: Decodes and filters some chunks.
        speech: Speech intervals.
        limits: Limits on the new chunks.
    """
    current = Redecoded(first.segments, first.removed, [], coverage.low_density_segments(first.segments, speech))
    tried = list(chunks)
    for _ in range(MAX_ROUNDS):
        reliable = [segment for segment in current.segments if segment not in current.doubtful]
        retries = coverage.retry_chunks(coverage.uncovered_speech(speech, reliable, limits), tried, speech)
        if not retries:
            break
        current = _merge_round(current, decode(retries), intervals.merge(retries), speech)
        tried += retries
    return current


def _merge_round(current: Redecoded, second: Filtered, redecoded: Sequence[Span], speech: Sequence[Span]) -> Redecoded:
    """Merge the output of one round into the transcript."""
    unreliable = [_as_segment(one) for one in second.removed]
    confirmed = merging.confirmed_segments(current.doubtful, unreliable)
    segments = [confirmed.get(one, one) for one in current.segments]
    doubtful = [confirmed.get(one, one) for one in current.doubtful]
    segments = merging.merge_passes(segments, doubtful, second.segments)
    misplaced = merging.misplaced_segments(segments, doubtful, [*second.segments, *unreliable], redecoded)
    segments = [segment for segment in segments if segment not in misplaced]
    confirmed_times = {(one.start, one.end) for one in confirmed.values()}
    sparse = [segment for segment in segments if coverage.is_sparse(segment, speech)]
    return Redecoded(
        segments,
        removed=[
            *(one for one in current.removed if not intervals.within(redecoded, one.span.start, one.span.end)),
            *(one for one in second.removed if (one.span.start, one.span.end) not in confirmed_times),
        ],
        misplaced=[*current.misplaced, *(removed_as_misplaced(one, right) for one, right in misplaced.items())],
        doubtful=[*sparse, *merging.repeated_segments(segments, second.segments)],
    )


def _as_segment(removed: RemovedText) -> Segment:
    return Segment(removed.span.start, removed.span.end, removed.text)
