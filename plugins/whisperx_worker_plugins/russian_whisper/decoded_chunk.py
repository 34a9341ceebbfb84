"""Decoder output of one chunk: tokens, text and scores."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_whisper.hallucinations import without_possible_loops

if TYPE_CHECKING:
    from whisperx_worker import Seconds
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
    speech_s: Seconds = math.inf
    """Speech that the detector found in the chunk."""
    has_timestamps: bool = True
    """Whether the text was decoded with timestamps."""
    words: SegmentWords = ()
    """Words of each segment of the chunk, where the job needs word times."""


def compression_ratio(text: str, speech_s: Seconds) -> float:
    """Return the letters of a text for each byte of it after zlib; repetition raises it.

    Whisper counts bytes of UTF-8, of which a Cyrillic letter has two, so that its ratio depends on the script. Here
    each letter is one byte, its rank among the letters of the text. What a person can repeat in the time counts once.

    Args:
        text: The text.
        speech_s: Duration of the speech that it was read in.
    """
    text = without_possible_loops(text, speech_s)
    ranks = {letter: rank % 256 for rank, letter in enumerate(sorted(set(text)))}
    return len(text) / len(zlib.compress(bytes(ranks[letter] for letter in text)))
