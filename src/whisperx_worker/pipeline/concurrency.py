"""Two branches of one job at the same time, and how they end when one fails.

It knows no hook and no audio.
"""

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


def run_concurrently(job: Job, foreground: Callable[[], A], background: Callable[[], B]) -> tuple[A, B]:
    """Run two functions at the same time and return both results.

    When one fails the other stops at its next `job.progress`, and the failure is raised after both have ended: no
    thread outlives this call. What the background logs belongs to the same job.

    Args:
        job: The job that both belong to.
        foreground: Runs in this thread.
        background: Runs in another thread, with a copy of this one's context variables.

    Raises:
        BaseException: What the first one to fail raised, whichever thread it was in.
    """

    def guarded() -> B:
        with _failure_cancels(job):
            return background()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside") as pool, _failure_cancels(job):
        running = pool.submit(copy_context().run, guarded)
        try:
            answer = foreground()
            return answer, running.result()
        except JobCancelledError:
            running.result()  # raises the reason, where the other branch's failure is what cancelled this one
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
