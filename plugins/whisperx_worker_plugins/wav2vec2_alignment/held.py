"""Words held inside speech: none stretches over silence or is longer than its letters can be; and speech that has none.

A forced path must put every character somewhere; where a pause follows the first or precedes the last letter of a word,
the word is as long as the pause. Pure.

Example:
    >>> heard = [Span(0.0, 2.0), Span(6.0, 8.0)]
    >>> hold(Word("Алло?", 1.6, 6.1), heard)
    Word(word='Алло?', start=1.6, end=2.0, score=None, speaker=None, speaker_guessed=False)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, Word, intervals, spoken_letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_EDGE_S: Seconds = 0.2
"""A detector's stretches of speech begin earlier than the speech, and end later."""
_LEAST_WORDLESS_S: Seconds = 0.6
"""Less speech between two words is a drawn vowel, a breath, or the inaccuracy of times."""
_LONGEST_S_PER_LETTER: Seconds = 0.25
_LONGEST_S_BESIDES: Seconds = 0.6


def held(segment: Segment, heard: Sequence[Span]) -> Segment:
    """A segment whose words, and its own edges with them, are inside speech.

    Args:
        segment: Its words have times.
        heard: Where the detector heard speech, in time order; where it heard none, only the words' length counts.
    """
    words = tuple(hold(word, heard) for word in segment.words)
    if words == segment.words:
        return segment
    start, end = words[0].start, words[-1].end
    return replace(
        segment, words=words, start=segment.start if start is None else start, end=segment.end if end is None else end
    )


def hold(word: Word, heard: Sequence[Span]) -> Word:
    """A word cut to the stretch of speech that has most of it, and to the length that its letters can have."""
    if word.start is None or word.end is None:
        return word
    own = Span(word.start, word.end)
    pieces = intervals.within(heard, own.start, own.end)
    place = max(pieces, key=lambda piece: piece.duration_s, default=own)
    end = min(place.end, place.start + longest_s(word.word))
    return word if (place.start, end) == (word.start, word.end) else replace(word, start=place.start, end=round(end, 3))


def longest_s(word: str) -> Seconds:
    """The longest that a word can last, said slowly."""
    return _LONGEST_S_BESIDES + _LONGEST_S_PER_LETTER * spoken_letters(word)


def wordless(sentences: Iterable[Segment], text: Sequence[Span], heard: Iterable[Span]) -> list[Span]:
    """Speech for which no word of the text stands: words were left out, or are somewhere else.

    Args:
        sentences: The text with the times of its words; without them a sentence stands for all of its time.
        text: Where the text was before its words had times, in time order, apart from each other: speech outside of it
            is not looked at.
        heard: Where the detector heard speech.
    """
    said = intervals.merge(span for sentence in sentences for span in _said(sentence))
    holes = (hole for one in heard for hole in intervals.gaps(said, one.start + _EDGE_S, one.end - _EDGE_S))
    return [hole for hole in holes if intervals.seconds_within(text, hole.start, hole.end) >= _LEAST_WORDLESS_S]


def _said(sentence: Segment) -> Iterator[Span]:
    timed = [Span(word.start, word.end) for word in sentence.words if word.start is not None and word.end is not None]
    yield from timed or [Span(sentence.start, sentence.end)]
