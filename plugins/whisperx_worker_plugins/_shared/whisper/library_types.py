"""Names for values of faster-whisper and CTranslate2, which have no types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from whisperx_worker import Seconds

Whisper: TypeAlias = Any
"""`faster_whisper.WhisperModel`."""

Tokenizer: TypeAlias = Any
"""`faster_whisper.tokenizer.Tokenizer`."""

EncoderStates: TypeAlias = Any
"""`ctranslate2.StorageView` of the encoder's output, shape (chunks, states, width)."""

TIMESTAMP_S: Seconds = 0.02
"""Step of Whisper's timestamp tokens."""
