"""RunPod's side of the worker: `python -m whisperx_worker.handler`.

The event loop stays free: a job runs in a thread, and the loop only waits for it. It decides nothing about audio.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import math
import os
import re
import signal
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

# RunPod's SDK prints whole jobs, tokens included, at its default level.
if os.environ.get("RUNPOD_LOG_LEVEL", "").upper() in {"", "DEBUG", "TRACE"}:
    os.environ["RUNPOD_LOG_LEVEL"] = "INFO"

from whisperx_worker.audio import decode_server
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.errors import JobCancelledError, SettingsError
from whisperx_worker.hooks.job import Observers
from whisperx_worker.logs import job_log
from whisperx_worker.pipeline.outcome import release_jobs, run_request
from whisperx_worker.pipeline.response import error_response
from whisperx_worker.pipeline.worker import Worker, open_worker, warm_up
from whisperx_worker.runtime.process import age_s
from whisperx_worker.runtime.runpod_sdk import import_runpod, jobs_in_progress, mode, take_jobs_until
from whisperx_worker.serving import limits, worker_refresh
from whisperx_worker.serving.fitness import register_fitness_checks
from whisperx_worker.serving.progress import ProgressSender
from whisperx_worker.serving.result_size import fit_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from whisperx_worker.hooks.job import Job

T = TypeVar("T")

_LAST_WAIT_S = 5.0
"""Time for a job to stop after its time limit."""

log = logging.getLogger(__name__)

_in_flight: set[str] = set()
"""Ids of the jobs that RunPod waits for."""
_logs_to_console = threading.Event()
"""Set in a process that is the worker and nothing else."""
_given_up: list[threading.Thread] = []
"""Threads of abandoned jobs."""


async def handler(job: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one RunPod job.

    Args:
        job: `{"id": ..., "input": {...}}`, and perhaps a `policy`.

    Returns:
        The contract's response; a failure has `error` at the top, which makes RunPod mark the job FAILED. Where the
        worker wants to be replaced by a fresh one, `refresh_worker` says so.

    Raises:
        asyncio.CancelledError: When RunPod cancels the job; its thread stops at the next batch.
    """
    job_id = str(job.get("id", ""))
    _in_flight.add(job_id)
    try:
        try:
            response = await _answered(job, job_id)
        except Exception as error:  # which RunPod would send on, with its traceback and the name of the machine
            log.exception("failed outside of the job")
            response = error_response(error)
        alone = len(_in_flight) == 1  # else the others would be lost with the worker
        if alone and (reason := worker_refresh.reason_to_refresh(worker().settings, _given_up, worker().health)):
            log.warning("asking RunPod for a fresh worker: %s", reason)
            response["refresh_worker"] = True
            _leave_local_api()
        return response
    finally:
        _in_flight.discard(job_id)


def _warm_up_local(opened: Worker) -> None:
    """Load models beside the local API, and end it where the GPU fails meanwhile."""
    warm_up(opened)
    _leave_local_api()


def _leave_local_api() -> None:
    """End a process of RunPod's local API after a GPU failure, when all requests are answered.

    There is no RunPod that would replace it, so that whatever started it must.
    """
    fault = worker().health.fault
    if fault and fault.is_gpu and mode() == "api":
        log.error("ending: no later job can succeed in this process")
        signal.raise_signal(signal.SIGTERM)


async def _answered(job: Mapping[str, Any], job_id: str) -> dict[str, Any]:
    """Run a job and return its response, after its progress and stream were sent."""
    opened, data = worker(), job.get("input")
    limit_s = limits.time_limit_s(job, opened.settings)
    sender = ProgressSender(job)
    begun: list[Job] = []
    unwanted = threading.Event()

    def started(one: Job) -> None:
        begun.append(one)
        if unwanted.is_set():
            one.cancel()

    def give_up() -> None:
        _given_up[:] = [*filter(threading.Thread.is_alive, _given_up), thread]
        unwanted.set()
        sender.stop()
        for one in begun:
            one.cancel()

    def work() -> tuple[dict[str, Any], dict[str, Any]]:
        response: dict[str, Any] = {"error": limits.payload_too_large(data, opened.settings)}
        try:
            if not response["error"]:
                observers = Observers(progress=sender.progress, segments=sender.segments, started=started)
                response = run_request(opened, job_id, data, observers=observers, time_limit_s=limit_s).response
        except JobCancelledError as error:  # else RunPod would get a traceback, where it did not cancel the job itself
            response = {"error": str(error)}
        release_jobs(begun)
        return response, fit_result(response, job_id, opened.settings)

    done, thread = _in_a_thread(work)
    try:
        response, sent = await asyncio.wait_for(done, None if math.isinf(limit_s) else limit_s + _LAST_WAIT_S)
    except asyncio.CancelledError:
        give_up()
        raise
    except asyncio.TimeoutError:  # a plugin that never looks whether it should stop
        give_up()
        return {"error": f"the job is not done in the {limit_s:g} s that it has, and did not stop when asked to"}
    await sender.finish(response)
    return sent


def _in_a_thread(work: Callable[[], T]) -> tuple[asyncio.Future[T], threading.Thread]:
    """Run a function in a daemon thread of its own."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # from now on it cannot be cancelled

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            done.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - a plugin's: no signal reaches this thread
            ending = RuntimeError(f"a plugin raised {type(error).__name__}")
            ending.__cause__ = error
            done.set_exception(ending)

    thread = threading.Thread(target=run, name="job", daemon=True)
    thread.start()
    return asyncio.wrap_future(done), thread


@functools.cache
def worker() -> Worker:
    """Open this process's worker and its log, at the first call.

    Raises:
        SettingsError: When the environment cannot be used.
        OSError: When the log file cannot be written.
    """
    settings = load_settings()
    job_log.start_logging(settings.log_file, console=_logs_to_console.is_set(), log_format=settings.log_format)
    return open_worker(settings)


def jobs_at_once(_now: int) -> int:
    """Return how many jobs the SDK may give to this worker."""
    _mend_end()
    return worker_refresh.jobs_at_once(worker().settings)


@functools.cache
def _mend_end() -> None:
    limits.exit_on_sigterm_when_idle(jobs_in_progress)


def main(*, console: bool = False) -> None:
    """Start the worker by RunPod's SDK, with its arguments (`--test_input`, `--rp_serve_api`, ...).

    Args:
        console: Whether the log goes to standard error too.
    """
    if re.search(r"--rp_l\w*[ =](DEBUG|TRACE)", " ".join(sys.argv)):
        sys.exit("the worker cannot start: at this --rp_log_level RunPod's SDK would print jobs with their tokens")
    if console:
        _logs_to_console.set()
    try:
        opened = worker()
    except SettingsError as error:
        sys.exit(f"the worker cannot start: {error}")
    except OSError as error:
        sys.exit(f"the worker cannot start: its log file cannot be written ({error.strerror})")
    decode_server.start()
    threading.excepthook = job_log.log_end_of_thread
    sdk = import_runpod().serverless
    if mode() == "queue":
        register_fitness_checks(opened)
        take_jobs_until(opened.health.ended)
    elif opened.settings.warm_up:
        threading.Thread(target=_warm_up_local, args=(opened,), daemon=True).start()
    log.info("ready for jobs %.2f s after the process began", age_s())
    try:
        sdk.start({"handler": handler, "concurrency_modifier": jobs_at_once})
    except json.JSONDecodeError as error:
        sys.exit(f"--test_input is not valid JSON: {error}")
