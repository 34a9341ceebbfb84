"""Process of one plugin: it loads the plugin as the worker would, and calls it for the worker."""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import logging
import os
import resource
import signal
import socket
import threading
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.errors import PluginError, WorkerError
from whisperx_worker.hooks.admission import admit
from whisperx_worker.hooks.dispatch import failure
from whisperx_worker.hooks.isolation.channel import Channel
from whisperx_worker.hooks.isolation.loaded import LoadedPlugin, describe, run
from whisperx_worker.hooks.isolation.messages import Answer, Line, portable
from whisperx_worker.hooks.isolation.stand_in_job import stand_in_job
from whisperx_worker.hooks.loading import installed, mounted, new_host
from whisperx_worker.hooks.requirements import registered_models
from whisperx_worker.logs.job_log import PLAIN_FIELDS
from whisperx_worker.logs.plugin_output import printing_to_log
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.runtime.failure_kinds import gpu_fault

if TYPE_CHECKING:
    from whisperx_worker.hooks.isolation.messages import Call, Start
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.models.cache import ModelUse

_SET_SIGNAL = 10
"""F_SETSIG of fcntl(2), which Python 3.10 has no name for."""
_STDERR = 2
_SOONER_OUT_OF_MEMORY = "500"
"""Points by which the kernel rather ends this process than the worker where memory is short."""

_channel: ContextVar[Channel | None] = ContextVar("whisperx_worker_channel", default=None)
"""Connection of the call that runs."""


def serve(control_number: int, lifeline_number: int) -> None:
    """Load a plugin and answer calls, each in a thread, until the worker has ended.

    Args:
        control_number: Socket that brings a connection for each call. The first one has what to load.
        lifeline_number: End of a pipe that ends with the worker.
    """
    for number in (control_number, lifeline_number):
        os.set_inheritable(number, False)  # noqa: FBT003
    _prepare_process(lifeline_number)
    plugin: LoadedPlugin | None = None
    with socket.socket(fileno=control_number) as control:
        while True:
            data, files, _, _ = socket.recv_fds(control, 1, 1)
            if not data:
                os._exit(0)
            channel = Channel(socket.socket(fileno=files[0]), imports=True)
            if plugin is None:
                plugin = _load(channel)
            else:
                threading.Thread(target=_answer, args=(plugin, channel), name="plugin", daemon=True).start()


def _prepare_process(lifeline_number: int) -> None:
    # The kernel ends this process and its children with the worker, also where native code never returns.
    fcntl.fcntl(lifeline_number, fcntl.F_SETOWN, -os.getpgid(0))
    fcntl.fcntl(lifeline_number, _SET_SIGNAL, signal.SIGKILL)
    fcntl.fcntl(lifeline_number, fcntl.F_SETFL, fcntl.fcntl(lifeline_number, fcntl.F_GETFL) | os.O_ASYNC)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_SOONER_OUT_OF_MEMORY, "utf-8")
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, handlers=[_ToWorker()])
    logging.captureWarnings(capture=True)


class _ToWorker(logging.Handler):
    """Handler that sends records to the worker, which masks and writes them."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else record.stack_info
        plain = (str, int, float, bool, type(None))
        fields = {k: v for k, v in vars(record).items() if k not in PLAIN_FIELDS and isinstance(v, plain)}
        try:
            line = Line(record.name, record.levelno, record.getMessage(), trace, fields)
            if (channel := _channel.get()) is not None:
                channel.send(line)
                return
        except Exception:  # noqa: BLE001  arguments that do not fit, or a call that has ended
            line = Line(record.name, record.levelno, str(record.msg), trace, {})
        # A thread of the plugin's own: nobody knows its job, and the worker reads this as printed.
        os.write(_STDERR, "\n".join(filter(None, (line.message, trace, ""))).encode(errors="replace"))


def _load(channel: Channel) -> LoadedPlugin:
    """Load the plugin, and tell the worker what it offers, or why it cannot be loaded."""
    token = _channel.set(channel)
    start: Start = channel.receive()
    host = new_host(start.settings.model_copy(update={"plugins_isolate": ()}))
    plugin = LoadedPlugin(start.plugin, start.settings, host, ModelCache(start.settings.memory_budget_mb))
    found = [*installed(), *mounted(start.settings.plugins_dir)]
    candidate = next((one for one in found if (one.name, one.source) == (start.plugin, start.source)), None)
    if candidate is None:
        reason = "only an installed plugin, or one in the plugins folder, can have a process of its own"
        channel.send(Answer(error=PluginError(reason)))
    elif (record := admit(host, candidate)).state != "active":
        channel.send(Answer(error=PluginError(record.reason)))
    else:
        registered_models(host, start.settings)  # pins revisions before any model is looked for
        channel.send(Answer(describe(plugin, record)))
    channel.close()
    _channel.reset(token)
    return plugin


def _answer(plugin: LoadedPlugin, channel: Channel) -> None:
    """Do one call, and send how it ended."""
    _channel.set(channel)
    uses: list[ModelUse] = []
    job: Job | None = None
    with contextlib.suppress(OSError):  # where the worker does not wait for the answer
        try:
            call: Call = channel.receive()
            models = plugin.models.watched(uses.append)
            job = stand_in_job(call.job, plugin.settings, models, channel) if call.job else None
            with printing_to_log(plugin.name):
                end = Answer(run(plugin, call, job, models))
        except BaseException as error:  # noqa: BLE001  the worker raises it
            end = _failed(error)
        if job is not None:
            end = replace(end, notes=job.notes, timings=job.timings)
        _send(channel, replace(end, uses=tuple(uses)))
    _channel.set(None)
    channel.close()


def _failed(error: BaseException) -> Answer:
    """Return the answer for an exception of the plugin; a fault of the GPU breaks the process."""
    if isinstance(error, SystemExit):
        return Answer(error=PluginError("it tried to end the process"))
    is_gpu = gpu_fault(error) is not None
    if isinstance(error, WorkerError) and not is_gpu:
        return Answer(error=portable(error))
    return Answer(error=PluginError(failure(error)), is_broken=is_gpu)


def _send(channel: Channel, end: Answer) -> None:
    try:
        channel.send(end)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  a class may say no in any way
        what = f"it returned {type(end.value).__name__} that cannot leave its process ({type(error).__name__})"
        channel.send(Answer(error=end.error or PluginError(what)))
