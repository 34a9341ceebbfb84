"""Two lines of one job at the same time. It knows no hook and no audio, only how two pieces of work end together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from whisperx_worker.errors import JobCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whisperx_worker.hooks.job import Job

A = TypeVar("A")
B = TypeVar("B")


def together(job: Job, here: Callable[[], A], aside: Callable[[], B]) -> tuple[A, B]:
    """Do two things at the same time, and give both answers.

    When one fails the other stops at its next `job.progress`, and the failure is raised once both have ended: no
    thread outlives this call. What is logged aside belongs to the same job.

    Args:
        job: Whose work it is.
        here: Runs in this thread.
        aside: Runs in a thread of its own, with a copy of this one's context variables.

    Raises:
        BaseException: What the first one to fail raised, whichever thread it was in.
    """

    def guarded() -> B:
        with _failure_cancels(job):
            return aside()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside") as pool, _failure_cancels(job):
        running = pool.submit(copy_context().run, guarded)
        try:
            answer = here()
            return answer, running.result()
        except JobCancelledError:
            running.result()  # raises the reason, where the other line's failure is what cancelled this one
            raise
        finally:
            del running  # it holds its exception, whose traceback holds this frame


@contextmanager
def _failure_cancels(job: Job) -> Iterator[None]:
    try:
        yield
    except BaseException:
        job.cancel()
        raise
