"""Words clamped to speech intervals and to a plausible duration; and speech without words.

A forced path must put every character somewhere; where a pause follows the first or precedes the last letter of a word,
the word is as long as the pause. Pure.

Example:
    >>> speech = [Span(0.0, 2.0), Span(6.0, 8.0)]
    >>> clamp_word(Word("Алло?", 1.6, 6.1), speech)
    Word(word='Алло?', start=1.6, end=2.0, score=None, speaker=None, speaker_guessed=False, extra={})
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, Word, intervals, spoken_letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_EDGE_S: Seconds = 0.2
"""A detector's speech intervals begin earlier than the speech, and end later."""
_MIN_UNALIGNED_S: Seconds = 0.6
"""Less speech between words is a drawn-out vowel, a breath or an inaccuracy."""
_MAX_S_PER_LETTER: Seconds = 0.25
_MAX_BASE_S: Seconds = 0.6
"""Maximum duration of a word besides that of its letters."""


def clamp_segment(segment: Segment, speech: Sequence[Span]) -> Segment:
    """Clamp a segment's words, and its edges with them, to the speech.

    Args:
        segment: Its words have times.
        speech: Speech intervals in time order; a word outside of them is only limited in length.
    """
    words = tuple(clamp_word(word, speech) for word in segment.words)
    if words == segment.words:
        return segment
    start, end = words[0].start, words[-1].end
    return replace(
        segment, words=words, start=segment.start if start is None else start, end=segment.end if end is None else end
    )


def clamp_word(word: Word, speech: Sequence[Span]) -> Word:
    """Clamp a word to one speech interval and to its maximum duration.

    The interval is the one with the largest part of the word.
    """
    if word.start is None or word.end is None:
        return word
    whole = Span(word.start, word.end)
    pieces = intervals.within(speech, whole.start, whole.end)
    place = max(pieces, key=lambda piece: piece.duration_s, default=whole)
    end = min(place.end, place.start + max_duration_s(word.word))
    return word if (place.start, end) == (word.start, word.end) else replace(word, start=place.start, end=round(end, 3))


def max_duration_s(word: str) -> Seconds:
    """Return the maximum duration of a word, spoken slowly."""
    return _MAX_BASE_S + _MAX_S_PER_LETTER * spoken_letters(word)


def unaligned_speech(sentences: Iterable[Segment], text: Sequence[Span], speech: Iterable[Span]) -> list[Span]:
    """Return the speech without words of the text, which are missing or placed elsewhere.

    Args:
        sentences: The text with the times of its words; a sentence without them counts with all of its time.
        text: Where the text was before its words had times, in time order, without overlap: speech outside of it is
            ignored.
        speech: Speech intervals.
    """
    aligned = intervals.merge(span for sentence in sentences for span in _aligned_spans(sentence))
    gaps = (gap for one in speech for gap in intervals.gaps(aligned, one.start + _EDGE_S, one.end - _EDGE_S))
    return [gap for gap in gaps if intervals.seconds_within(text, gap.start, gap.end) >= _MIN_UNALIGNED_S]


def _aligned_spans(sentence: Segment) -> Iterator[Span]:
    timed = [Span(word.start, word.end) for word in sentence.words if word.start is not None and word.end is not None]
    yield from timed or [Span(sentence.start, sentence.end)]
