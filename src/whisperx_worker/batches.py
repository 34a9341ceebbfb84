"""Batches that fit into memory. Knows no model library; their exceptions are told by name and text."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
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


@dataclass
class Fitting:
    """Works through batches in pieces that fit into memory. A size that did not fit once is not tried again."""

    job: Job
    """Is told of each halving."""
    stage: str
    """Its name in warnings and errors."""
    most: int = sys.maxsize
    """Items in a piece at most."""

    def run(self, batch: Sequence[T], work: Callable[[Sequence[T]], Sequence[R]]) -> list[R]:
        """The answers of a batch, in order.

        Args:
            batch: What to work on.
            work: Gets a piece of it, and gives one answer for each of its items, in order.

        Raises:
            WorkerError: When a single item does not fit either.
        """
        answers: list[R] = []

        def next_ones(size: int) -> Sequence[R]:
            return work(batch[len(answers) : len(answers) + size])

        while len(answers) < len(batch):
            answers += self.sized(len(batch) - len(answers), next_ones)
        return answers

    def sized(self, size: int, work: Callable[[int], R]) -> R:
        """What work gives at the first size of its batches that fits; it may begin anew several times.

        Args:
            size: Items in a batch at most.
            work: Gets how many items its batches may have.

        Raises:
            WorkerError: When batches of one do not fit either.
        """
        while True:
            self.job.stop_if_cancelled()
            tried = min(size, self.most)
            try:
                return work(tried)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                log.warning("%s ran out of memory: %s", self.stage, error)
            self._halve(tried)

    def _halve(self, size: int) -> None:
        # Outside of the except clause, so that the exception no longer holds what filled the memory.
        if size == 1:
            raise WorkerError(f"{self.stage} ran out of memory, with a batch of one even")
        self.most = size // 2
        _release_memory()
        self.job.warn(f"{self.stage} ran out of memory with a batch of {size}, and went on with {self.most}")


def in_batches(
    items: Sequence[T], size: int, work: Callable[[Sequence[T]], Sequence[R]], job: Job, stage: str
) -> list[R]:
    """Work through items batch by batch, as `Fitting` does, and report progress before each.

    Args:
        items: What to work on.
        size: Items in a batch at most; at least 1.
        work: Gets a batch, and gives one answer for each of its items, in order.
        job: For progress and warnings.
        stage: Its name in both.

    Returns:
        The answers, in order.

    Raises:
        WorkerError: When a single item does not fit into memory.
    """
    fitting, answers = Fitting(job, stage), []
    for start in range(0, len(items), size):
        job.progress(stage, start / len(items))
        answers += fitting.run(items[start : start + size], work)
    return answers


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is how Python, numpy, torch, CTranslate2 or onnxruntime say that memory is used up."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def _release_memory() -> None:
    """Give back what torch keeps of the GPU's memory for later, where torch is loaded at all."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
