"""Whether a model knows timestamps: from its folder, else found out in its first batch.

A Whisper that was fine-tuned without timestamps ends its text without a closing one, although the rules of decoding
force an opening one; or what it writes has nothing to do with the time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_whisper.library_types import TIMESTAMP_S
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import find_first_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Seconds, Settings
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk
    from whisperx_worker_plugins.russian_whisper.library_types import Whisper

log = logging.getLogger(__name__)

_MIN_SPEECH_S: Seconds = 2.0
"""Minimum speech of a chunk that counts."""


@dataclass
class TimestampKnowledge:
    """Knowledge of timestamps of one loaded model, kept with it."""

    known: bool | None = None
    """None until it is found out."""
    always: bool = False
    """Whether the model's folder asks for timestamps in each text."""

    def find_out(self, decoded: Sequence[DecodedChunk], whisper: Whisper, settings: Settings) -> None:
        """Find out from a batch that was decoded with timestamps.

        It stays unknown where no chunk with enough speech has a complete text. A text that a model invents without
        speech, or repeats, often has no closing timestamp and does not count.

        Args:
            decoded: The decoder's output, without a prompt before it.
            whisper: The model.
            settings: For the no-speech and the compression ratio threshold.
        """
        first_timestamp, max_tokens = find_first_timestamp(whisper), whisper.max_length // 2
        texts = [
            one
            for one in decoded
            if one.text
            and one.speech_s >= _MIN_SPEECH_S
            and one.no_speech_prob <= settings.no_speech_threshold
            and one.compression_ratio <= settings.compression_ratio_threshold
            and len(one.tokens) < max_tokens
        ]
        if texts:
            timed = sum(_is_timed(one, first_timestamp) for one in texts)
            self.known = 2 * timed >= len(texts)
            log.info(
                "the model knows %s: %d of the first %d texts have them",
                "timestamps" if self.known else "no timestamps", timed, len(texts),
            )  # fmt: skip


def _is_timed(decoded: DecodedChunk, first_timestamp: int) -> bool:
    """Return whether a timestamp follows text, not before half of the speech."""
    is_text = [token < first_timestamp for token in decoded.tokens]
    after_text = decoded.tokens[is_text.index(True) :] if True in is_text else ()
    last_s = max((token - first_timestamp for token in after_text), default=-1) * TIMESTAMP_S
    return last_s >= decoded.speech_s / 2
