"""Reference of a recording, and its words or a result's after the normaliser. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker.evaluate.normaliser import tokens_of
from whisperx_worker.intervals import merge
from whisperx_worker.types import Seconds, Segment, Span, SpeakerTurn, Word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Reference:
    """What is known to be true of one recording."""

    name: str
    """Relative path of the recording, without its ending."""
    audio: Path | None = None
    texts: tuple[str, ...] = ()
    """Allowed texts of the whole recording; the one nearest to the result counts."""
    segments: tuple[Segment, ...] = ()
    """Segments with text, in time order."""
    turns: tuple[SpeakerTurn, ...] = ()
    words: tuple[Word, ...] = ()
    """Words with times."""
    duration_s: Seconds | None = None
    language: str | None = None

    @property
    def speaker_turns(self) -> tuple[SpeakerTurn, ...]:
        """Who speaks when: the turns, else the segments that have a speaker."""
        return self.turns or tuple(
            SpeakerTurn(segment.start, segment.end, segment.speaker) for segment in self.segments if segment.speaker
        )

    @property
    def speech(self) -> list[Span]:
        """Merged intervals with speech."""
        marked = [Span(item.start, item.end) for items in (self.turns, self.segments) for item in items]
        return merge([*marked, *_timed(self.words)])

    @property
    def written(self) -> tuple[str, ...]:
        """Allowed texts: those given, else that of the segments or of the words."""
        joined = " ".join(segment.text for segment in sorted(self.segments, key=attrgetter("start"))) or " ".join(
            word.word for word in self.words
        )
        return self.texts or ((joined,) if self.segments or self.words else ())

    @property
    def has_words(self) -> bool:
        """Whether any allowed text has a letter or a digit."""
        return any(character.isalnum() for text in self.written for character in text)

    @property
    def spoken_segments(self) -> tuple[Segment, ...]:
        """Segments in time order with their words, where it is known which words are in which."""
        if not self.segments:
            return timed_segments(self.words)
        return tuple(
            segment if segment.words else replace(segment, words=_within(self.words, segment))
            for segment in sorted(self.segments, key=attrgetter("start"))
        )


@dataclass(frozen=True)
class Spoken:
    """Normalised word with the times and the speaker of the written one."""

    text: str
    segment: int
    start: Seconds | None = None
    end: Seconds | None = None
    speaker: str | None = None


def spoken_words(segments: Sequence[Segment], language: str) -> tuple[Spoken, ...]:
    """Return the normalised words of segments.

    A segment's own words give times and speakers where together they are its text.
    """
    written = [(index, word) for index, segment in enumerate(segments) for word in _words_of(segment)]
    return tuple(
        Spoken(token.text, index, word.start, word.end, word.speaker)
        for token in tokens_of([word.word for _, word in written], language)
        for index, word in (written[token.source],)
    )


def timed_segments(words: Sequence[Word]) -> tuple[Segment, ...]:
    """Return one segment for each word that has times."""
    return tuple(Segment(item.start, item.end, word.word, (word,), word.speaker) for item, word in _pairs(words))


def _pairs(words: Sequence[Word]) -> list[tuple[Span, Word]]:
    return [(Span(word.start, word.end), word) for word in words if word.start is not None and word.end is not None]


def _within(words: Sequence[Word], segment: Segment) -> tuple[Word, ...]:
    """Return the words in the middle of a segment's time, of its speaker or of none."""
    return tuple(
        word
        for span, word in _pairs(words)
        if segment.start <= (span.start + span.end) / 2 <= segment.end and word.speaker in {None, segment.speaker}
    )


def _timed(words: Sequence[Word]) -> list[Span]:
    return [span for span, _ in _pairs(words)]


def _words_of(segment: Segment) -> list[Word]:
    """Return a segment's words, each with the segment's speaker unless it has its own."""
    joined = re.sub(r"\s+", "", "".join(word.word for word in segment.words))
    if joined != re.sub(r"\s+", "", segment.text):
        return [Word(text, speaker=segment.speaker) for text in segment.text.split()]
    return [Word(word.word, word.start, word.end, speaker=word.speaker or segment.speaker) for word in segment.words]
