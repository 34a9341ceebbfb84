"""A chunk's tokens become segments with times; no text is lost where a timestamp is missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span
from whisperx_worker_plugins.russian_whisper.whisper_model import TIMESTAMP_S

if TYPE_CHECKING:
    from whisperx_worker_plugins.russian_whisper.decoding import Decoded
    from whisperx_worker_plugins.russian_whisper.whisper_model import Whisper

_MIN_LENGTH_S: Seconds = 0.01
"""Half a timestamp; what is shorter has no time of its own."""


def cut(decoded: Decoded, chunk: Span, whisper: Whisper) -> list[Segment]:
    """The segments of one chunk, in time order and apart from each other, none empty, all inside the chunk.

    Args:
        decoded: What the model said.
        chunk: Where it heard it.
        whisper: For its tokenizer.
    """
    tokenizer = whisper.hf_tokenizer
    first_timestamp = tokenizer.token_to_id("<|0.00|>")
    if first_timestamp is None:  # English models call it otherwise than multilingual ones, and always one past this.
        first_timestamp = tokenizer.token_to_id("<|notimestamps|>") + 1
    segments: list[Segment] = []
    for part, tokens in timed(decoded.tokens, first_timestamp, chunk.duration_s):
        text = tokenizer.decode(tokens).strip()
        if text:
            segments.append(
                Segment(
                    start=_whole_ms(chunk.start + part.start),
                    end=_whole_ms(chunk.start + part.end),
                    text=text,
                    words=decoded.words[len(segments)] if decoded.words else (),
                    avg_logprob=decoded.avg_logprob,
                    no_speech_prob=decoded.no_speech_prob,
                    compression_ratio=decoded.compression_ratio,
                    temperature=decoded.temperature,
                )
            )
    return segments


def timed(tokens: tuple[int, ...], first_timestamp: int, duration_s: Seconds) -> list[tuple[Span, list[int]]]:
    """Runs of text tokens between timestamp tokens.

    A run without a closing timestamp, or whose closing one is not after its opening one, lasts until the next run
    begins, or until the chunk ends. One that has no time even so goes into the one before it, or else after it.
    Times never run backwards or overlap, whatever the model says.

    Args:
        tokens: Text and timestamp tokens.
        first_timestamp: The token of 0.00 s; each further one is 0.02 s later.
        duration_s: Length of the chunk.
    """
    runs: list[tuple[Seconds, Seconds, list[int]]] = []
    time_s: Seconds = 0.0
    text: list[int] = []
    began: Seconds = 0.0
    for token in tokens:
        if token < first_timestamp:
            if not text:
                began = time_s
            text.append(token)
            continue
        time_s = min(duration_s, max(time_s, (token - first_timestamp) * TIMESTAMP_S))
        if text:
            runs.append((began, time_s, text))
            text = []
    if text:
        runs.append((began, began, text))
    later = [*(began for began, _, _ in runs[1:]), duration_s]
    found: list[tuple[Span, list[int]]] = []
    timeless: list[int] = []
    for (began, end, run), latest in zip(runs, later, strict=False):
        span = Span(began, end if end > began else latest)
        if span.duration_s >= _MIN_LENGTH_S:
            found.append((span, timeless + run))
            timeless = []
        elif found:
            found[-1][1].extend(run)
        else:
            timeless += run
    return found or ([(Span(max(0.0, duration_s - TIMESTAMP_S), duration_s), timeless)] if timeless else [])


def _whole_ms(time_s: Seconds) -> Seconds:
    """A time rounded down to milliseconds, so that nothing ends after the recording."""
    return math.floor(time_s * 1000 + 1e-6) / 1000
