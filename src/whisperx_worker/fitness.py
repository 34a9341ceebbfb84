"""RunPod's fitness check: the quick checks, before a worker on RunPod takes its first job."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from whisperx_worker.checks import findings
from whisperx_worker.errors import WorkerError
from whisperx_worker.runpod_sdk import import_runpod

if TYPE_CHECKING:
    from whisperx_worker.worker import Worker

log = logging.getLogger(__name__)


def register_fitness_check(worker: Worker) -> None:
    """Let RunPod's SDK end this process, with one sentence, where a plain job could not be served.

    The SDK runs it on RunPod only: neither with `--test_input` nor with `--rp_serve_api`.
    """

    def fit_for_jobs() -> None:
        """Log what is not as it should be.

        Raises:
            WorkerError: With all that is in the way of a plain job.
        """
        found = findings(worker.settings, worker.host, at_start=True)
        for row in found:
            if row.state == "warning":
                log.warning("%s: %s", row.name, row.what)
        failures = "; ".join(f"{row.name}: {row.what}" for row in found if row.state == "failure")
        if failures:
            log.error("the worker takes no job: %s", failures)
            raise WorkerError(failures)

    import_runpod().serverless.register_fitness_check(fit_for_jobs)
