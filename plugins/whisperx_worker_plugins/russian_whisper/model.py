"""A CTranslate2 Whisper folder, checked, loaded through faster-whisper, and shared."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from whisperx_worker import (
    BadInputError,
    ModelCache,
    ModelNotFoundError,
    Seconds,
    Settings,
    find_model,
    folder_mb,
    pick_device,
)
from whisperx_worker_plugins.russian_whisper.cuda_libraries import preload_cuda_libraries
from whisperx_worker_plugins.russian_whisper.speech import WINDOW_S, Packing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import SecretStr

log = logging.getLogger(__name__)

Whisper: TypeAlias = Any
"""A `faster_whisper.WhisperModel`."""

Tokenizer: TypeAlias = Any
"""A `faster_whisper.tokenizer.Tokenizer`."""

Encoded: TypeAlias = Any
"""A `ctranslate2.StorageView` of what the encoder made of some chunks, shape (chunks, frames, width)."""

TIMESTAMP_S: Seconds = 0.02
"""One step of Whisper's timestamp tokens."""

_DEFAULT_COMPUTE_TYPE = {"cuda": "float16", "cpu": "int8"}
PACKING_FILE = "chunks.json"
"""In a model's folder: the fields of `Packing`, for a model that likes other chunks than Whisper's own."""

_NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
FILES = (*_NEEDED_FILES, "vocabulary.json|vocabulary.txt")
"""What a folder must have; CTranslate2 itself misses the last."""


def folder_of(name: str, settings: Settings, token: SecretStr | None = None) -> Path:
    """The folder of the model of that name.

    Raises:
        ModelNotFoundError: When there is no such folder, or a file in it is missing.
    """
    folder = find_model(name, settings, token)
    # Without these faster-whisper would go to the hub, or to a tokenizer of another model.
    missing = [file for file in _NEEDED_FILES if not (folder / file).is_file()]
    if missing:
        raise ModelNotFoundError(
            f"the model {folder.name!r} is no CTranslate2 Whisper: it has no {' and no '.join(missing)}"
        )
    return folder


def packing_of(folder: Path, settings: Settings) -> Packing:
    """How a model likes its speech packed: what the operator says, else what its folder says, else Whisper's own.

    Raises:
        ModelNotFoundError: When the folder says something else than that.
    """
    said = folder / PACKING_FILE
    try:
        packing = Packing(**json.loads(said.read_text(encoding="utf-8"))) if said.is_file() else Packing()
        fits = 0 < packing.longest_s <= WINDOW_S and packing.longest_pause_s >= 0
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise ModelNotFoundError(f"the {PACKING_FILE} of the model {folder.name!r} cannot be used")
    return packing if settings.chunk_s is None else replace(packing, longest_s=settings.chunk_s)


@contextmanager
def borrowed(models: ModelCache, settings: Settings, folder: Path, compute_type: str | None) -> Iterator[Whisper]:
    """The model of a folder, loaded once per process, device and precision.

    Raises:
        BadInputError: When the device cannot compute in this precision.
        WorkerError: When the device is a GPU and cuBLAS is not installed.
    """
    device = _device(settings)
    compute_type = compute_type or _DEFAULT_COMPUTE_TYPE[device]
    _check_compute_type(compute_type, device)

    def load() -> Whisper:
        from faster_whisper import WhisperModel

        if device == "cuda":
            preload_cuda_libraries()
        threads = settings.cpu_threads
        whisper = WhisperModel(str(folder), device=device, compute_type=compute_type, cpu_threads=threads)
        _match_mel_bands(whisper, folder)
        return whisper

    key = ("whisper", str(folder), device, compute_type)
    with models.use(key, load, folder_mb(folder)) as whisper:
        yield whisper


def features(whisper: Whisper, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel spectrogram of up to 30 s, padded to a whole window.

    Args:
        whisper: The model, which knows its number of mel bands.
        samples: Shape (n,), float32 at 16 kHz.

    Returns:
        Shape (bands, 3000), float32.
    """
    from faster_whisper.audio import pad_or_trim

    padded: NDArray[np.float32] = pad_or_trim(
        whisper.feature_extractor(samples), whisper.feature_extractor.nb_max_frames
    )
    return padded


def _match_mel_bands(whisper: Whisper, folder: Path) -> None:
    """Make the spectrogram that the weights were trained on, whatever `preprocessor_config.json` says.

    Without the file faster-whisper takes 80 bands; large-v3 has 128.
    """
    from faster_whisper.feature_extractor import FeatureExtractor

    bands, configured = whisper.model.n_mels, len(whisper.feature_extractor.mel_filters)
    if bands == configured:
        return
    if "feature_size" in whisper.feat_kwargs:
        log.warning(
            "the preprocessor_config.json of the model %r says %d mel bands, but its weights have %d, which are used",
            folder.name, configured, bands,
        )  # fmt: skip
    whisper.feat_kwargs = {**whisper.feat_kwargs, "feature_size": bands}
    whisper.feature_extractor = FeatureExtractor(**whisper.feat_kwargs)


def _device(settings: Settings) -> str:
    import ctranslate2

    return pick_device(settings, has_gpu=lambda: ctranslate2.get_cuda_device_count() > 0)


def _check_compute_type(compute_type: str, device: str) -> None:
    import ctranslate2

    supported = {"auto", "default", *ctranslate2.get_supported_compute_types(device)}
    if compute_type not in supported:
        raise BadInputError(
            f"compute_type {compute_type!r} does not work on {device} here; it may be {', '.join(sorted(supported))}"
        )
