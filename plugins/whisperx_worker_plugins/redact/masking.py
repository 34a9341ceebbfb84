"""Masks in the place of private data, in the text and in the words of segments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whisperx_worker import Word, with_extra
from whisperx_worker_plugins.redact.finding import find_private
from whisperx_worker_plugins.redact.tokens import ranges_of, split_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from whisperx_worker import JSON, Segment
    from whisperx_worker_plugins.redact.kinds import Kind
    from whisperx_worker_plugins.redact.options import Options

NAME = "redact"
"""Name of the plugin, and of its data in `extra`."""


@dataclass(frozen=True)
class _Masked:
    """Private data in one segment."""

    first: int
    """Index of its first letter or digit among those of the segment's text."""
    last: int
    """Index after its last."""
    mask: str
    mark: Mapping[str, JSON]
    """Kind and number, for `extra`."""


def mask_segments(segments: Sequence[Segment], options: Options, *, is_piece: bool = False) -> tuple[Segment, ...]:
    """Return segments with masks in the place of private data.

    It looks again until it finds nothing more, since a mask may end a number that hid another one. So what is masked
    stays as it is when it is masked again.

    Args:
        segments: Neighbouring segments.
        options: Kinds, names and masks.
        is_piece: Whether more text may come before and after, which then goes on in the same number.
    """
    masked = tuple(segments)
    numbers = [mark["number"] for segment in masked for mark in marks_in(segment)]
    number = 1 + max((one for one in numbers if isinstance(one, int)), default=-1)
    while True:
        tokens = split_texts((segment.text for segment in masked), options.every_mask)
        finds = find_private(tokens, options, is_piece=is_piece)
        if not finds:
            return masked
        by_segment: dict[int, list[_Masked]] = {}
        for find in finds:
            mark = _mark(find.kind, number)
            for segment, start, end in ranges_of(tokens, find):
                letters = _letters(masked[segment].text[:end])
                first = len(_letters(masked[segment].text[:start]))
                by_segment.setdefault(segment, []).append(
                    _Masked(first, len(letters), options.mask_of(find.kind), mark)
                )
            number += 1
        masked = tuple(
            _mask_segment(segment, sorted(by_segment[index], key=lambda one: one.first))
            if index in by_segment
            else segment
            for index, segment in enumerate(masked)
        )
        is_piece = False


def _mark(kind: Kind | None, number: int) -> Mapping[str, JSON]:
    return {"kind": kind or "unknown", "number": number}


def marks_of(value: Word | Segment) -> Sequence[Mapping[str, JSON]]:
    """Return the marks of what is masked in a word, or in a segment without words."""
    marks: Sequence[Mapping[str, JSON]] = value.extra.get(NAME, {}).get("masked", ())  # type: ignore[assignment]
    return marks


def marks_in(segment: Segment) -> Sequence[Mapping[str, JSON]]:
    """Return the marks of a segment and of its words."""
    return [*marks_of(segment), *(mark for word in segment.words for mark in marks_of(word))]


def _mask_segment(segment: Segment, masked: Sequence[_Masked]) -> Segment:
    """Mask the text and the words; words that have other letters than the text are left out."""
    text = _with_masks(segment.text, masked)
    if segment.words and _is_spelled_alike(segment):
        return replace(segment, text=text, words=_mask_words(segment.words, masked))
    return with_extra(replace(segment, text=text, words=()), NAME, masked=_joined(marks_in(segment), masked))


def _mask_words(words: Sequence[Word], masked: Sequence[_Masked]) -> tuple[Word, ...]:
    """Return words with one for the neighbours that a mask covers."""
    done: list[Word] = []
    left = list(masked)
    index = position = 0
    while index < len(words):
        start, after = position, index + 1
        position += len(_letters(words[index].word))
        inside = []
        while left and left[0].first < position:
            inside.append(left.pop(0))
            while position < inside[-1].last:
                position += len(_letters(words[after].word))
                after += 1
        done.append(_merged(words[index:after], start, inside) if inside else words[index])
        index = after
    return tuple(done)


def _merged(words: Sequence[Word], first: int, masked: Sequence[_Masked]) -> Word:
    """Return one word in the place of several, from the first one's start to the last one's end.

    It has no times where one of them has none, since nobody knows then where the private data is. Data of other plugins
    is left out: it may quote the words.
    """
    spelled = " ".join(word.word.strip() for word in words)
    text = _with_masks(spelled, [replace(one, first=one.first - first, last=one.last - first) for one in masked])
    starts = [word.start for word in words if word.start is not None]
    ends = [word.end for word in words if word.end is not None]
    is_timed = len(starts) == len(ends) == len(words)
    scores = [word.score for word in words if word.score is not None]
    merged = Word(
        text,
        min(starts) if is_timed else None,
        max(ends) if is_timed else None,
        sum(scores) / len(scores) if scores else None,
        words[0].speaker,
        words[0].speaker_guessed,
    )
    return with_extra(merged, NAME, masked=_joined([mark for word in words for mark in marks_of(word)], masked))


def _joined(marks: Iterable[Mapping[str, JSON]], masked: Sequence[_Masked]) -> JSON:
    every = [*marks, *(one.mark for one in masked)]
    return [dict(mark) for place, mark in enumerate(every) if mark not in every[:place]]


def _with_masks(text: str, masked: Sequence[_Masked]) -> str:
    """Return a text with masks, also in place of a plus and the brackets around an area's code."""
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    pieces, end = [], 0
    for one in masked:
        start, after = places[one.first], places[one.last - 1] + 1
        is_bracketed = ")" in text[start:after]
        pieces += [text[end:start].rstrip("+(" if is_bracketed else "+"), one.mask]
        end = after
    return "".join([*pieces, text[end:]])


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _is_spelled_alike(segment: Segment) -> bool:
    """Return whether the letters of the text are one by one those of the words."""
    text, words = _letters(segment.text), _letters("".join(word.word for word in segment.words))
    return len(text) == len(words) and text.casefold() == words.casefold()
