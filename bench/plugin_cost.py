"""Rows of `bench.speed` about what the plugin host costs a job without foreign plugins.

The host's functions are timed in the shipped job itself, by the CPU time of their threads, and what they spend in the
worker's own plugins is taken off.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

from bench.duel import Outcome, dialogue, flac
from bench.duels_of_jobs import open_quiet_worker, request, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from whisperx_worker.types import Seconds

ROUNDS = 7


@dataclass
class Meter:
    """CPU seconds of functions by group; of calls inside one another only the outermost counts."""

    seconds: dict[str, Seconds] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: threading.local = field(default_factory=threading.local)

    def timed(self, group: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is timed."""

        @functools.wraps(function)
        def run(*arguments: object, **named: object) -> object:
            if getattr(self._open, group, False):
                return function(*arguments, **named)
            setattr(self._open, group, True)
            began = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                took = time.thread_time() - began
                setattr(self._open, group, False)
                with self._lock:
                    self.seconds[group] = self.seconds.get(group, 0.0) + took

        return run


@contextlib.contextmanager
def metered() -> Iterator[Meter]:
    """Time the functions of the host while a job runs."""
    from whisperx_worker.hooks import dispatch, plugin_call
    from whisperx_worker.pipeline import outcome, run

    places: list[tuple[ModuleType, str, str]] = [
        *((run, name, "host") for name in ("run_chain", "run_engine", "import_for", "with_valid_extra")),
        *((outcome, name, "host") for name in ("run_chain", "notify_observers")),
        (dispatch, "notify_observers", "host"),
        (dispatch, "find_fault", "contents"),
        (plugin_call, "call_contained", "plugins"),
    ]
    meter = Meter()
    with contextlib.ExitStack() as stack:
        for module, name, group in places:
            stack.enter_context(mock.patch.object(module, name, meter.timed(group, getattr(module, name))))
        yield meter


@functools.cache
def measure() -> tuple[Seconds, Seconds, Seconds]:
    """Return the least seconds of the whole host, of its checks of contents, and of the job."""
    worker, data = open_quiet_worker(), request(flac(dialogue()), align_output=True, diarization=True)
    run_job(worker, data)
    host_s, contents_s, job_s = [], [], []
    for _ in range(ROUNDS):
        with metered() as meter:
            began = time.perf_counter()
            run_job(worker, data)
            job_s.append(time.perf_counter() - began)
        host_s.append(meter.seconds["host"] - meter.seconds["plugins"])
        contents_s.append(meter.seconds["contents"])
    return min(host_s), min(contents_s), min(job_s)


def host() -> Outcome:
    """Run chains, engines and observers, choose engines, and check contents and extra data."""
    host_s, _, job_s = measure()
    return Outcome(host_s, job_s, note="CPU time beside a job of 62.5 s with words and speakers")


def contents() -> Outcome:
    """Check what the engines return."""
    _, contents_s, job_s = measure()
    return Outcome(contents_s, job_s, note="CPU time beside a job of 62.5 s with words and speakers")
