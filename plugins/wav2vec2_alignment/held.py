"""Words held inside speech: none stretches over silence, and none is longer than its letters can be. Pure.

A forced path must put every character somewhere; where a pause follows the first or precedes the last letter of a word,
the word is as long as the pause.

Example:
    >>> heard = [Span(0.0, 2.0), Span(6.0, 8.0)]
    >>> hold(Word("Алло?", 1.6, 6.1), heard)
    Word(word='Алло?', start=1.6, end=2.0, score=None, speaker=None, speaker_guessed=False)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, Word, spans, spoken_letters

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    pieces = spans.within(heard, own.start, own.end)
    place = max(pieces, key=lambda piece: piece.duration_s, default=own)
    end = min(place.end, place.start + longest_s(word.word))
    return word if (place.start, end) == (word.start, word.end) else replace(word, start=place.start, end=round(end, 3))


def longest_s(word: str) -> Seconds:
    """The longest that a word can last, said slowly."""
    return _LONGEST_S_BESIDES + _LONGEST_S_PER_LETTER * spoken_letters(word)
