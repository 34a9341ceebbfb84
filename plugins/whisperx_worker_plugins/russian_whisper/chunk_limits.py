"""Limits of a model's chunks, from the settings or from the model's folder."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import ModelNotFoundError, Seconds, Settings
from whisperx_worker_plugins._shared.whisper.spectrogram import WINDOW_S
from whisperx_worker_plugins.russian_whisper.chunking import ChunkLimits

if TYPE_CHECKING:
    from pathlib import Path

CHUNK_LIMITS_FILE = "chunks.json"
"""Optional file in a model's folder with the fields of `ChunkLimits`."""

_MIN_CHUNK_S: Seconds = 1.0
"""Each chunk takes the time of a whole window."""


def read_chunk_limits(folder: Path, settings: Settings) -> ChunkLimits:
    """Return the chunk limits from the settings, else from the model's folder, else Whisper's.

    Raises:
        ModelNotFoundError: When the folder's file is invalid.
    """
    file = folder / CHUNK_LIMITS_FILE
    try:
        limits = ChunkLimits(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else ChunkLimits()
        is_valid = _MIN_CHUNK_S <= limits.longest_s <= WINDOW_S and 0 <= limits.longest_pause_s <= WINDOW_S
        is_valid = is_valid and isinstance(limits.join_across_pauses, bool) and not limits.seams
    except (OSError, ValueError, TypeError):
        is_valid = False
    if not is_valid:
        raise ModelNotFoundError(
            f"the {CHUNK_LIMITS_FILE} of the model {folder.name!r} cannot be used: it may have longest_s from "
            f"{_MIN_CHUNK_S:g} to {WINDOW_S:g} and longest_pause_s from 0 to {WINDOW_S:g}, "
            "and join_across_pauses true or false"
        )
    return limits if settings.chunk_s is None else replace(limits, longest_s=settings.chunk_s)
