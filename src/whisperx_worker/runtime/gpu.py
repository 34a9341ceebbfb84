"""CUDA streams for torch stages, and release of unused GPU memory.

Without torch or a GPU the functions do nothing.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

MIN_RELEASED_MB = 512.0
"""Unused memory from which a release is worth the cost of allocating it again."""

_lock = threading.Lock()
_loading = threading.RLock()
_streams: dict[str, Any] = {}
"""CUDA streams by stage, so that jobs share the memory that torch caches for each."""
_running: list[str] = []
"""Running stages."""


@contextmanager
def torch_loading() -> Iterator[None]:
    """Load a torch model while no other thread loads one.

    Libraries change for the whole process how torch makes modules while they load theirs; a module that another thread
    makes meanwhile has no weights ("Cannot copy out of meta tensor").
    """
    with _loading:
        yield


@contextmanager
def torch_stage(name: str, device: str) -> Iterator[None]:
    """Run a stage's torch work in its CUDA stream, and release unused memory afterwards.

    In the default stream the stage and other libraries would wait for each other. Its results must leave the GPU
    inside of the block. On the CPU it does nothing.

    Args:
        name: Stages of one name share a stream.
        device: "cpu" or "cuda".
    """
    if device == "cpu":
        yield
        return
    import torch

    cuda: Any = torch.cuda
    with _lock:
        _running.append(name)
    try:
        with _lock:
            stream = _streams[name] = _streams.get(name) or cuda.Stream()
        stream.wait_stream(cuda.default_stream())  # models are loaded there
        with cuda.stream(stream):
            yield
            stream.synchronize()  # so that what fails in it fails here, in its own stage
    finally:
        with _lock:
            _running.remove(name)
            if not _running:
                release_memory(MIN_RELEASED_MB)


def release_memory(min_mb: float = 0.0) -> None:
    """Release the GPU memory that torch caches unused, if it is at least `min_mb`."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return
    try:
        unused_mb = (torch.cuda.memory_reserved() - torch.cuda.memory_allocated()) / 1e6
        if unused_mb >= min_mb:
            torch.cuda.empty_cache()
            log.info("gave back %.0f MB of the GPU's memory", unused_mb)
    except RuntimeError as error:  # the stage whose GPU failed says so itself
        log.warning("the GPU's memory could not be given back: %s", error)
