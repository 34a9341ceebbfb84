"""RunPod's fitness checks: the quick checks, then the warm-up, before a worker on RunPod takes its first job."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from whisperx_worker.errors import WorkerError
from whisperx_worker.operate.doctor import findings
from whisperx_worker.pipeline.worker import warm_up
from whisperx_worker.runtime.runpod_sdk import import_runpod

if TYPE_CHECKING:
    from whisperx_worker.pipeline.worker import Worker

log = logging.getLogger(__name__)


def register_fitness_checks(worker: Worker) -> None:
    """Let RunPod's SDK end this process, with one sentence, where a plain job could not be served.

    The SDK runs them on RunPod only: neither with `--test_input` nor with `--rp_serve_api`.
    """
    register = import_runpod().serverless.register_fitness_check

    def fit_for_jobs() -> None:
        """Log what is not as it should be.

        Raises:
            WorkerError: With all that is in the way of a plain job.
        """
        found = findings(worker.settings, worker.host, at_start=True)
        for row in found:
            if row.state == "warning":
                log.warning("%s: %s", row.name, row.what)
        refuse("; ".join(f"{row.name}: {row.what}" for row in found if row.state == "failure"))
        if worker.settings.warm_up:
            # The SDK adds its own checks behind those that are there when it begins. They start programs, and that
            # should be over before CUDA comes up.
            register(warmed_up)

    def warmed_up() -> None:
        """Load models.

        Raises:
            WorkerError: With what is in the way of a plain job, or of any job.
        """
        failed = warm_up(worker)
        refuse(worker.health.fault.reason if worker.health.fault else failed)

    register(fit_for_jobs)


def refuse(reason: str | None) -> None:
    """Log why no job is taken, where there is a reason, and raise it."""
    if reason:
        log.error("the worker takes no job: %s", reason)
        raise WorkerError(reason)
