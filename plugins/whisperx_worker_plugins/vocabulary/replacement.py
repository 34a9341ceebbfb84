"""Terms put into a segment's text and words."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from whisperx_worker import with_extra
from whisperx_worker_plugins.vocabulary.options import core_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Segment, Word
    from whisperx_worker_plugins.vocabulary.matching import Match

PLUGIN = "vocabulary"
"""Name of the plugin in `extra`."""
_TOKEN = re.compile(r"\S+")


def apply_matches(segment: Segment, matches: Sequence[Match]) -> Segment:
    """Return a segment with its matches written into text and words; punctuation around them stays.

    Args:
        segment: Its words, where it has any, are those of its text.
        matches: Of this segment; they do not overlap.
    """
    if not matches:
        return segment
    text, words = segment.text, list(segment.words)
    places = [found.span() for found in _TOKEN.finditer(text)]
    for match in sorted(matches, key=lambda match: match.first, reverse=True):
        start, end = places[match.first][0], places[match.after - 1][1]
        before, _, behind = text[start:end].partition(core_of(text[start:end]))
        written = f"{before}{match.form}{behind}"
        text = text[:start] + written + text[end:]
        if words:
            words[match.first : match.after] = _timed(written.split(), words[match.first : match.after], match.distance)
    return replace(segment, text=text, words=tuple(words))


def _timed(texts: Sequence[str], replaced: Sequence[Word], distance: float) -> list[Word]:
    """Return words in the time of others, divided by letters.

    They have no score, since no model read them. Their `extra` has the distance of the sounds.
    """
    first = with_extra(replaced[0], PLUGIN, distance=round(distance, 3))
    start, end = replaced[0].start, replaced[-1].end
    if start is None or end is None:
        return [replace(first, word=text, start=None, end=None, score=None) for text in texts]
    letters = [0, *accumulate(map(len, texts))]
    edges = [round(start + (end - start) * count / letters[-1], 3) for count in letters]
    edges[0], edges[-1] = start, end
    return [
        replace(first, word=text, start=begin, end=stop, score=None)
        for text, begin, stop in zip(texts, edges, edges[1:], strict=False)
    ]
