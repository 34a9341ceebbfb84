"""RunPod's SDK: faster import, its mode, and an end to its taking of jobs after a fault."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from concurrent.futures import Future

Mode: TypeAlias = Literal["queue", "api", "once"]
"""Source of jobs: an endpoint's queue, a local or real-time API, or the arguments."""

LOOK_S = 0.5
"""Interval at which a worker without new jobs checks for the end of the last one."""

log = logging.getLogger(__name__)

_importing = threading.Lock()


@functools.cache
def import_runpod() -> Any:  # noqa: ANN401 - a module without types
    """Import the `runpod` package.

    At its import the SDK measures the processor in child processes, for a name that only `--rp_debugger` prints. Linux
    has the name in a file.
    """
    import cpuinfo

    with _importing:
        measured = cpuinfo.get_cpu_info
        cpuinfo.get_cpu_info = _processor_name
        try:
            import runpod
        finally:
            cpuinfo.get_cpu_info = measured
    return runpod


def _processor_name() -> dict[str, str]:
    cpuinfo = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text("utf-8") if cpuinfo.exists() else "")
    return {"brand_raw": name[1]} if name else {}


@functools.cache
def mode() -> Mode:
    """Return the SDK's mode for this process; call it before the SDK removes its arguments."""
    arguments, _others = import_runpod().serverless.parser.parse_known_args()
    if arguments.rp_serve_api or os.environ.get("RUNPOD_REALTIME_PORT", "0") != "0":
        return "api"
    return "once" if arguments.test_input or "RUNPOD_WEBHOOK_GET_JOB" not in os.environ else "queue"


def jobs_in_progress() -> int:
    """Return the number of jobs that the SDK has taken and not answered."""
    from runpod.serverless.modules.worker_state import JobsProgress

    number: int = JobsProgress().get_job_count()
    return number


def take_jobs_until(fault: Future[Any]) -> None:
    """Stop the SDK's loop from taking jobs after a fault.

    From then on it gets none, also of the request that it waits for, and the process ends non-zero once it has no job
    in progress, unless the SDK ends it before. The SDK itself asks for jobs while others are in progress, and lets a
    request for jobs outlive its own decision to end.

    Args:
        fault: Resolved when this process should get no later jobs.
    """
    import_runpod()
    from runpod.serverless.modules import rp_scale

    ask = rp_scale.get_job
    faulty = functools.cache(lambda: asyncio.wrap_future(fault))  # one for the loop that asks

    async def ask_until_fault(session: object, number: int = 1) -> list[dict[str, Any]] | None:
        if fault.done():
            if not jobs_in_progress():
                _end()
            await asyncio.sleep(LOOK_S)
            return None
        asking = asyncio.ensure_future(ask(session, number))
        try:
            await asyncio.wait({asking, faulty()}, return_when=asyncio.FIRST_COMPLETED)
            jobs: list[dict[str, Any]] | None = asking.result() if asking.done() else None
            return jobs
        finally:
            asking.cancel()

    rp_scale.get_job = ask_until_fault


def _end() -> None:
    log.error("ending: no job is in progress, and no later one should come to this process")
    logging.shutdown()
    sys.stdout.flush()
    os._exit(1)
