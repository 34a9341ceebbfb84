"""A CTranslate2 Whisper folder, checked, loaded through faster-whisper, and shared."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from whisperx_worker import (
    BadInputError,
    ModelNotFoundError,
    ModelShelf,
    Seconds,
    Settings,
    find_model,
    folder_mb,
    pick_device,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import SecretStr

Whisper: TypeAlias = Any
"""A `faster_whisper.WhisperModel`."""

Tokenizer: TypeAlias = Any
"""A `faster_whisper.tokenizer.Tokenizer`."""

Encoded: TypeAlias = Any
"""A `ctranslate2.StorageView` of what the encoder made of some chunks, shape (chunks, frames, width)."""

TIMESTAMP_S: Seconds = 0.02
"""One step of Whisper's timestamp tokens."""

_DEFAULT_COMPUTE_TYPE = {"cuda": "float16", "cpu": "int8"}
_NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")


@contextmanager
def borrowed(
    models: ModelShelf, settings: Settings, name: str, compute_type: str | None, token: SecretStr | None = None
) -> Iterator[Whisper]:
    """The model of that name, loaded once per process, device and precision.

    Raises:
        ModelNotFoundError: When there is no such folder, or a file in it is missing.
        BadInputError: When the device cannot compute in this precision.
    """
    device = _device(settings)
    compute_type = compute_type or _DEFAULT_COMPUTE_TYPE[device]
    _check_compute_type(compute_type, device)
    folder = find_model(name, settings, token)
    # Without these faster-whisper would go to the hub, or to a tokenizer of another model.
    missing = [file for file in _NEEDED_FILES if not (folder / file).is_file()]
    if missing:
        raise ModelNotFoundError(
            f"the model {folder.name!r} is no CTranslate2 Whisper: it has no {' and no '.join(missing)}"
        )

    def load() -> Whisper:
        from faster_whisper import WhisperModel

        threads = settings.threads or len(os.sched_getaffinity(0))
        return WhisperModel(str(folder), device=device, compute_type=compute_type, cpu_threads=threads)

    key = ("whisper", str(folder), device, compute_type)
    with models.borrow(key, load, folder_mb(folder)) as whisper:
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
