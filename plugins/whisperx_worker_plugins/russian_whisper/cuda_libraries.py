"""Loads the CUDA libraries that CTranslate2 opens by name, where pip installed them and no loader looks."""

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
"""Every CTranslate2 that this worker allows opens it for the first product of matrices."""
_CUDNN = "libcudnn.so.9"
"""Opened by CTranslate2 up to 4.6 only."""


def preload_cuda_libraries() -> None:
    """Load cuBLAS, and cuDNN if it is installed, so that CTranslate2 finds them by name.

    The loader's own search comes first: the system's folders, `LD_LIBRARY_PATH`, and what torch has loaded already.
    Then come the `nvidia` packages of pip.

    Raises:
        WorkerError: When cuBLAS is in none of these places.
    """
    if not _load(CUBLAS):
        raise WorkerError(
            f"cuBLAS ({CUBLAS}) is not installed, and nothing can be recognised on the GPU without it; "
            "install the package nvidia-cublas-cu12, or name the library's folder in LD_LIBRARY_PATH"
        )
    _load(_CUDNN)


def _load(name: str) -> bool:
    """Load a library for the whole process; False if it is in no place."""
    for candidate in (name, *_installed(name)):
        try:
            ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            log.debug("%s was not loaded: %s", candidate, error)
        else:
            return True
    return False


def _installed(name: str) -> Iterator[str]:
    """Paths of a library in the packages of NVIDIA, each of which is a folder of the namespace `nvidia`."""
    spec = find_spec("nvidia")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield from map(str, sorted(Path(place).glob(f"*/lib/{name}")))
