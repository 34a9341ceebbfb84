"""CTranslate2 Whisper model, loaded by faster-whisper and shared between jobs."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from whisperx_worker import (
    BadInputError,
    ModelCache,
    Settings,
    folder_mb,
    pick_device,
)
from whisperx_worker_plugins._shared.whisper.cuda_libraries import preload_cuda_libraries
from whisperx_worker_plugins._shared.whisper.model_folder import read_timestamps
from whisperx_worker_plugins._shared.whisper.spectrogram import match_mel_bands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from whisperx_worker_plugins._shared.whisper.library_types import Whisper


log = logging.getLogger(__name__)

_DEFAULT_COMPUTE_TYPE = {"cuda": "float16", "cpu": "int8"}


@contextmanager
def use_whisper(models: ModelCache, settings: Settings, folder: Path, compute_type: str | None) -> Iterator[Whisper]:
    """Load a folder's model into the cache, and keep it there during use.

    A process has one model for each folder, device and precision.

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
        match_mel_bands(whisper, folder)
        whisper.timestamps = read_timestamps(folder)
        return whisper

    key = ("whisper", str(folder), device, compute_type)
    with models.use(key, load, folder_mb(folder)) as whisper:
        yield whisper


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
