"""Segments cut from a chunk's tokens at its timestamp tokens.

No text is lost where a timestamp is missing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span
from whisperx_worker_plugins._shared.whisper.library_types import TIMESTAMP_S

if TYPE_CHECKING:
    from whisperx_worker_plugins._shared.whisper.library_types import Whisper
    from whisperx_worker_plugins.russian_whisper.chunking import Chunk
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk

_MIN_RUN_S: Seconds = 0.01
"""Half a timestamp step; a shorter run has no time of its own."""


def cut_segments(decoded: DecodedChunk, chunk: Chunk, whisper: Whisper) -> list[Segment]:
    """Return the segments of one chunk, in time order, disjoint, not empty and inside the chunk.

    Args:
        decoded: The decoder's output.
        chunk: The chunk.
        whisper: For its tokenizer.
    """
    tokenizer = whisper.hf_tokenizer
    segments: list[Segment] = []
    for part, tokens in split_at_timestamps(decoded.tokens, find_first_timestamp(whisper), chunk.duration_s):
        text = tokenizer.decode(tokens).strip()
        if text:
            span = chunk.to_recording(part.start, part.end)
            segments.append(
                Segment(
                    start=_floor_to_ms(span.start),
                    end=_floor_to_ms(span.end),
                    text=text,
                    words=decoded.words[len(segments)] if decoded.words else (),
                    avg_logprob=decoded.avg_logprob,
                    no_speech_prob=decoded.no_speech_prob,
                    compression_ratio=decoded.compression_ratio,
                    temperature=decoded.temperature,
                )
            )
    return segments


def closes_in_time(decoded: DecodedChunk, whisper: Whisper) -> bool:
    """Return whether a timestamp follows the text, not before half of the speech."""
    first_timestamp = find_first_timestamp(whisper)
    is_text = [token < first_timestamp for token in decoded.tokens]
    after_text = decoded.tokens[is_text.index(True) :] if True in is_text else ()
    last_s = max((token - first_timestamp for token in after_text), default=-1) * TIMESTAMP_S
    return last_s >= decoded.speech_s / 2


def find_first_timestamp(whisper: Whisper) -> int:
    """Return the token of 0.00 s, which all other timestamps follow."""
    first_timestamp: int | None = whisper.hf_tokenizer.token_to_id("<|0.00|>")
    if first_timestamp is None:  # English models name it differently; it always follows this one.
        first_timestamp = whisper.hf_tokenizer.token_to_id("<|notimestamps|>") + 1
    return first_timestamp


def split_at_timestamps(
    tokens: tuple[int, ...], first_timestamp: int, duration_s: Seconds
) -> list[tuple[Span, list[int]]]:
    """Return runs of text tokens between timestamp tokens, each with its interval in the chunk.

    A run without a closing timestamp, or with one that is not after its opening one, lasts until the next run begins,
    or until the chunk ends. A run that still has no duration is joined to the previous one, or else to the next one.
    Intervals are in order and disjoint for any sequence of tokens.

    Args:
        tokens: Text and timestamp tokens.
        first_timestamp: Token of 0.00 s; each further one is 0.02 s later.
        duration_s: Length of the chunk.
    """
    runs: list[tuple[Seconds, Seconds, list[int]]] = []
    time_s: Seconds = 0.0
    text: list[int] = []
    start_s: Seconds = 0.0
    for token in tokens:
        if token < first_timestamp:
            if not text:
                start_s = time_s
            text.append(token)
            continue
        time_s = min(duration_s, max(time_s, (token - first_timestamp) * TIMESTAMP_S))
        if text:
            runs.append((start_s, time_s, text))
            text = []
    if text:
        runs.append((start_s, start_s, text))
    next_starts = [*(start_s for start_s, _, _ in runs[1:]), duration_s]
    split: list[tuple[Span, list[int]]] = []
    without_duration: list[int] = []
    for (start_s, end_s, run), next_start_s in zip(runs, next_starts, strict=False):
        span = Span(start_s, end_s if end_s > start_s else next_start_s)
        if span.duration_s >= _MIN_RUN_S:
            split.append((span, without_duration + run))
            without_duration = []
        elif split:
            split[-1][1].extend(run)
        else:
            without_duration += run
    if split or not without_duration:
        return split
    return [(Span(max(0.0, duration_s - TIMESTAMP_S), duration_s), without_duration)]


def _floor_to_ms(time_s: Seconds) -> Seconds:
    """Round a time down to milliseconds: no segment may end after the recording."""
    return math.floor(time_s * 1000 + 1e-6) / 1000
