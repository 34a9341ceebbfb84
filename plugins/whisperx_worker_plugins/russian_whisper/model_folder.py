"""CTranslate2 Whisper folder: its required files, its chunk limits and its use of timestamps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import ModelNotFoundError, Seconds, Settings, find_model
from whisperx_worker_plugins.russian_whisper.chunking import WINDOW_S, ChunkLimits

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

CHUNK_LIMITS_FILE = "chunks.json"
"""Optional file in a model's folder with the fields of `ChunkLimits`."""

DECODING_FILE = "decoding.json"
"""Optional file in a model's folder, with the field `timestamps`: decode each text with them, or none."""

_MIN_CHUNK_S: Seconds = 1.0
"""Each chunk takes the time of a whole window."""

_CHECKED_FILES = ("model.bin", "config.json", "tokenizer.json")
REQUIRED_FILES = (*_CHECKED_FILES, "vocabulary.json|vocabulary.txt")
"""Files that a folder must have; CTranslate2 itself reports the last as missing."""


def find_model_folder(name: str, settings: Settings, token: SecretStr | None = None) -> Path:
    """Return the folder of a model.

    Raises:
        ModelNotFoundError: When there is no such folder, or one of its files is missing.
    """
    folder = find_model(name, settings, token)
    # Without these faster-whisper would download, or use the tokenizer of another model.
    missing = [file for file in _CHECKED_FILES if not (folder / file).is_file()]
    if missing:
        raise ModelNotFoundError(
            f"the model {folder.name!r} is no CTranslate2 Whisper: it has no {' and no '.join(missing)}"
        )
    return folder


def read_chunk_limits(folder: Path, settings: Settings) -> ChunkLimits:
    """Return the chunk limits from the settings, else from the model's folder, else Whisper's.

    Raises:
        ModelNotFoundError: When the folder's file is invalid.
    """
    file = folder / CHUNK_LIMITS_FILE
    try:
        limits = ChunkLimits(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else ChunkLimits()
        is_valid = _MIN_CHUNK_S <= limits.longest_s <= WINDOW_S and 0 <= limits.longest_pause_s <= WINDOW_S
        is_valid = is_valid and isinstance(limits.join_across_pauses, bool)
    except (OSError, ValueError, TypeError):
        is_valid = False
    if not is_valid:
        raise ModelNotFoundError(
            f"the {CHUNK_LIMITS_FILE} of the model {folder.name!r} cannot be used: it may have longest_s from "
            f"{_MIN_CHUNK_S:g} to {WINDOW_S:g} and longest_pause_s from 0 to {WINDOW_S:g}, "
            "and join_across_pauses true or false"
        )
    return limits if settings.chunk_s is None else replace(limits, longest_s=settings.chunk_s)


def read_timestamps(folder: Path) -> bool | None:
    """Return whether each text is decoded with timestamps, None where the folder does not say.

    Raises:
        ModelNotFoundError: When the folder's file is invalid.
    """
    file = folder / DECODING_FILE
    try:
        fields = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        is_valid = isinstance(fields, dict) and not fields.keys() - {"timestamps"}
        is_valid = is_valid and isinstance(fields.get("timestamps", True), bool)
    except (OSError, ValueError):
        is_valid = False
    if not is_valid:
        raise ModelNotFoundError(
            f"the {DECODING_FILE} of the model {folder.name!r} cannot be used: it may have timestamps, true or false"
        )
    known: bool | None = fields.get("timestamps")
    return known
