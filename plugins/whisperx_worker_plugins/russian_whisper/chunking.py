"""Speech intervals packed into chunks that fill a Whisper window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import Audio, Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WINDOW_S: Seconds = 30.0
"""Length of the encoder's input window."""


@dataclass(frozen=True)
class ChunkLimits:
    """Limits on the length of a chunk and on the pauses inside it."""

    longest_s: Seconds = WINDOW_S
    """Maximum length of a chunk."""
    longest_pause_s: Seconds = 5.0
    """Maximum pause inside a chunk: silence in it leads to hallucinated text."""


def pack_chunks(speech: Sequence[Span], limits: ChunkLimits) -> list[Span]:
    """Join neighbouring speech intervals into chunks within the limits."""
    chunks: list[Span] = []
    for span in speech:
        last = chunks[-1] if chunks else None
        if last and span.end - last.start <= limits.longest_s and span.start - last.end <= limits.longest_pause_s:
            chunks[-1] = Span(last.start, span.end)
        else:
            chunks.append(span)
    return chunks


def speech_window(speech: Sequence[Span], skip_s: Seconds) -> list[Span]:
    """Return intervals of up to 30 s of speech, without the pauses.

    Args:
        speech: Speech intervals, in time order.
        skip_s: Seconds of speech before the window.
    """
    parts: list[Span] = []
    left_s = WINDOW_S
    for span in speech:
        if skip_s >= span.duration_s:
            skip_s -= span.duration_s
            continue
        start, skip_s = span.start + skip_s, 0.0
        end = min(span.end, start + left_s)
        parts.append(Span(start, end))
        left_s -= end - start
        if left_s <= 0:
            break
    return parts


def join_samples(audio: Audio, parts: Sequence[Span]) -> NDArray[np.float32]:
    """Concatenate the samples of some intervals; shape (n,)."""
    return np.concatenate([np.zeros(0, np.float32), *(audio.between(part.start, part.end) for part in parts)])
