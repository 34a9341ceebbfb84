"""Batches that fit into memory. Knows no model library; their exceptions are told by name and text."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TypeVar

from whisperx_worker.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from whisperx_worker.job import Job

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

_SIGNS = ("out of memory", "can't allocate memory", "alloc_failed", "bad_alloc", "failed to allocate memory")
"""What CTranslate2, cuBLAS, torch on a CPU and onnxruntime say, all as `RuntimeError`."""


def in_batches(
    items: Sequence[T], size: int, work: Callable[[Sequence[T]], Sequence[R]], job: Job, stage: str
) -> list[R]:
    """Work through items batch by batch, reporting progress before each; too big a batch is halved.

    When `work` runs out of memory its batch is tried again at half the size, as are all that follow, and the client is
    told.

    Args:
        items: What to work on.
        size: Items in a batch at most; at least 1.
        work: Gets a batch, and gives one answer for each of its items, in order.
        job: For progress and the warning.
        stage: Its name in both.

    Returns:
        The answers, in order.

    Raises:
        WorkerError: When a single item does not fit either.
    """
    answers: list[R] = []
    while len(answers) < len(items):
        job.progress(stage, len(answers) / len(items))
        batch = items[len(answers) : len(answers) + size]
        try:
            answers += work(batch)
            continue
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            log.warning("%s ran out of memory: %s", stage, error)
        if len(batch) == 1:
            raise WorkerError(f"{stage} ran out of memory, with a batch of one even")
        size = len(batch) // 2
        release_memory()
        job.warn(f"{stage} ran out of memory with a batch of {len(batch)}, and went on with {size}")
    return answers


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is how Python, numpy, torch, CTranslate2 or onnxruntime say that memory is used up."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def release_memory() -> None:
    """Give back what torch keeps of the GPU's memory for later, where torch is loaded at all."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
