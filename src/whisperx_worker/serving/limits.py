"""Limits of a job's time and payload, and the end of an idle worker."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.types import Seconds

_STOP_BEFORE_S = 10.0
"""Time by which a job ends before RunPod's own limit; at most a tenth of that limit."""

log = logging.getLogger(__name__)


def time_limit_s(job: Mapping[str, Any], settings: Settings) -> Seconds:
    """Return a job's time limit: the operator's, or one just below RunPod's policy."""
    policy = job.get("policy")
    timeout_ms = policy.get("executionTimeout") if isinstance(policy, Mapping) else None
    limits = [settings.max_job_s or math.inf]
    if isinstance(timeout_ms, int | float) and timeout_ms > 0:
        timeout_s = timeout_ms / 1000
        limits.append(timeout_s - min(_STOP_BEFORE_S, timeout_s / 10))
    return min(limits)


def payload_too_large(data: object, settings: Settings) -> str | None:
    """Return why a request is refused for its size, or None."""
    size_mb = len(json.dumps(data)) / 1e6
    if size_mb <= settings.max_payload_mb:
        return None
    return (
        f"the request has {size_mb:.3g} MB, more than the {settings.max_payload_mb:g} MB that this worker takes; "
        "send a URL in place of the recording itself"
    )


def exit_on_sigterm_when_idle(in_progress: Callable[[], int]) -> None:
    """Make SIGTERM end a worker that has no job at once.

    The SDK would wait for its poll, and may lose what that gets.

    A worker that has jobs finishes them and then ends, which is the SDK's own answer. To be called once it has set it.

    Args:
        in_progress: Gives how many jobs RunPod waits for; one whose result is on its way is one of them.
    """
    finish_first = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        jobs = in_progress()
        if not jobs:
            log.info("ending: nobody waits for a job here")
            logging.shutdown()
            os._exit(0)
        log.info("ending after %d jobs", jobs)
        if callable(finish_first):
            finish_first(number, frame)

    signal.signal(signal.SIGTERM, end)
