"""Limit on the size of encoded audio, as a file, in base64 or as a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker.contract.settings import Settings

_BYTES_PER_MB = 1024 * 1024


def max_audio_bytes(settings: Settings) -> int:
    """Return the size in bytes that `max_audio_mb` allows."""
    return int(settings.max_audio_mb * _BYTES_PER_MB)


def too_large(subject: str, settings: Settings) -> str:
    """Return the sentence about audio above the limit.

    Args:
        subject: What is too large, such as "the file".
        settings: Of which `max_audio_mb` is the limit.
    """
    return f"{subject} is larger than {settings.max_audio_mb:g} MB"
