"""Worker's side of a plugin's process: its start, its calls, and its end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import JobCancelledError, PluginError, WorkerError
from whisperx_worker.hooks.isolation.channel import Channel
from whisperx_worker.hooks.isolation.messages import Answer, Ask, Call, Line, Start
from whisperx_worker.hooks.isolation.stand_in_job import answer_for
from whisperx_worker.hooks.plugin_call import GRACE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from whisperx_worker.hooks.isolation.messages import PluginDescription
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Seconds

_DEATH_S: Seconds = 5.0
"""Longest wait for the exit status of a process that closed its connections."""
_POLL_S: Seconds = 0.005
_TRIES = 3


class _CallAgainError(Exception):
    """End of a process that the call is not to blame for."""


@dataclass(eq=False)
class _Watch:
    """Time of one call."""

    job: Job | None
    limit_s: Seconds
    _until_s: Seconds = field(init=False)
    _may_be_cancelled: bool = True
    _ended: JobCancelledError | None = None

    def __post_init__(self) -> None:
        self._until_s = time.monotonic() + self.limit_s
        self._may_be_cancelled = self._cancellation() is None  # unlike in `job_ended` of a cancelled job

    def _cancellation(self) -> JobCancelledError | None:
        try:
            if self.job is not None and self._may_be_cancelled:
                self.job.stop_if_cancelled()
        except JobCancelledError as error:
            return error
        return None

    def check(self) -> None:
        """Raise when the time is over, or some time after the job was cancelled.

        Raises:
            WorkerError: With the sentence about it.
        """
        now_s = time.monotonic()
        if self._ended is None and (error := self._cancellation()) is not None:
            self._ended, self._until_s = error, min(self._until_s, now_s + GRACE_S)
        if now_s >= self._until_s:
            late = f"it did not end in {self.limit_s:.1f} s, which is all the time that it has"
            raise self._ended or PluginError(late)


@dataclass(eq=False)
class _Running:
    """One process, from its start to its end."""

    popen: subprocess.Popen[bytes]
    control: socket.socket
    lifeline: int
    ended_for: _Watch | None = None
    """Call because of which the worker ended it."""
    description: PluginDescription | None = None
    _death: str | None = None

    def end(self, because_of: _Watch | None = None) -> None:
        """Kill the process and its children."""
        self.ended_for = self.ended_for or because_of
        if self.popen.returncode is None:  # else another process may have its number
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)

    def keep_time(self, watch: _Watch) -> None:
        """Kill the process where the time of a call is over.

        Raises:
            WorkerError: Then, with the sentence about it.
        """
        try:
            watch.check()
        except WorkerError:
            self.end(watch)
            raise

    def death(self) -> str | None:
        """Return how the process ended, as the end of a sentence; None while it runs."""
        if self._death is None:
            with contextlib.suppress(ChildProcessError):  # another thread has closed it, and noted its death
                status = os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
                self._death = None if status is None else _words_for(status)
        return self._death

    def why_it_left(self) -> str:
        """Return why the process closed a connection, and kill what is left of it."""
        until_s = time.monotonic() + _DEATH_S
        while (reason := self.death()) is None and time.monotonic() < until_s:
            time.sleep(_POLL_S)
        self.end()
        return reason or "its process did not answer any more"

    def close(self) -> None:
        """Kill the process, and forget it."""
        self.death()
        self.end()
        self.control.close()
        os.close(self.lifeline)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(_DEATH_S)


@dataclass(eq=False)
class PluginProcess:
    """Process of a plugin, started again after its death. Safe to use from several threads."""

    start: Start
    _running: _Running | None = None
    _close: Callable[[], object] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> PluginDescription:
        """Start the process, and return what the plugin offers.

        Raises:
            WorkerError: When the plugin cannot be loaded.
        """
        description = self._started(_Watch(None, float("inf"))).description
        if description is None:
            raise PluginError("its process does not say what it offers")
        return description

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._running is not None and self._running.death() is None and not self._running.ended_for

    def call(self, call: Call, job: Job | None, limit_s: Seconds) -> Any:  # noqa: ANN401
        """Call the plugin, in a fresh process where the last one has died.

        Args:
            call: The call.
            job: The job that it is for.
            limit_s: Time after which the process is killed.

        Raises:
            WorkerError: What the plugin raises, or how its process ended.
        """
        reason = ""
        for _ in range(_TRIES):
            running = self._started(_Watch(job, float("inf")))
            try:
                return _result(running, call, _Watch(job, limit_s), self.start.plugin)
            except _CallAgainError as error:
                reason = str(error)
        raise PluginError(reason)

    def _started(self, watch: _Watch) -> _Running:
        with self._lock:
            if self._running is None or not self.is_running:
                self._close()
                running = _start_process(self.start.plugin)
                self._close = weakref.finalize(self, running.close)
                try:
                    running.description = _result(running, self.start, watch, self.start.plugin)
                except WorkerError:
                    self._close()
                    raise
                self._running = running
            return self._running


def _words_for(status: os.waitid_result) -> str:
    """Return the end of a sentence about a process that ended by itself."""
    if status.si_code == os.CLD_EXITED:
        return f"its process ended with the status {status.si_status}"
    if status.si_status == signal.SIGKILL:
        return "its process was killed, as happens where memory is short"
    names = {one.value: one.name for one in signal.Signals}
    return f"its process died of {names.get(status.si_status, f'signal {status.si_status}')}"


def _start_process(plugin: str) -> _Running:
    """Start a process that waits for what to load.

    Raises:
        PluginError: When none can be started.
    """
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, lifeline = os.pipe()
    module = f"{__package__}.server"
    command = f"import sys; sys.path[:] = {sys.path!r}; from {module} import serve; serve({there.fileno()}, {reading})"
    with there:
        try:
            popen = subprocess.Popen(  # noqa: S603 - our own code
                [sys.executable, "-I", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[there.fileno(), reading],
                start_new_session=True,
            )
        except OSError as error:
            here.close()
            os.close(lifeline)
            raise PluginError("no process for it could be started") from error
        finally:
            os.close(reading)
    threading.Thread(target=_log_printed, args=(popen.stdout, plugin), name="plugin-output", daemon=True).start()
    return _Running(popen, here, lifeline)


def _log_printed(output: BinaryIO, plugin: str) -> None:
    """Log what native code prints, and Python before its death."""
    printed = logging.getLogger(f"whisperx_worker.printed.{plugin}")
    with output:
        for line in output:
            if text := line.decode(errors="replace").rstrip():
                printed.info("%s", text)


def _result(running: _Running, call: Call | Start, watch: _Watch, plugin: str) -> Any:  # noqa: ANN401
    """Do one call, and return its value.

    Raises:
        WorkerError: What the plugin raises, or how its process ended.
        _CallAgainError: The call should be made again.
    """
    here, there = socket.socketpair()
    channel = Channel(here, imports=False, on_wait=partial(running.keep_time, watch))
    try:
        with there:
            socket.send_fds(running.control, [b"c"], [there.fileno()])
        channel.send(call)
        answer = _awaited(channel, watch, plugin)
    except OSError as error:
        if running.ended_for not in {None, watch}:
            raise _CallAgainError("its process was ended because of other jobs") from error
        # Of several calls that end with the process, those that only look at data are not to blame.
        kind = _CallAgainError if isinstance(call, Call) and call.kind in {"options", "extra"} else PluginError
        raise kind(running.why_it_left()) from error
    finally:
        channel.close()
    if answer.is_broken:
        running.end(watch)
    if watch.job is not None:
        watch.job.notes.update(answer.notes)
        watch.job.timings.update(answer.timings)
        for use in answer.uses:
            watch.job.models.on_use(use)
    if answer.error is not None:
        raise answer.error
    return answer.value


def _awaited(channel: Channel, watch: _Watch, plugin: str) -> Answer:
    """Return the answer to a call, after all that the plugin logs and asks for on its way."""
    while True:
        message: Line | Ask | Answer = channel.receive()
        if isinstance(message, Answer):
            return message
        if isinstance(message, Line):
            message.log(plugin)
        elif watch.job is not None:
            channel.send(answer_for(watch.job, message))
