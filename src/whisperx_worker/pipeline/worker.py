"""Settings, plugins and loaded models of a process, shared by its jobs."""

from __future__ import annotations

import atexit
import functools
import logging
import math
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whisperx_worker.contract.request import Request
from whisperx_worker.contract.settings import Settings, load_settings
from whisperx_worker.contract.validation import parse_request, plugins_off
from whisperx_worker.errors import BadInputError, PluginError
from whisperx_worker.hooks.dispatch import calls_of_job, failure, texts_unseen_by
from whisperx_worker.hooks.engine_choice import default_engine, default_recognition_steps
from whisperx_worker.hooks.job import NO_OBSERVERS, Job
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.operators_rules import check_required
from whisperx_worker.hooks.plugin_failure import call_contained
from whisperx_worker.hooks.requirements import import_libraries, registered_models
from whisperx_worker.logs import redaction
from whisperx_worker.logs.plugin_output import printing_to_log
from whisperx_worker.models.cache import ModelCache, ModelUse
from whisperx_worker.models.hub import forbid_hub_by_default
from whisperx_worker.runtime import machine
from whisperx_worker.runtime.health import Health

if TYPE_CHECKING:
    from pluggy import HookImpl

    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Decode, NameSpeakers, Observers
    from whisperx_worker.types import Seconds

# Libraries that plugins load later report to their makers unless that is switched off before they are imported.
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
    decode: Decode | None = None
    """Decodes recordings in place of ffmpeg, where a test has no file of sound."""
    _shut_down: threading.Event = field(default_factory=threading.Event)

    def shut_down(self) -> None:
        """Run the plugins' shutdown hooks, at the first call; log what raises."""
        if self._shut_down.is_set():
            return
        self._shut_down.set()
        for implementation in self.host.implementations("shutdown"):
            try:
                with printing_to_log(implementation.plugin_name):
                    call_contained(implementation.function)
            except Exception:
                log.exception("plugin %s failed in shutdown", implementation.plugin_name)


def open_worker(settings: Settings | None = None) -> Worker:
    """Return a worker made from the environment, with its plugins loaded.

    Raises:
        SettingsError: When the environment cannot be used, or a required plugin is not active.
    """
    settings = settings or load_settings()
    forbid_hub_by_default(settings)
    machine.limit_threads(settings.cpu_threads)
    host = load_host(settings)
    check_required(host)
    registered_models(host, settings)  # pins revisions before any job looks for a model
    opened = Worker(settings, host, ModelCache(settings.memory_budget_mb))
    atexit.register(opened.shut_down)
    return opened


def warm_up(worker: Worker) -> str | None:
    """Run the warm_up hooks, two at a time: one reads its model while another imports.

    One that fails is logged, and jobs load their models themselves.

    Returns:
        Why plain jobs cannot be done: what a plugin that recognises speech failed of.
    """
    began_s = time.perf_counter()
    with ThreadPoolExecutor(_PLUGINS_AT_ONCE, thread_name_prefix="warm-up") as pool:
        failures = list(pool.map(lambda one: _warm_up_one(one, worker), worker.host.implementations("warm_up")))
    log.info("warmed up in %.2f s", time.perf_counter() - began_s)
    reasons = dict(filter(None, failures))
    steps = default_recognition_steps(worker.host, worker.settings)
    try:
        plain = [default_engine(worker.host, step, worker.settings).plugin_name for step in reversed(steps)]
    except PluginError:  # no plugin does a step, which is a finding of its own
        return None
    return next((reasons[name] for name in plain if name in reasons), None)


def _warm_up_one(implementation: HookImpl, worker: Worker) -> tuple[str, str] | None:
    """Run one warm_up; return the plugin's name and the reason where it fails."""
    name, arguments = implementation.plugin_name, {"models": worker.models, "settings": worker.settings}
    try:
        import_libraries(worker.host, name, worker.settings)
        call_contained(implementation.function, *[arguments[argument] for argument in implementation.argnames])
    except Exception as error:
        log.exception("plugin %s failed in warm_up", name)
        worker.health.note(error)
        return name, f"plugin {name} failed in warm_up: {failure(error)}"
    return None


def open_job(name: str, settings: Settings) -> Job:
    """Return a job without a recording, for a command of a plugin.

    Args:
        name: Name of the command, for the log.
        settings: Settings of the worker.

    Raises:
        SettingsError: When a required plugin is not active.
    """
    worker = open_worker(settings)
    return Job(name, Request(), settings, worker.models, local=True, plugins=calls_of_job(worker.host))


def new_job(  # noqa: PLR0913  what is named has a default
    worker: Worker,
    job_id: str,
    data: object,
    *,
    local: bool = False,
    observers: Observers = NO_OBSERVERS,
    time_limit_s: Seconds = math.inf,
    name_speakers: NameSpeakers | None = None,
) -> Job:
    """Validate a request and return its job.

    Args:
        worker: Settings, plugins and models of the process.
        job_id: The client's id of the job.
        data: The content of `input`.
        local: Whether it comes from a person on this machine, who may name paths.
        observers: Called while the job runs, beside the plugins that observe stages.
        time_limit_s: How long it may take; the operator's limit holds too.
        name_speakers: Names speakers after verify_speakers; for a person on this machine.

    Raises:
        BadInputError: With all that is wrong with `data`.
    """
    asked, options = parse_request(data, worker.host.abilities, local=local)
    notes: dict[str, object] = {}

    job = Job(
        job_id,
        asked,
        worker.settings,
        worker.models.watched(functools.partial(note_model, notes)),
        options,
        local=local,
        plugins=calls_of_job(worker.host),
        plugins_off=plugins_off(asked, worker.host.abilities),
        observers=observers,
        time_limit_s=min(worker.settings.max_job_s or math.inf, time_limit_s),
        notes=notes,
        health=worker.health,
        decode=worker.decode,
        name_speakers=name_speakers,
    )
    if asked.stream and (plugins := texts_unseen_by(worker.host, job)):
        raise BadInputError(
            f"stream is not possible here: {' and '.join(plugins)} changes text before anybody may see it, and not in "
            "pieces"
        )
    return job


def note_model(notes: dict[str, object], use: ModelUse) -> None:
    """Record for `debug` which models a job used, and whether each was loaded at its first use."""
    models: dict[str, object] = notes.setdefault("models", {})  # type: ignore[assignment]
    models.setdefault(redaction.without_paths(use.model), {"cached": use.cached, "seconds": use.seconds})
