"""Merging of two readings of the same speech: in time order, apart from each other, no sentence twice. Pure.

Example:
    >>> first = [Segment(0.0, 9.0, "Скажите адрес, пожалуйста.")]
    >>> again = [Segment(7.0, 9.0, "Скажите адрес, пожалуйста!")]
    >>> merge(first, doubted=first, again=again) == again
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

_MIN_LIKENESS = 0.8
"""Texts that share fewer of their letters are different ones."""
_MIN_WORDS = 3
"""Shorter texts are often said twice, and a model that writes them twice is believed."""
_NEAR_S: Seconds = 30.0
"""A window of Whisper: farther away a timestamp cannot have put a text."""


def merge(first: Sequence[Segment], doubted: Collection[Segment], again: Sequence[Segment]) -> list[Segment]:
    """One reading of two, in time order and without overlap.

    Where segments of both meet, all of those that meet come from one reading: the second where it says the same in
    less time, or more with no less belief. What stands alone is kept.

    Args:
        first: Segments in time order, apart from each other.
        doubted: Those of them whose speech was decoded again.
        again: What came out, in time order and apart from each other and from all that is not doubted.
    """
    kept = [segment for segment in first if segment not in doubted]
    for old, new in _groups([segment for segment in first if segment in doubted], again):
        kept += new if _is_better(new, old) else old
    return sorted(kept, key=attrgetter("start"))


def misplaced(
    segments: Sequence[Segment], doubted: Collection[Segment], again: Sequence[Segment], decoded: Sequence[Span]
) -> dict[Segment, Segment]:
    """Doubted segments whose own speech does not say them, each with the segment nearby that does.

    Args:
        segments: The merged reading.
        doubted: Segments that were to be decoded again.
        again: All that came out, also what the model was not sure of.
        decoded: Stretches that were decoded again, in time order and apart.
    """
    found: dict[Segment, Segment] = {}
    for segment in segments:
        if segment not in doubted or 2 * intervals.seconds_within(decoded, segment.start, segment.end) < _length_s(
            segment
        ):
            continue
        own = [one for one in again if _meet(one, segment)]
        others = [one for one in segments if one is not segment and one not in doubted]
        if not _contains(own, segment) and (elsewhere := _twin(segment, others)):
            found[segment] = elsewhere
    return found


def confirmed(doubted: Iterable[Segment], unsure: Sequence[Segment]) -> dict[Segment, Segment]:
    """Doubted segments that a reading of a part of their speech says too, each as it stands in that part alone.

    Two readings that agree are two signs for a text, however unsure the model is of the second; and that one was of
    less sound, so its times are the better ones.

    Args:
        doubted: Segments whose speech was decoded again.
        unsure: What came out and was not kept, each with the times of what was decoded.
    """
    found: dict[Segment, Segment] = {}
    for segment in doubted:
        same = [one for one in unsure if _is_inside(one, segment) and _contains([one], segment)]
        if len(same) == 1:
            found[segment] = replace(segment, start=same[0].start, end=same[0].end, words=())
    return found


def repeated(segments: Sequence[Segment], again: Collection[Segment]) -> list[Segment]:
    """Segments of an earlier reading that a later one has nearby too: said twice, or once at the wrong time."""
    later = [segment for segment in segments if segment in again]
    return [segment for segment in segments if segment not in again and _twin(segment, later)]


def _groups(doubted: Iterable[Segment], again: Iterable[Segment]) -> Iterator[tuple[list[Segment], list[Segment]]]:
    """Segments of both readings that meet, directly or through others, each group apart from all others."""
    both = sorted([*((one, 0) for one in doubted), *((one, 1) for one in again)], key=lambda item: item[0].start)
    group: tuple[list[Segment], list[Segment]] = ([], [])
    end = 0.0
    for segment, reading in both:
        if segment.start >= end and any(group):
            yield group
            group = ([], [])
        group[reading].append(segment)
        end = max(end, segment.end)
    if any(group):
        yield group


def _is_better(new: Sequence[Segment], old: Sequence[Segment]) -> bool:
    if not new or not old:
        return bool(new)
    is_fuller = _letters(new) > _letters(old)
    if all(_contains(new, segment) for segment in old):
        return is_fuller or sum(map(_length_s, new)) < sum(map(_length_s, old))
    return is_fuller and min(one.avg_logprob or 0.0 for one in new) >= min(one.avg_logprob or 0.0 for one in old)


def _twin(segment: Segment, others: Iterable[Segment]) -> Segment | None:
    """A segment nearby with the same sentence, or the first of several that have it together."""
    if len(_words(segment.text)) < _MIN_WORDS:
        return None
    near = [one for one in others if segment.start - _NEAR_S <= one.end and one.start <= segment.end + _NEAR_S]
    for place, one in enumerate(near):
        for end in range(place + 1, len(near) + 1):
            if _letters(near[place:end]) * _MIN_LIKENESS > spoken_letters(segment.text):
                break
            if _likeness(_text(near[place:end]), segment.text) >= _MIN_LIKENESS:
                return one
    return None


def _contains(reading: Sequence[Segment], segment: Segment) -> bool:
    """Whether some words in a row of a reading are those of a segment, or nearly."""
    words, wanted = _words(_text(reading)), _words(segment.text)
    starts = range(max(1, len(words) - len(wanted) + 1))
    return any(_likeness(" ".join(words[at : at + len(wanted)]), segment.text) >= _MIN_LIKENESS for at in starts)


def _likeness(some: str, other: str) -> float:
    """Letters that two texts share, in order, as a part of all their letters."""
    return SequenceMatcher(None, " ".join(_words(some)), " ".join(_words(other)), autojunk=False).ratio()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower().replace("ё", "е"))


def _text(segments: Iterable[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def _letters(segments: Iterable[Segment]) -> int:
    return sum(spoken_letters(segment.text) for segment in segments)


def _length_s(segment: Segment) -> Seconds:
    return segment.end - segment.start


def _is_inside(some: Segment, other: Segment) -> bool:
    return other.start <= some.start and some.end <= other.end and _length_s(some) < _length_s(other)


def _meet(some: Segment, other: Segment) -> bool:
    return some.start < other.end and other.start < some.end
