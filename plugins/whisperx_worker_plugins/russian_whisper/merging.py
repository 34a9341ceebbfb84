"""Merging of two decoding passes over the same speech. Pure.

The result is in time order and disjoint, and has no sentence twice.

Example:
    >>> first = [Segment(0.0, 9.0, "Скажите адрес, пожалуйста.")]
    >>> second = [Segment(7.0, 9.0, "Скажите адрес, пожалуйста!")]
    >>> merge_passes(first, doubtful=first, second=second) == second
    True
"""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import SequenceMatcher
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, intervals, spoken_letters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from whisperx_worker_plugins.russian_whisper.chunking import ChunkLimits

_MIN_SIMILARITY = 0.8
"""Texts that share a smaller part of their letters are different."""
_MIN_WORDS = 3
"""Shorter texts are often repeated in speech, so a repetition of them is accepted."""
_MAX_DISTANCE_S: Seconds = 30.0
"""Length of a Whisper window: a wrong timestamp cannot move a text farther."""


def merge_passes(first: Sequence[Segment], doubtful: Collection[Segment], second: Sequence[Segment]) -> list[Segment]:
    """Merge two passes into one, in time order and without overlap.

    Of each group of overlapping segments, all come from one pass: the second where it has the same text in less time,
    or more text of no lower log-probability. Segments without overlap are kept.

    Args:
        first: Segments in time order, disjoint.
        doubtful: Segments of the first pass whose speech was decoded again.
        second: Segments in time order, disjoint from each other and from all that are not doubtful.
    """
    merged = [segment for segment in first if segment not in doubtful]
    for old, new in _overlapping_groups([segment for segment in first if segment in doubtful], second):
        merged += _pick_better(old, new)
    return sorted(merged, key=attrgetter("start"))


def misplaced_segments(
    segments: Sequence[Segment],
    doubtful: Collection[Segment],
    second: Sequence[Segment],
    redecoded: Sequence[Span],
    limits: ChunkLimits,
) -> dict[Segment, Segment]:
    """Return doubtful segments with text of another time, each with the segment at that time.

    Args:
        segments: The merged segments.
        doubtful: Segments that were to be decoded again.
        second: All output of the second pass, also that of low confidence.
        redecoded: Intervals that were decoded again, in time order, disjoint.
        limits: For the seams, across which no text is moved.
    """
    misplaced: dict[Segment, Segment] = {}
    for segment in segments:
        redecoded_s = intervals.seconds_within(redecoded, segment.start, segment.end)
        if segment not in doubtful or 2 * redecoded_s < _duration_s(segment):
            continue
        overlapping = [one for one in second if _overlap(one, segment)]
        others = [one for one in limits.beside(segment, segments) if one is not segment and one not in doubtful]
        if not contains_text(overlapping, segment) and (original := find_duplicate(segment, others)):
            misplaced[segment] = original
    return misplaced


def unconfirmed_segments(
    segments: Iterable[Segment], suspects: Collection[Segment], second: Sequence[Segment], redecoded: Sequence[Span]
) -> list[Segment]:
    """Return suspects that a second pass decoded again without getting their text.

    Args:
        segments: The merged segments.
        suspects: Segments with a sign against them.
        second: All output of the second pass, also that of low confidence.
        redecoded: Intervals that were decoded again, in time order, disjoint.
    """
    return [
        one
        for one in segments
        if one in suspects
        and 2 * intervals.seconds_within(redecoded, one.start, one.end) >= _duration_s(one)
        and not contains_text([other for other in second if _overlap(other, one)], one)
    ]


def confirmed_segments(doubtful: Iterable[Segment], unreliable: Sequence[Segment]) -> dict[Segment, Segment]:
    """Return doubtful segments with the same text in a part of their time, moved there.

    Two passes that agree are two signs for a text, at any confidence of the second; its times are better because it
    decoded less sound.

    Args:
        doubtful: Segments whose speech was decoded again.
        unreliable: Output of low confidence, each with the interval that was decoded.
    """
    confirmed: dict[Segment, Segment] = {}
    for segment in doubtful:
        same = [one for one in unreliable if _is_part(one, segment) and contains_text([one], segment)]
        if len(same) == 1:
            confirmed[segment] = replace(segment, start=same[0].start, end=same[0].end, words=())
    return confirmed


def repeated_segments(segments: Sequence[Segment], second: Collection[Segment], limits: ChunkLimits) -> list[Segment]:
    """Return segments of the first pass with the same text nearby in the second.

    Such a sentence is either spoken twice or misplaced.
    """
    later = [segment for segment in segments if segment in second]
    return [one for one in segments if one not in second and find_duplicate(one, limits.beside(one, later))]


def _overlapping_groups(
    first: Iterable[Segment], second: Iterable[Segment]
) -> Iterator[tuple[list[Segment], list[Segment]]]:
    """Yield groups of segments of both passes that overlap directly or through others."""
    both = sorted([*((one, 0) for one in first), *((one, 1) for one in second)], key=lambda item: item[0].start)
    group: tuple[list[Segment], list[Segment]] = ([], [])
    end = 0.0
    for segment, pass_index in both:
        if segment.start >= end and any(group):
            yield group
            group = ([], [])
        group[pass_index].append(segment)
        end = max(end, segment.end)
    if any(group):
        yield group


def _pick_better(old: Sequence[Segment], new: Sequence[Segment]) -> Sequence[Segment]:
    if not new or not old:
        return new or old
    has_more_text = _letters(new) > _letters(old)
    if all(contains_text(new, segment) for segment in old):
        is_better = has_more_text or sum(map(_duration_s, new)) < sum(map(_duration_s, old))
    else:
        is_better = has_more_text and _min_logprob(new) >= _min_logprob(old)
    return new if is_better else old


def find_duplicate(segment: Segment, others: Iterable[Segment]) -> Segment | None:
    """Return a segment nearby with the same text, or the first of several with it."""
    if len(_words(segment.text)) < _MIN_WORDS:
        return None
    start, end = segment.start - _MAX_DISTANCE_S, segment.end + _MAX_DISTANCE_S
    near = [one for one in others if start <= one.end and one.start <= end]
    for first, one in enumerate(near):
        for last in range(first + 1, len(near) + 1):
            if _letters(near[first:last]) * _MIN_SIMILARITY > spoken_letters(segment.text):
                break
            if _similarity(_join_text(near[first:last]), segment.text) >= _MIN_SIMILARITY:
                return one
    return None


def contains_text(segments: Sequence[Segment], segment: Segment) -> bool:
    """Return whether consecutive words of some segments match a segment's text, or nearly."""
    words, sought = _words(_join_text(segments)), _words(segment.text)
    starts = range(max(1, len(words) - len(sought) + 1))
    return any(
        _similarity(" ".join(words[start : start + len(sought)]), segment.text) >= _MIN_SIMILARITY for start in starts
    )


def _similarity(text: str, other: str) -> float:
    """Return the part of all letters that two texts share in order, in 0..1."""
    return SequenceMatcher(None, " ".join(_words(text)), " ".join(_words(other)), autojunk=False).ratio()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower().replace("ё", "е"))


def _join_text(segments: Iterable[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def _letters(segments: Iterable[Segment]) -> int:
    return sum(spoken_letters(segment.text) for segment in segments)


def _min_logprob(segments: Iterable[Segment]) -> float:
    return min(segment.avg_logprob or 0.0 for segment in segments)


def _duration_s(segment: Segment) -> Seconds:
    return segment.end - segment.start


def _is_part(segment: Segment, other: Segment) -> bool:
    is_inside = other.start <= segment.start and segment.end <= other.end
    return is_inside and _duration_s(segment) < _duration_s(other)


def _overlap(segment: Segment, other: Segment) -> bool:
    return segment.start < other.end and other.start < segment.end
