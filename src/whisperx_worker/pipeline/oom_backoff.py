"""OOM back-off: batch sizes halved until they fit into memory."""

from __future__ import annotations

import gc
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from whisperx_worker.deprecation import warn_renamed
from whisperx_worker.errors import MemoryExhaustedError
from whisperx_worker.runtime.failure_kinds import is_out_of_memory
from whisperx_worker.runtime.gpu import release_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from whisperx_worker.hooks.job import Job

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class OomBackoff:
    """Back-off that halves batches until they fit into memory.

    The first size that does not fit is tried once more, after unused memory was released. From then on each size
    that does not fit is halved, and never tried again.
    """

    job: Job
    """Gets a warning at each halving."""
    stage: str
    """Its name in warnings and errors."""
    most: int = sys.maxsize
    """Items in a piece at most."""
    _was_released: bool = False

    def run(self, batch: Sequence[T], work: Callable[[Sequence[T]], Sequence[R]]) -> list[R]:
        """Return the answers of a batch, in order.

        Args:
            batch: What to work on.
            work: Gets a piece of it, and gives one answer for each of its items, in order.

        Raises:
            MemoryExhaustedError: When a single item does not fit either.
        """
        answers: list[R] = []

        def next_ones(size: int) -> Sequence[R]:
            return work(batch[len(answers) : len(answers) + size])

        while len(answers) < len(batch):
            answers += self.run_at_size(len(batch) - len(answers), next_ones)
        return answers

    def run_at_size(self, size: int, work: Callable[[int], R]) -> R:
        """Call work with the largest batch size that fits, and return its answer.

        It may be called several times.

        Args:
            size: Items in a batch at most.
            work: Gets how many items its batches may have.

        Raises:
            MemoryExhaustedError: When batches of one do not fit either.
        """
        while True:
            self.job.stop_if_cancelled()
            tried = min(size, self.most)
            try:
                return work(tried)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                log.warning(
                    "%s ran out of memory: %s", self.stage, str(error)
                )  # a log that keeps its records keeps frames else
            # Outside of the except clause, so that the exception no longer holds what filled the memory.
            gc.collect()
            release_memory()
            if self._was_released:
                self._halve(tried)
            self._was_released = True

    def sized(self, size: int, work: Callable[[int], R]) -> R:
        """Call `run_at_size`. Deprecated name."""
        warn_renamed("Fitting.sized", "OomBackoff.run_at_size")
        return self.run_at_size(size, work)

    def _halve(self, size: int) -> None:
        if size == 1:
            raise MemoryExhaustedError(f"{self.stage} ran out of memory, with a batch of one even")
        self.most = size // 2
        sentence = f"{self.stage} ran out of memory with a batch of {size}, and went on with {self.most}"
        self.job.warn(sentence, lossless=True)


def in_batches(
    items: Sequence[T], size: int, work: Callable[[Sequence[T]], Sequence[R]], job: Job, stage: str
) -> list[R]:
    """Work through items batch by batch, as `OomBackoff` does, and report progress before each.

    Args:
        items: What to work on.
        size: Items in a batch at most; at least 1.
        work: Gets a batch, and gives one answer for each of its items, in order.
        job: For progress and warnings.
        stage: Its name in both.

    Returns:
        The answers, in order.

    Raises:
        MemoryExhaustedError: When a single item does not fit into memory.
    """
    fitting, answers = OomBackoff(job, stage), []
    for start in range(0, len(items), size):
        job.progress(stage, start / len(items))
        answers += fitting.run(items[start : start + size], work)
    return answers
