"""Timestamp tokens for text that was decoded without them.

They are written where the word times have a cut, so that all that follows reads such a chunk like any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.whisper.library_types import TIMESTAMP_S
from whisperx_worker_plugins.russian_whisper.text_cutting import cut_text, shorten_words, spans_of_words, spread_words
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import cut_segments, find_first_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Segment, Span, Word
    from whisperx_worker_plugins._shared.whisper.library_types import Tokenizer, Whisper
    from whisperx_worker_plugins.russian_whisper.chunking import Chunk
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk

_ROUNDING = 1e-6


@dataclass(frozen=True)
class TimestampWriter:
    """Model, language and speech of the texts that get timestamps."""

    whisper: Whisper
    tokenizer: Tokenizer
    language: str
    """ISO code of the text, which may be a translation."""
    speech: Sequence[Span]
    """In time order, disjoint."""

    def write(self, decoded: DecodedChunk, chunk: Chunk, words: Sequence[Word]) -> DecodedChunk:
        """Return a chunk with timestamp tokens around each of its segments, and with the segments' words.

        Args:
            decoded: The decoder's output, without timestamps.
            chunk: The chunk.
            words: All words of the text with times in the chunk, in order. Where they are not there, the text is
                spread over the speech.
        """
        text = decoded.text
        if not text:
            return replace(decoded, tokens=())
        timed = [word for word in words if word.word]
        is_aligned = "".join(word.word for word in timed) == "".join(text.split())
        if is_aligned:
            timed = shorten_words(text, timed, self.language)
        else:
            timed = spread_words(text, chunk, self.speech, self.language)
        pieces = _in_steps(cut_text(text, timed, self.language), timed, chunk)
        written = replace(decoded, tokens=tuple(self._tokens(text, timed, pieces)))
        if not is_aligned:
            return written
        segments = cut_segments(written, chunk, self.whisper)
        own_words = [timed[piece.start : piece.stop] for piece, _, _ in pieces]
        return replace(written, words=tuple(map(_clip_words, own_words, segments)))

    def _tokens(self, text: str, words: Sequence[Word], pieces: Sequence[tuple[range, int, int]]) -> list[int]:
        places = spans_of_words(text, words)
        first_timestamp = find_first_timestamp(self.whisper)
        tokens: list[int] = []
        for piece, start, end in pieces:
            own = text[places[piece[0]][0] : places[piece[-1]][1]]
            tokens += [first_timestamp + start, *self.tokenizer.encode(f" {own}"), first_timestamp + end]
        return tokens


def _in_steps(cut: Sequence[range], words: Sequence[Word], chunk: Chunk) -> list[tuple[range, int, int]]:
    """Return ranges of words with start and end in timestamp steps, each after the one before.

    A range without a step of its own is joined to the previous one.
    """
    last_step = max(1, math.floor(chunk.duration_s / TIMESTAMP_S + _ROUNDING))
    steps: list[tuple[range, int, int]] = []
    for piece in cut:
        start_s, end_s = (chunk.to_sound(time or 0.0) for time in (words[piece[0]].start, words[piece[-1]].end))
        earliest = steps[-1][2] if steps else 0
        start = max(earliest, math.floor(start_s / TIMESTAMP_S + _ROUNDING))
        end = min(last_step, math.ceil(end_s / TIMESTAMP_S - _ROUNDING))
        if start < end:
            steps.append((piece, start, end))
        elif steps:
            before, before_start, before_end = steps[-1]
            steps[-1] = (range(before.start, piece.stop), before_start, before_end)
        else:
            start = min(start, last_step - 1)
            steps.append((piece, start, start + 1))
    return steps


def _clip_words(words: Sequence[Word], segment: Segment) -> tuple[Word, ...]:
    def clip(time: float | None) -> float:
        return min(max(time or 0.0, segment.start), segment.end)

    return tuple(replace(word, start=clip(word.start), end=clip(word.end)) for word in words)
