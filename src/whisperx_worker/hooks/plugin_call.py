"""One call of one plugin: its arguments, its time, what it prints, and what it must not do."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future
from contextvars import copy_context
from typing import TYPE_CHECKING

from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.plugin_failure import call_contained
from whisperx_worker.logs.plugin_output import printing_to_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pluggy import HookImpl

    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Seconds

GRACE_S: Seconds = 2.0
"""Time beyond that of the job, in which a plugin may stop by itself."""
ISOLATED = "whisperx_worker_isolated"
"""Attribute of functions that call a process of the plugin's own, and keep the time limit."""


def call(implementation: HookImpl, arguments: Mapping[str, object], job: Job) -> object:
    """Call one plugin with the arguments in its signature.

    A fault of the GPU is noted, whoever isolates it.

    Raises:
        PluginError: As `call_contained` raises it, or when the plugin takes longer than it may.
    """
    available = {**arguments, "job": job, "options": job.options.get(implementation.plugin_name)}
    required = [available[name] for name in implementation.argnames]
    with_default = {name: available[name] for name in implementation.kwargnames if name in available}

    def run() -> object:
        with printing_to_log(implementation.plugin_name):
            return call_contained(implementation.function, *required, **with_default)

    limit_s = math.inf if hasattr(implementation.function, ISOLATED) else time_limit(job)
    try:
        return run() if math.isinf(limit_s) else _run_within(limit_s, run, job)
    except Exception as error:
        job.health.note(error)
        raise


def time_limit(job: Job) -> Seconds:
    """Return how long one call of a plugin may take."""
    return min(job.settings.plugins_limit_s or math.inf, job.left_s + GRACE_S)


def _run_within(limit_s: Seconds, run: Callable[[], object], job: Job) -> object:
    """Run a function in a thread, which is left to itself when its time is over.

    Raises:
        PluginError: When its time is over.
    """
    done: Future[object] = Future()

    def work() -> None:
        try:
            done.set_result(run())
        except BaseException as error:  # noqa: BLE001  it is raised where it is awaited
            done.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), name="plugin", daemon=True)
    thread.start()
    thread.join(limit_s)
    if done.done():
        return done.result()
    job.health.left_behind.append(thread)
    raise PluginError(f"it did not end in {limit_s:.1f} s, which is all the time that it has")
