"""Words and digits of a transcript in a row, across its segments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker_plugins.redact.kinds import Kind

_WORD = r"\d+|[^\W\d_]+"
MASKED = "\0"
"""Word in the place of a mask: it is part of nothing."""
SEGMENT_END = "\n\n"
"""Gap between the last word of a segment and the first of the next."""


@dataclass(frozen=True)
class Tokens:
    """Words and groups of digits, without punctuation, in the order in which they are spoken."""

    words: tuple[str, ...]
    """In the spelling of `normalised`."""
    gaps: tuple[str, ...]
    """What stands before each of them, and at last what stands after all: white space and punctuation."""
    places: tuple[tuple[int, int, int], ...]
    """For each the index of its segment, and where in its text it begins and ends."""

    def word(self, index: int) -> str:
        """Return a word; empty outside of the text."""
        return self.words[index] if 0 <= index < len(self.words) else ""


@dataclass(frozen=True)
class Find:
    """Private data among tokens."""

    kind: Kind | None
    """None where it may become any kind, at the edge of a piece."""
    tokens: tuple[int, ...]
    """Indices in order. What lies between, such as another speaker's "yes", is not private."""


def split_texts(texts: Iterable[str], masks: frozenset[str] = frozenset()) -> Tokens:
    """Return the tokens of the texts of neighbouring segments.

    Args:
        texts: Texts of the segments.
        masks: Masks, each of which is one token.

    >>> split_texts(["Да: 8-916,", "Пётр"]).words
    ('да', '8', '916', 'петр')
    """
    pattern = _pattern(masks)
    words: list[str] = []
    gaps: list[str] = []
    places: list[tuple[int, int, int]] = []
    pending = ""
    for segment, text in enumerate(texts):
        end = 0
        for found in pattern.finditer(text):
            start = found.start()
            words.append(MASKED if found[0] in masks else normalised(found[0]))
            gaps.append(pending + text[end:start])
            end = found.end()
            places.append((segment, start, end))
            pending = ""
        pending += text[end:] + SEGMENT_END
    return Tokens(tuple(words), (*gaps, pending), tuple(places))


def ranges_of(tokens: Tokens, find: Find) -> Sequence[tuple[int, int, int]]:
    """Return the places of a find, those of neighbouring tokens joined: segment, start and end in its text."""
    ranges: list[tuple[int, int, int]] = []
    last = -2
    for index in find.tokens:
        segment, start, end = tokens.places[index]
        if index == last + 1 and ranges[-1][0] == segment:
            ranges[-1] = (segment, ranges[-1][1], end)
        else:
            ranges.append((segment, start, end))
        last = index
    return ranges


@lru_cache(maxsize=64)
def _pattern(masks: frozenset[str]) -> re.Pattern[str]:
    whole = [rf"(?<!\w){re.escape(mask)}(?!\w)" for mask in sorted(masks, key=len, reverse=True)]
    return re.compile("|".join([*whole, _WORD]))
