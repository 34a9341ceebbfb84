"""Signs against the text of a chunk, and what follows from them. Pure.

A text that the model is sure of stays. One sign against a text makes it doubtful: it stays, and the answer says so. Two
independent signs remove it: one of the decoder's own scores is not enough, and neither is a phrase or a pace.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper.hallucinations import fitting_words, is_invented_phrase, is_too_fast
from whisperx_worker_plugins.russian_whisper.thresholds import fails_threshold, is_silence, is_sure
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import cut_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from whisperx_worker import Settings
    from whisperx_worker_plugins._shared.whisper.library_types import Whisper
    from whisperx_worker_plugins.russian_whisper.chunking import Chunk
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk

_REACH_S: Seconds = 0.5
"""Distance to speech within which a segment's times may be inexact."""


class Sign(Enum):
    """A sign against a text, with its place in a warning."""

    SILENT = "both thresholds take it for silence"
    AWAY_FROM_SPEECH = "no speech was detected there"
    UNSURE = "the model is not sure of it"
    REPEATED = "it repeats itself more than people do"
    TOO_FAST = "there is too little speech for so much text"
    INVENTED = "models invent this phrase"
    NO_SPEECH = "the model takes the sound for no speech"
    MISPLACED = "its words are those of other speech nearby"
    UNCONFIRMED = "the same sound, decoded again, does not give it"


DECISIVE = frozenset((Sign.SILENT, Sign.AWAY_FROM_SPEECH, Sign.MISPLACED, Sign.UNCONFIRMED))
"""Signs that are two in one.

Silence takes two thresholds. Speech that a segment away from it belongs to has no text then, and is decoded again.
The others are a sign and a second reading.
"""
WEAK = frozenset((Sign.UNSURE, Sign.NO_SPEECH))
"""Signs that count only beside others: a model is seldom sure of real speech in noise."""


def span_of(segment: Segment) -> Span:
    """Return the interval of a segment."""
    return Span(segment.start, segment.end)


@dataclass(frozen=True)
class Reading:
    """Segment as the model read it, with the signs against it."""

    segment: Segment
    signs: tuple[Sign, ...] = ()
    original: Span | None = None
    """Place of the words, where they belong to other speech."""
    is_shortened: bool = False
    """Whether these are the words that a repetition was shortened by."""

    @property
    def is_removed(self) -> bool:
        """Whether the signs are enough to remove the text."""
        return bool(DECISIVE.intersection(self.signs)) or (len(self.signs) > 1 and not WEAK.issuperset(self.signs))

    @property
    def is_suspect(self) -> bool:
        """Whether there is one sign that is not weak."""
        return not self.is_removed and not WEAK.issuperset(self.signs)

    @property
    def why(self) -> str:
        """Reason in words, with the scores."""
        names = ("avg_logprob", "no_speech_prob", "compression_ratio")
        scores = ", ".join(f"{name} {getattr(self.segment, name) or 0.0:.2f}" for name in names)
        return f"{' and '.join(sign.value for sign in self.signs)} ({scores})"


def judge_chunks(
    decoded: Iterable[tuple[Chunk, DecodedChunk]], speech: Sequence[Span], whisper: Whisper, settings: Settings
) -> list[Reading]:
    """Cut chunks into segments, and judge each; what one sign or a low log-probability is against is doubtful.

    Args:
        decoded: Chunks with the decoder's output.
        speech: Speech intervals.
        whisper: For its tokenizer.
        settings: For the thresholds.
    """
    readings = []
    for span, chunk in decoded:
        is_unsure = fails_threshold(chunk, settings)
        for reading in read_chunk(chunk, cut_segments(chunk, span, whisper), span, speech, settings):
            is_doubtful = is_unsure or reading.is_suspect
            readings.append(replace(reading, segment=replace(reading.segment, doubtful=is_doubtful)))
    return readings


def read_chunk(
    chunk: DecodedChunk, segments: Sequence[Segment], span: Chunk, speech: Sequence[Span], settings: Settings
) -> Iterator[Reading]:
    """Yield the segments of a chunk with the signs against them, repetitions that are too fast shortened.

    The pace is that of the whole chunk: a segment alone may seem too fast where its times are inexact.

    Args:
        chunk: The decoder's output.
        segments: What it was cut into.
        span: The chunk's interval.
        speech: Speech intervals.
        settings: For the thresholds.
    """
    chunk_speech_s = intervals.seconds_within(speech, span.start, span.end)
    text = " ".join(segment.text for segment in segments)
    stays = fitting_words(text, chunk_speech_s, is_sure=is_sure(chunk, settings))
    shortened = list(_shorten(segments, stays))
    left = " ".join(one.text for one, _ in shortened if one.text)
    is_chunk_too_fast = is_too_fast(left, chunk_speech_s)
    for segment, surplus in shortened:
        if surplus:
            yield Reading(replace(segment, text=surplus, words=()), (Sign.REPEATED, Sign.TOO_FAST), is_shortened=True)
        if segment.text:
            yield Reading(segment, tuple(_signs(segment, chunk, speech, settings, is_chunk_too_fast=is_chunk_too_fast)))


def _signs(
    segment: Segment, chunk: DecodedChunk, speech: Sequence[Span], settings: Settings, *, is_chunk_too_fast: bool
) -> Iterator[Sign]:
    """Yield the signs against a segment."""
    if is_silence(chunk, settings):
        yield Sign.SILENT
    is_near = intervals.within(speech, segment.start - _REACH_S, segment.end + _REACH_S)
    if not is_near or segment.start >= segment.end:
        yield Sign.AWAY_FROM_SPEECH
    own_s = intervals.seconds_within(speech, segment.start, segment.end)
    is_invented = is_invented_phrase(segment.text, own_s)
    if is_invented:
        yield Sign.INVENTED
    if (is_chunk_too_fast or is_invented) and is_too_fast(segment.text, own_s):
        yield Sign.TOO_FAST
    if chunk.compression_ratio > settings.compression_ratio_threshold:
        yield Sign.REPEATED
    if not is_sure(chunk, settings):
        yield Sign.UNSURE
    if chunk.no_speech_prob > settings.no_speech_threshold:
        yield Sign.NO_SPEECH


def _shorten(segments: Sequence[Segment], stays: Sequence[bool]) -> Iterator[tuple[Segment, str]]:
    """Yield segments without the words that do not stay, each with these words."""
    first = 0
    for segment in segments:
        words = segment.text.split()
        own = stays[first : first + len(words)]
        first += len(words)
        if all(own):
            yield segment, ""
            continue
        left = " ".join(word for word, stay in zip(words, own, strict=True) if stay)
        surplus = " ".join(word for word, stay in zip(words, own, strict=True) if not stay)
        timed = segment.words
        if len(timed) == len(words):
            timed = tuple(word for word, stay in zip(timed, own, strict=True) if stay)
        yield replace(segment, text=left, words=timed), surplus
