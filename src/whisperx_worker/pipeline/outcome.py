"""The one way to run a job, and its outcome.

For the endpoint, the command line and other programs.
"""

from __future__ import annotations

import gc
import logging
import math
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import JobCancelledError, OutOfTimeError, WorkerError
from whisperx_worker.hooks.dispatch import closed_to_text, notify_observers, run_chain
from whisperx_worker.hooks.host import taking_part
from whisperx_worker.hooks.job import NO_OBSERVERS
from whisperx_worker.logs import job_log, redaction
from whisperx_worker.pipeline.channels import mix_channels
from whisperx_worker.pipeline.response import error_response, response_of, write_outputs
from whisperx_worker.pipeline.run import run_job
from whisperx_worker.pipeline.voiceprints import mask_response
from whisperx_worker.pipeline.worker import new_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job, NameSpeakers, Observers
    from whisperx_worker.pipeline.worker import Worker
    from whisperx_worker.types import Audio, Result, Seconds

log = logging.getLogger(__name__)

WITHOUT_REASON = "the job was ended without a reason"
"""Error of a job that a plugin refused with an empty sentence."""


@dataclass(frozen=True)
class Outcome:
    """Result of one job, or the error that ended it."""

    response: dict[str, Any]
    """The contract's response; of a failed job `{"error": one sentence}`."""
    result: Result | None = None
    """None where the job failed."""
    outputs: Mapping[str, str | bytes] = field(default_factory=dict)
    """Contents by name of the format."""
    warnings: tuple[str, ...] = ()
    """Warnings without secrets; those of `response` are without paths too."""
    error: Exception | None = None
    """The exception that ended the job."""


def run_request(  # noqa: PLR0913  what is named has a default
    worker: Worker,
    job_id: str,
    data: object,
    *,
    local: bool = False,
    writes_json: bool = False,
    observers: Observers = NO_OBSERVERS,
    time_limit_s: Seconds = math.inf,
    name_speakers: NameSpeakers | None = None,
) -> Outcome:
    """Validate and run one job, with its log, and return its outcome.

    Args:
        worker: Settings, plugins and models of the process.
        job_id: The client's id of the job.
        data: The content of `input`.
        local: Whether it comes from a person on this machine, who may name paths.
        writes_json: Whether `outputs` has the format json too, where the job asks for it.
        observers: Called while the job runs.
        time_limit_s: How long it may take.
        name_speakers: Names speakers after verify_speakers; for a person on this machine.

    Raises:
        JobCancelledError: When the job was cancelled, so that no caller waits for an answer.
    """
    secrets = [*redaction.secrets_of(data), *redaction.secrets_of_environment()]
    with job_log.recorded(job_id, secrets, worker.settings.log_tail_lines) as tail:
        try:
            job = new_job(
                worker, job_id, data, local=local, observers=observers, time_limit_s=time_limit_s,
                name_speakers=name_speakers,
            )  # fmt: skip
            tail.is_closed = bool(closed_to_text(worker.host, job))
            observers.started(job)
            log.info("started")
            with announced_to_plugins(job, worker.host):
                outcome = _finished(job, worker, writes_json=writes_json)
            worker.health.job_succeeded()
        except OutOfTimeError as error:
            log.info("failed: %s", error)
            return Outcome({"error": str(error)}, error=error)
        except JobCancelledError:
            log.info("cancelled")
            raise
        except WorkerError as error:
            log.info("failed: %s", error)
            if (masked := redaction.mask(str(error))) != str(error):
                error.args = (masked,)  # whoever prints it later does not know the job's secrets any more
            worker.health.job_failed(error)
            return Outcome({"error": redaction.for_client(str(error)).strip() or WITHOUT_REASON}, error=error)
        except Exception as error:  # the other place that isolates: one job's fault never ends the worker
            log.exception("failed unexpectedly")
            worker.health.job_failed(error)
            return Outcome(error_response(error), error=error)
        outcome.response["logs"] = tail.text
        return outcome


@contextmanager
def announced_to_plugins(job: Job, host: Host) -> Iterator[None]:
    """Announce to observers that a job starts, and that it has ended."""
    notify_observers(host, "job_started", job)
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        notify_observers(host, "job_ended", job, error=error)


def _finished(job: Job, worker: Worker, *, writes_json: bool) -> Outcome:
    """Run a job and return its outcome."""
    names = [name for name in job.request.output_formats if writes_json or name != "json"]
    audio: Audio | None
    result, audio = run_job(job, worker.host)
    if not any(worker.host.outputs[name].takes_audio for name in names):
        audio = None  # no output keeps hours of sound in memory
    elif audio.channel_spans:
        audio = mix_channels(audio)
    outputs = write_outputs(job, result, worker.host, names, audio)
    before = len(job.warnings)
    response = run_chain(worker.host, "respond", response_of(job, result, worker.host, outputs), job)
    if taking_part(worker.host, "respond", job):
        response = mask_response(response, result.speakers)
    response["warnings"] += [redaction.for_client(str(warned)) for warned in job.warnings[before:]]
    log.info("finished: %.1f s of audio, %d segments", result.duration_s, len(response["segments"]))
    return Outcome(response, result, outputs, tuple(redaction.mask(str(warned)) for warned in job.warnings))


def answer(  # noqa: PLR0913  what is named has a default
    worker: Worker,
    job_id: str,
    data: object,
    *,
    local: bool = False,
    observers: Observers = NO_OBSERVERS,
    time_limit_s: Seconds = math.inf,
) -> dict[str, Any]:
    """Run one job as `run_request` does, and return its response.

    Raises:
        JobCancelledError: When the job was cancelled.
    """
    return run_request(worker, job_id, data, local=local, observers=observers, time_limit_s=time_limit_s).response


def release_jobs(jobs: list[Job]) -> None:
    """Release the memory of ended jobs, their audio included.

    A library's exception may be in a cycle with the frames that it went through, and these hold all that the job had.

    Args:
        jobs: All references of the caller; emptied here.
    """
    left = [weakref.ref(job) for job in jobs]
    jobs.clear()
    if any(job() for job in left):
        gc.collect()
