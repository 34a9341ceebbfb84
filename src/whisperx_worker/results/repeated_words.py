"""Words that two channels have at the same time. Pure: text and times.

Example:
    >>> from whisperx_worker.types import Segment
    >>> once, again = Segment(0.0, 1.0, "Добрый день!"), Segment(0.1, 1.3, "Да, добрый день.")
    >>> for run in repeated_runs(spoken_words([once]), spoken_words([again])):
    ...     print([(one.text, other.text) for one, other in run])
    [('Добрый', 'добрый'), ('день!', 'день.')]
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker.results.segment_cutting import word_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whisperx_worker.types import Seconds, Segment

MAX_APART_S: Seconds = 0.4
"""Difference of the times of one word in two channels."""
MAX_ROUGH_S: Seconds = 1.5
"""The same where words have no times of their own but a share of their segment's."""


@dataclass(frozen=True)
class SpokenWord:
    """Word of a segment, with its time in the recording."""

    segment: int
    """Index of the segment."""
    place: int
    """Number among the words of its segment."""
    text: str
    plain: str
    """Letters and digits alone, without case."""
    start: Seconds
    end: Seconds
    is_timed: bool
    """Whether the time is its own, not shared out."""


def spoken_words(segments: Sequence[Segment]) -> list[SpokenWord]:
    """Return the words of segments in time order, those without times with a share of their segment's."""
    words = [word for index, segment in enumerate(segments) for word in _words_of(index, segment)]
    return sorted((word for word in words if word.plain), key=attrgetter("start"))


def repeated_runs(
    some: Sequence[SpokenWord], others: Sequence[SpokenWord]
) -> Iterator[list[tuple[SpokenWord, SpokenWord]]]:
    """Yield runs of words that both have at once, as pairs, each inside one segment of `others`.

    Args:
        some: Words of a channel, in time order.
        others: Those of another one.
    """
    starts = [word.start for word in some]
    for _, own in groupby(sorted(others, key=attrgetter("segment", "place")), key=attrgetter("segment")):
        words = list(own)
        first = bisect_left(starts, words[0].start - MAX_ROUGH_S)
        beside = some[first : bisect_right(starts, words[-1].end + MAX_ROUGH_S)]
        matcher = SequenceMatcher(None, [word.plain for word in beside], [word.plain for word in words], autojunk=False)
        for block in matcher.get_matching_blocks():
            same = beside[block.a : block.a + block.size], words[block.b : block.b + block.size]
            pairs = list(zip(*same, strict=True))
            yield from (list(run) for at_once, run in groupby(pairs, key=_are_at_once) if at_once)


def _are_at_once(pair: tuple[SpokenWord, SpokenWord]) -> bool:
    one, other = pair
    most = MAX_APART_S if one.is_timed and other.is_timed else MAX_ROUGH_S
    return abs(one.start - other.start) <= most


def _words_of(index: int, segment: Segment) -> Iterator[SpokenWord]:
    spans = [word_span(word) for word in segment.words]
    if spans and all(spans):
        for place, (word, span) in enumerate(zip(segment.words, spans, strict=True)):
            if span:
                yield SpokenWord(index, place, word.word, plain(word.word), span.start, span.end, is_timed=True)
        return
    texts = [word.word for word in segment.words] or segment.text.split()
    ends = list(accumulate((len(text) + 1 for text in texts), initial=0))
    pace = (segment.end - segment.start) / max(1, ends[-1])
    for place, (text, (begin, end)) in enumerate(zip(texts, pairwise(ends), strict=True)):
        times = segment.start + begin * pace, segment.start + end * pace
        yield SpokenWord(index, place, text, plain(text), *times, is_timed=False)


def plain(text: str) -> str:
    """Return the letters and digits of text without case, ё as е."""
    return "".join(filter(str.isalnum, text.casefold())).replace("ё", "е")
