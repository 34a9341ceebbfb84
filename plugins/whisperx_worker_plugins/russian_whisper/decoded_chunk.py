"""Decoder output of one chunk: tokens, text and scores."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker_plugins.russian_whisper.attention_alignment import SegmentWords


@dataclass(frozen=True)
class DecodedChunk:
    """Tokens, text and scores of one chunk."""

    tokens: tuple[int, ...]
    """Text and timestamp tokens, without the prompt."""
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    words: SegmentWords = ()
    """Words of each segment of the chunk, where the job needs word times."""


def compression_ratio(text: str) -> float:
    """Return the length of a text divided by its length after zlib; repetition raises it."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))
