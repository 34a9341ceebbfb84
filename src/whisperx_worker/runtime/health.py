"""Health of a process: whether later jobs can still succeed in it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from whisperx_worker.errors import (
    BadInputError,
    DeviceError,
    FetchError,
    JobCancelledError,
    JobRefusedError,
    MemoryExhaustedError,
    ModelNotFoundError,
    StrictError,
    WorkerError,
)
from whisperx_worker.runtime.failure_kinds import causes, gpu_fault, root_cause

log = logging.getLogger(__name__)

Place: TypeAlias = tuple[str, str, int]
"""Type of an exception, file and line."""

_MAX_REASON_LETTERS = 200

_FAULTS_OF_CLIENTS = (BadInputError, FetchError, JobCancelledError, JobRefusedError, ModelNotFoundError, StrictError)
_FAULTS_OF_THE_WORKER = (DeviceError, MemoryExhaustedError)


@dataclass(frozen=True)
class Fault:
    """Reason against later jobs in this process."""

    reason: str
    """One sentence, for operators."""
    is_gpu: bool
    """Whether every later job will fail, and not only probably."""


def _one_shot() -> Future[Fault]:
    future: Future[Fault] = Future()
    future.set_running_or_notify_cancel()  # whoever waits for it cannot cancel it
    return future


@dataclass(eq=False)
class Health:
    """Record of the failures of a process. Thread-safe."""

    ended: Future[Fault] = field(default_factory=_one_shot)
    """Resolved with the first fault."""
    fault: Fault | None = None
    """First fault, or the first one of the GPU, which takes precedence."""
    left_behind: list[threading.Thread] = field(default_factory=list)
    """Threads of plugins that did not end in their time."""
    _last: Place | None = None
    """Place of the last internal error, unless a job has succeeded since."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, error: BaseException) -> None:
        """Check an exception of a plugin for a fault of the GPU."""
        if (cause := gpu_fault(error)) is not None:
            self._end(Fault(f"the GPU failed ({_first_line(cause)})", is_gpu=True))

    def job_succeeded(self) -> None:
        """Forget the last internal error."""
        with self._lock:
            self._last = None

    def job_failed(self, error: BaseException) -> None:
        """Check the exception of a failed job.

        Two internal errors in a row at one place are a fault.
        """
        self.note(error)
        if not is_internal(error):
            return
        place = _place(error)
        with self._lock:
            repeated, self._last = self._last == place, place
        if repeated:
            self._end(Fault(f"two jobs in a row died of {place[0]} at {place[1]}:{place[2]}", is_gpu=False))

    def _end(self, fault: Fault) -> None:
        with self._lock:
            if self.fault and self.fault.is_gpu >= fault.is_gpu:
                return
            log.error("this process should do no more jobs: %s", fault.reason)
            self.fault = fault
            if not self.ended.done():
                self.ended.set_result(fault)


def is_internal(error: BaseException) -> bool:
    """Return whether a job failed by the worker, and not by its request, recording or cancellation."""
    chain = list(causes(error))
    if any(isinstance(one, _FAULTS_OF_CLIENTS) for one in chain):
        return False
    return type(error) is WorkerError or any(
        isinstance(one, _FAULTS_OF_THE_WORKER) or not isinstance(one, WorkerError) for one in chain
    )


def _place(error: BaseException) -> Place:
    """Return where the root cause of an exception was raised."""
    root = root_cause(error)
    traceback, file, line = root.__traceback__, "?", 0
    while traceback is not None:
        file, line = traceback.tb_frame.f_code.co_filename.rpartition("/")[2], traceback.tb_lineno
        traceback = traceback.tb_next
    return type(root).__name__, file, line


def _first_line(error: BaseException) -> str:
    """Return the type and the first line of an exception."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:_MAX_REASON_LETTERS]
