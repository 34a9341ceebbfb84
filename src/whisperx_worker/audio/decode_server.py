"""Decoding in child processes, which may crash, hang or exhaust their memory.

One small server process imports the libraries. For each file it forks a child, which has nothing of the worker: no
token, no model, no other recording. The child gets two open files, one to read and one for the samples, and answers
with one line of JSON. It ends when its job is cancelled.

    worker  --- file, store, reply, limits --->  server  --- fork --->  child
       ^------------------------- what is wrong with the recording --------|
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import logging
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, get_args

from whisperx_worker.audio.decode import decode_into
from whisperx_worker.contract.channels import ChannelRequest, Channels
from whisperx_worker.errors import NO_ROOM, BadInputError, FetchError, WorkerError
from whisperx_worker.runtime.sample_file import new_store, samples_in
from whisperx_worker.types import Audio, Span, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path
    from typing import BinaryIO

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.types import Seconds

log = logging.getLogger(__name__)

_TASK = struct.Struct("ddii")
"""Longest recording and longest decoding, in seconds; choice of channels, and track or -1."""
_CHOICES = get_args(Channels)
_MIN_LIMIT_S, _MAX_LIMIT_S = 60.0, 86_400.0
_MIN_SPEED = 20
"""Multiple of real time below which decoding counts as endless."""
_MAX_MEMORY_BYTES = 2 << 30
"""Memory of a child, without the samples."""
_POLL_S = 0.1
"""Interval of the check for cancellation while a child decodes."""
_ORPHAN_S = 5.0
"""Interval at which the server checks for its worker."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_TRIES = 2
_NO_PROCESS = "the recording could not be decoded: no process for it could be started"
_PASSED_VARIABLES = frozenset({"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR"})


def decode(
    path: Path,
    settings: Settings,
    check_cancelled: Callable[[], None] = lambda: None,
    request: ChannelRequest = ChannelRequest(),  # noqa: B008 - frozen
) -> tuple[Audio, tuple[Warned, ...]]:
    """Decode a file as `audio.decode` does, but in a child process.

    Args:
        path: Any container and codec that PyAV opens, save playlists.
        settings: `max_audio_s` is the longest recording.
        check_cancelled: Called ten times a second; an exception from it ends the decoding at once.
        request: Wanted channels and track.

    Returns:
        The audio, and warnings about it with times of the recording, wherever its channels lie.

    Raises:
        BadInputError: As `audio.decode` does, and when a file makes the decoder crash, never end
            or want too much memory.
        FetchError: The disk is full.
        WorkerError: The decoder itself is broken, or no process can be started.
    """
    with path.open("rb", buffering=0) as file, new_store() as store:
        limit_s = min(_MIN_LIMIT_S + settings.max_audio_s / _MIN_SPEED, _MAX_LIMIT_S)
        track = -1 if request.audio_track is None else request.audio_track
        task = _TASK.pack(settings.max_audio_s, limit_s, _CHOICES.index(request.channels), track)
        answer = _answer(task, file, store, check_cancelled)
        if "refused" in answer:
            raise BadInputError(answer["refused"])
        if "full" in answer:
            raise FetchError(NO_ROOM)
        if "raised" in answer:
            log.error("the decoder raised\n%s", answer["raised"])
            raise WorkerError("the recording could not be decoded; the worker's log has more")
        warnings = tuple(Warned(message, span and Span(*span)) for message, span in answer["warnings"])
        return Audio(samples_in(store), tuple(Span(*span) for span in answer["channel_spans"])), warnings


def start() -> None:
    """Start the server without waiting for it, so that the first recording need not wait either."""
    _server.start()


def _answer(task: bytes, file: FileIO, store: BinaryIO, check_cancelled: Callable[[], None]) -> dict[str, Any]:
    """Return the answer of a child about a file."""
    for _ in range(_TRIES):
        here, there = socket.socketpair()
        with here:
            with there:
                server = _server.send(task, [file.fileno(), store.fileno(), there.fileno()])
            reply = b"".join(_pieces(here, check_cancelled))
        with contextlib.suppress(ValueError):  # none, or half of one, from a child that died
            answer: dict[str, Any] = json.loads(reply)
            return answer
        if _is_alive(server):
            raise BadInputError("the file makes the decoder crash or never end; it is damaged, or made to do harm")
    raise WorkerError(_NO_PROCESS)


def _is_alive(server: subprocess.Popen[bytes]) -> bool:
    """Return whether the server survived the child that gave no answer."""
    try:
        server.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _pieces(here: socket.socket, check_cancelled: Callable[[], None]) -> Iterator[bytes]:
    """Yield the pieces of a child's answer."""
    here.settimeout(_POLL_S)
    while True:
        check_cancelled()
        with contextlib.suppress(TimeoutError):
            piece = here.recv(1 << 16)
            if not piece:
                return
            yield piece


@dataclass(eq=False)
class _Server:
    """Worker's side of the server, which is started when needed and after its death."""

    _running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        with self._lock:
            if self._running is None or self._running[0].poll() is not None:
                if self._running is not None:
                    self._running[1].close()
                self._running = _start_server()
            return self._running

    def send(self, task: bytes, files: list[int]) -> subprocess.Popen[bytes]:
        """Hand over a task, and copies of the open files.

        Raises:
            WorkerError: No server takes it.
        """
        for _ in range(_TRIES):
            with contextlib.suppress(OSError), self._lock:
                process, control = self.start()
                socket.send_fds(control, [task], files)
                return process
        raise WorkerError(_NO_PROCESS)


def _start_server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    if importlib.util.find_spec("av") is None:
        raise ModuleNotFoundError("the worker's libraries are not installed", name="av")
    # The worker's environment has tokens, and a decoder may print anything.
    passed = {name: value for name, value in os.environ.items() if name in _PASSED_VARIABLES}
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        command = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve({there.fileno()})"
        process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-I", "-c", command],
            env={**passed, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[there.fileno()],
        )
    return process, here


_server = _Server()


def serve(control_number: int) -> None:
    """Fork one child per task until the worker has ended."""
    import av.filter  # noqa: F401 - children find it imported

    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(ignored, signal.SIG_IGN)
    worker = os.getppid()
    with socket.socket(fileno=control_number) as control:
        control.settimeout(_ORPHAN_S)
        while os.getppid() == worker:
            try:
                task, files, _, _ = socket.recv_fds(control, _TASK.size, 3)
            except TimeoutError:
                continue
            if not task:
                return
            if not os.fork():
                control.close()
                _run_child(*_TASK.unpack(task), *files)
            for number in files:
                os.close(number)


def _run_child(  # noqa: PLR0913
    max_s: Seconds, limit_s: Seconds, choice: int, track: int, file_number: int, store_number: int, reply_number: int
) -> NoReturn:
    """Decode one file, send the answer, and end the process."""
    try:
        reply = socket.socket(fileno=reply_number)
        resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        threading.Thread(target=_end_when_cancelled, args=(reply,), daemon=True).start()
        request = ChannelRequest(_CHOICES[choice], None if track < 0 else track)
        reply.sendall(json.dumps(_decode_answer(max_s, request, file_number, store_number)).encode())
    finally:
        os._exit(0)


def _end_when_cancelled(reply: socket.socket) -> None:
    reply.recv(1)
    os._exit(0)


def _decode_answer(max_s: Seconds, request: ChannelRequest, file_number: int, store_number: int) -> dict[str, Any]:
    try:
        with open(file_number, "rb", buffering=0) as file, open(store_number, "w+b") as store:
            decoded = decode_into(store, file, max_s, request)
    except BadInputError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": "decoding the file takes more memory than any recording should need"}
    except Exception as error:  # noqa: BLE001 - the worker logs it
        return {"full" if getattr(error, "errno", None) in _FULL else "raised": traceback.format_exc()}
    return {
        "warnings": [(warned.message, warned.span and astuple(warned.span)) for warned in decoded.warnings],
        "channel_spans": [astuple(span) for span in decoded.channel_spans],
    }
