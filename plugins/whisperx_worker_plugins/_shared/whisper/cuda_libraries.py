"""Preloading of the CUDA libraries that CTranslate2 opens by name, from the folders of pip packages."""

from __future__ import annotations

import ctypes
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker import WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

CUBLAS = "libcublas.so.12"
"""cuBLAS, which CTranslate2 opens for its first matrix product."""
_CUDNN = "libcudnn.so.9"
"""cuDNN, which only CTranslate2 up to 4.6 opens."""


def preload_cuda_libraries() -> None:
    """Load cuBLAS, and cuDNN if it is installed; CTranslate2 then finds them by name.

    The dynamic loader's search comes first: system folders, `LD_LIBRARY_PATH`, and the libraries that torch has
    loaded. The `nvidia` packages of pip come second.

    Raises:
        WorkerError: When cuBLAS is in none of these folders.
    """
    if not _load(CUBLAS):
        raise WorkerError(
            f"cuBLAS ({CUBLAS}) is not installed, and nothing can be recognised on the GPU without it; "
            "install the package nvidia-cublas-cu12, or name the library's folder in LD_LIBRARY_PATH"
        )
    _load(_CUDNN)


def _load(name: str) -> bool:
    """Load a library for the whole process; return False if it is not found."""
    for candidate in (name, *_find_installed(name)):
        try:
            ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            log.debug("%s was not loaded: %s", candidate, error)
        else:
            return True
    return False


def _find_installed(name: str) -> Iterator[str]:
    """Yield paths of a library in the folders of the `nvidia` namespace package."""
    spec = find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield from map(str, sorted(Path(folder).glob(f"*/lib/{name}")))
