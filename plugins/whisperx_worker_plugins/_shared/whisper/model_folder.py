"""CTranslate2 Whisper folder: its required files and its use of timestamps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from whisperx_worker import ModelNotFoundError, ModelRequirement, Settings, find_model
from whisperx_worker_plugins._shared.model_requirements import with_production_model
from whisperx_worker_plugins._shared.whisper import cuda_libraries

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

DECODING_FILE = "decoding.json"
"""Optional file in a model's folder, with the field `timestamps`: decode each text with them, or none."""

_CHECKED_FILES = ("model.bin", "config.json", "tokenizer.json")
REQUIRED_FILES = (*_CHECKED_FILES, "vocabulary.json|vocabulary.txt")
"""Files that a folder must have; CTranslate2 itself reports the last as missing."""

PRODUCTION_MODEL = "faster-whisper-large-v3-russian"


def whisper_requirements(settings: Settings, step: str) -> list[ModelRequirement]:
    """Return the requirements of the configured and the production model, for a step.

    The libraries of speech detection, which comes before each of these steps, are among them.
    """
    return with_production_model(
        ModelRequirement(
            settings.model,
            step,
            REQUIRED_FILES,
            libraries=("faster_whisper", "ctranslate2", "silero_vad"),
            imports=("faster_whisper", "onnxruntime"),
            optional=("preprocessor_config.json",),
            gpu_setup=(f"{cuda_libraries.__name__}:preload_cuda_libraries",),
        ),
        ModelRequirement(PRODUCTION_MODEL, step, on_request=True, hub_id=f"bzikst/{PRODUCTION_MODEL}"),
    )


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
