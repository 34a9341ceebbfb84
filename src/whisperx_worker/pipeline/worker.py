"""What a process keeps between jobs, and how a job becomes an answer."""

from __future__ import annotations

import functools
import gc
import json
import logging
import math
import os
import resource
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whisperx_worker.contract.settings import Settings, load_settings
from whisperx_worker.contract.validation import parse_request
from whisperx_worker.errors import JobCancelledError, OutOfTimeError, PluginError, WorkerError
from whisperx_worker.hooks.dispatch import failure, notify_observers
from whisperx_worker.hooks.engine_choice import default_engine
from whisperx_worker.hooks.host import Host, load_host
from whisperx_worker.hooks.job import Job, OnProgress, OnSegments
from whisperx_worker.hooks.requirements import import_libraries
from whisperx_worker.logs import job_log, redaction
from whisperx_worker.models.cache import ModelCache, ModelUse
from whisperx_worker.models.hub import forbid_hub_by_default
from whisperx_worker.pipeline.run import run_job
from whisperx_worker.results.formats.result_json import as_json
from whisperx_worker.runtime import machine
from whisperx_worker.runtime.health import Health

if TYPE_CHECKING:
    from collections.abc import Callable

    from pluggy import HookImpl

    from whisperx_worker.types import Result, Seconds

# Libraries that plugins load later report to their makers unless they are told not to before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")

log = logging.getLogger(__name__)

_PLUGINS_AT_ONCE = 2


@dataclass(frozen=True, eq=False)
class Worker:
    """Settings, plugins and loaded models of one process."""

    settings: Settings
    host: Host
    models: ModelCache
    health: Health = field(default_factory=Health)


def open_worker(settings: Settings | None = None) -> Worker:
    """A worker made from the environment, its plugins loaded.

    Raises:
        SettingsError: When the environment cannot be used.
    """
    settings = settings or load_settings()
    forbid_hub_by_default(settings)
    machine.limit_threads(settings.cpu_threads)
    return Worker(settings, load_host(settings), ModelCache(settings.memory_budget_mb))


def warm_up(worker: Worker) -> str | None:
    """Let plugins load what every job needs, two at a time: one reads its model while another imports its libraries.

    One that fails is logged, and jobs load their models themselves.

    Returns:
        Why plain jobs cannot be done: what the plugin that recognises speech failed of.
    """
    began_s = time.perf_counter()
    with ThreadPoolExecutor(_PLUGINS_AT_ONCE, thread_name_prefix="warm-up") as pool:
        failures = list(pool.map(lambda one: _warm_up_one(one, worker), worker.host.implementations("warm_up")))
    log.info("warmed up in %.2f s", time.perf_counter() - began_s)
    try:
        plain = default_engine(worker.host, "transcribe", worker.settings).plugin_name
    except PluginError:  # nobody recognises speech, which is a finding of its own
        return None
    return dict(filter(None, failures)).get(plain)


def _warm_up_one(implementation: HookImpl, worker: Worker) -> tuple[str, str] | None:
    """Name of a plugin and why it failed, where it does."""
    name, arguments = implementation.plugin_name, {"models": worker.models, "settings": worker.settings}
    try:
        import_libraries(worker.host, name, worker.settings)
        implementation.function(*[arguments[argument] for argument in implementation.argnames])
    except (Exception, SystemExit) as error:
        log.exception("plugin %s failed in warm_up", name)
        worker.health.note(error)
        return name, f"plugin {name} failed in warm_up: {failure(error)}"
    return None


def new_job(worker: Worker, job_id: str, data: object, *, local: bool = False) -> Job:
    """A validated job.

    Raises:
        BadInputError: With all that is wrong with `data`.
    """
    asked, options = parse_request(data, worker.host.abilities, local=local)
    job = Job(job_id, asked, worker.settings, worker.models, options, local=local, health=worker.health)
    job.models = worker.models.watched(functools.partial(note_model, job.notes))
    job.on_stage_ended = lambda job, ended: notify_observers(worker.host, "stage_ended", job, ended=ended)
    job.time_limit_s = worker.settings.max_job_s or math.inf
    return job


def note_model(notes: dict[str, object], borrowed: ModelUse) -> None:
    """Keep for `debug` which models a job borrowed, and whether each was there when it first did."""
    models: dict[str, object] = notes.setdefault("models", {})  # type: ignore[assignment]
    models.setdefault(redaction.without_paths(borrowed.model), {"cached": borrowed.cached, "seconds": borrowed.seconds})


def answer(  # noqa: PLR0913  what is named has a default
    worker: Worker,
    job_id: str,
    data: object,
    *,
    local: bool = False,
    on_progress: OnProgress | None = None,
    on_segments: OnSegments | None = None,
    time_limit_s: Seconds = math.inf,
    started: Callable[[Job], None] = lambda _job: None,
) -> dict[str, Any]:
    """The response to a client's job, or `{"error": one sentence}`.

    Args:
        worker: What this process keeps.
        job_id: The client's id of the job.
        data: What stands under `input`.
        local: Whether it comes from a person on this machine, who may name paths.
        on_progress: Gets stage and fraction.
        on_segments: Gets what is recognised as it comes, where the job asks for `stream`.
        time_limit_s: How long it may take.
        started: Gets the job before it runs, so that it can be cancelled from another thread.

    Raises:
        JobCancelledError: When the job was cancelled: nobody waits for an answer.
    """
    secrets = [*redaction.secrets_of(data), *redaction.secrets_of_environment()]
    with job_log.recorded(job_id, secrets, worker.settings.log_tail_lines) as tail:
        try:
            job = new_job(worker, job_id, data, local=local)
            job.on_progress = on_progress or job.on_progress
            job.on_segments = on_segments or job.on_segments
            job.time_limit_s = min(job.time_limit_s, time_limit_s)
            started(job)
            log.info("started")
            result = run_job(job, worker.host)
            response = respond(job, result, worker.host)
            log.info("finished: %.1f s of audio, %d segments", result.duration_s, len(response["segments"]))
            worker.health.job_succeeded()
        except OutOfTimeError as error:
            log.info("failed: %s", error)
            return {"error": str(error)}
        except JobCancelledError:
            log.info("cancelled")
            raise
        except WorkerError as error:
            log.info("failed: %s", error)
            worker.health.job_failed(error)
            return {"error": redaction.for_client(str(error))}
        except Exception as error:  # the other place that isolates: one job's fault never ends the worker
            log.exception("failed unexpectedly")
            worker.health.job_failed(error)
            return unforeseen(error)
        return {**response, "logs": tail.text}


def unforeseen(error: Exception) -> dict[str, Any]:
    """The answer to a job that failed in a way that nobody foresaw."""
    return {"error": f"the worker failed on this job ({type(error).__name__}); its log has the details"}


def release_jobs(jobs: list[Job]) -> None:
    """Forget jobs that have ended, with their sound.

    A library's exception may be in a cycle with the frames that it went through, and these hold all that the job had.

    Args:
        jobs: All that the caller has of them; is empty then.
    """
    left = [weakref.ref(job) for job in jobs]
    jobs.clear()
    if any(job() for job in left):
        gc.collect()


def respond(job: Job, result: Result, host: Host) -> dict[str, Any]:
    """The contract's response, but for its `logs`."""
    response = as_json(result)
    written = write_outputs(job, result, host, [name for name in job.request.output_formats if name != "json"])
    if written:
        response["outputs"] = written
    response["warnings"] = [redaction.for_client(str(warned)) for warned in job.warnings]
    if job.request.debug:
        peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        response["timings"] = dict(job.timings)
        response["debug"] = {**_masked(job.notes), "memory_peak_mb": peak_mb}
    return response


def _masked(value: Any) -> Any:  # noqa: ANN401
    """A plugin's note, its texts without secrets."""
    if isinstance(value, str):
        return redaction.mask(value)
    if isinstance(value, dict):
        return {_masked(name): _masked(item) for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value


def write_outputs(job: Job, result: Result, host: Host, names: list[str]) -> dict[str, str]:
    """The result in each format, by name; a format that fails is left out, with a warning."""
    written = {}
    for name in dict.fromkeys(names):
        try:
            text = host.outputs[name].write(result)
            json.dumps(text).encode()
        except Exception as error:
            log.error("the output format %s raised", name, exc_info=error)  # noqa: TRY400  a warning is told to the client
            job.health.note(error)
            job.warn(f"the output format {name} failed ({type(error).__name__}) and is left out")
        else:
            written[name] = text
    return written
