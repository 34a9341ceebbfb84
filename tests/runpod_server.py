"""RunPod as its SDK sees it, on the loopback: hands out jobs, takes progress and results, and serves recordings."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.clips import wav

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POLL_S = 20.0
"""How long a poll for jobs is held open; the SDK's own limit is 90 s."""

LOOK_S = 0.05
"""How often it is seen whether a worker still waits for jobs."""

HANDLER = (sys.executable, "-m", "whisperx_worker.handler")
TWO_AT_ONCE = (
    sys.executable,
    "-c",
    "from whisperx_worker.serving.runpod_handler import handler, import_runpod; "
    "import_runpod().serverless.start({'handler': handler, 'concurrency_modifier': lambda _now: 2})",
)
"""The same handler, but the SDK gives it two jobs at a time, which it takes as a batch."""


@dataclass(frozen=True)
class Post:
    """What a worker sent to the address for results."""

    job_id: str
    body: dict[str, Any]
    stream: str
    authorization: str | None
    is_piece: bool = False
    """Whether it is a piece of the job's stream."""

    @property
    def is_progress(self) -> bool:
        return self.body.get("status") == "IN_PROGRESS"


@dataclass
class RunpodServer:
    """The state of the endpoint. Everything is guarded by `changed`."""

    files: dict[str, tuple[int, str, bytes, int]] = field(default_factory=dict)
    """By path, query left out: status, type, body, and how many bytes too few that is by its own account."""
    posts: list[Post] = field(default_factory=list)
    pings: list[dict[str, list[str]]] = field(default_factory=list)
    takes: list[str] = field(default_factory=list)
    """Paths and queries of the polls for jobs."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    refuses: int = 0
    """Results that are still to be refused, as by an overloaded server; the SDK sends them again."""
    refreshed: int = 0
    """Workers that asked to be replaced, and are told no more."""
    _jobs: deque[dict[str, Any]] = field(default_factory=deque)
    _stops: deque[str] = field(default_factory=deque)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._http = _QuietServer(("127.0.0.1", 0), _handler_for(self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._http.shutdown()
        self._http.server_close()

    def environment(self) -> dict[str, str]:
        """What RunPod sets in a worker's container, and what lets the SDK run on any machine."""
        return {
            "RUNPOD_WEBHOOK_GET_JOB": f"{self.url}/v2/endpoint/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{self.url}/v2/endpoint/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{self.url}/v2/endpoint/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{self.url}/v2/endpoint/ping/$RUNPOD_POD_ID",
            "RUNPOD_PING_INTERVAL": "1000",
            "RUNPOD_AI_API_KEY": "rpa-of-the-endpoint",
            "RUNPOD_POD_ID": "pod-1",
            "RUNPOD_POD_HOSTNAME": "pod-1-host.example",
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
            "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
        }

    def serve(self, path: str, body: bytes, *, status: int = 200, kind: str = "audio/wav", missing: int = 0) -> str:
        """Serve a file, and give back its URL; with `missing` bytes the connection breaks off so long before its end."""
        self.files[path] = (status, kind, body, missing)
        return self.url + path

    def submit(self, *jobs: tuple[str, object], **more: object) -> None:
        """Put jobs into the queue, as id and input; those of one call can be taken together."""
        with self.changed:
            self._jobs += [{"id": job_id, "input": data, **more} for job_id, data in jobs]
            self.changed.notify_all()

    def stop(self, job_id: str) -> None:
        """Cancel a job."""
        with self.changed:
            self._stops.append(job_id)
            self.changed.notify_all()

    def result(self, job_id: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The body that the worker sent as a job's result, once it is there."""
        return self._wait_for(job_id, timeout_s, progress=False).body

    def progress(self, job_id: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The first progress of a job, once it is there."""
        return self._wait_for(job_id, timeout_s, progress=True).body

    def posts_of(self, job_id: str) -> list[Post]:
        """All that came for a job, in order."""
        with self.changed:
            return [post for post in self.posts if post.job_id == job_id]

    def _wait_for(self, job_id: str, timeout_s: float, *, progress: bool) -> Post:
        def found() -> Post | None:
            of_job = (post for post in self.posts if post.job_id == job_id and not post.is_piece)
            return next((post for post in of_job if post.is_progress is progress), None)

        with self.changed:
            if not self.changed.wait_for(found, timeout_s):
                raise TimeoutError(f"nothing came for job {job_id}")
            return found()  # type: ignore[return-value]

    @property
    def waiting(self) -> int:
        """Jobs that no worker has taken."""
        with self.changed:
            return len(self._jobs)

    def take_jobs(self, most: int, is_gone: Callable[[], bool]) -> list[dict[str, Any]]:
        """Jobs for a worker once there are some; none for one that does not wait any more."""
        latest_s = time.monotonic() + POLL_S
        with self.changed:
            while not self._closed and time.monotonic() < latest_s and not is_gone():
                if self._jobs:
                    return [self._jobs.popleft() for _ in range(min(most, len(self._jobs)))]
                self.changed.wait(LOOK_S)
        return []

    def take_stops(self) -> list[str]:
        with self.changed:
            before = self.refreshed
            self.changed.wait_for(lambda: self._stops or self._closed or self.refreshed > before, POLL_S)
            stops = list(self._stops)
            self._stops.clear()
            return stops


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """A worker that was killed in the middle of a request is nothing to report."""


def _handler_for(server: RunpodServer) -> type[BaseHTTPRequestHandler]:  # noqa: C901  one branch for each address
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            if "/job-take" in parts.path:
                with server.changed:
                    server.takes.append(self.path)
                    server.changed.notify_all()
                jobs = server.take_jobs(int(query.get("batch_size", ["1"])[0]), self._is_gone)
                self._send(jobs if "/job-take-batch/" in parts.path else jobs[0] if jobs else None)
            elif "/job-stop/" in parts.path:
                stops = server.take_stops()
                self._send({"jobsToStop": stops} if stops else None)
            elif "/ping/" in parts.path:
                with server.changed:
                    server.pings.append({**query, "path": [parts.path]})
                    server.changed.notify_all()
                self._send({})
            else:
                self._reply(*server.files.get(parts.path, (404, "text/plain", b"there is no such file")))

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            job_id, stream = parts.path.rsplit("/", 1)[1], parse_qs(parts.query)["isStream"][0]
            with server.changed:
                if server.refuses and body.get("status") != "IN_PROGRESS":
                    server.refuses -= 1
                    server.changed.notify_all()
                    self._reply(503, "text/plain", b"busy")
                    return
                is_piece = "/job-stream/" in parts.path
                server.posts.append(Post(job_id, body, stream, self.headers["Authorization"], is_piece))
                server.refreshed += bool(body.get("stopPod"))
                server.changed.notify_all()
            self._send({})

        def _is_gone(self) -> bool:
            """Whether the worker closed the connection while it waits for an answer."""
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

        def _send(self, answer: object) -> None:
            if answer is None or answer == []:
                self._reply(204, "application/json", b"")
            else:
                self._reply(200, "application/json", json.dumps(answer).encode())

        def _reply(self, status: int, kind: str, body: bytes, missing: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) + missing))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.close_connection or bool(missing)

    return Handler


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to whoever asks for any."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


@dataclass
class WorkerProcess:
    """A worker in a process of its own, with a folder for all that it leaves behind."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def temporary(self) -> Path:
        """Its folder for temporary files."""
        return self.folder / "tmp"

    def said(self, *names: str) -> str:
        """What it wrote so far: all, or of standard output, standard error and the log file those that are named."""
        files = (self.folder / name for name in names or ("stdout", "stderr", "container_log.txt"))
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.exists())

    def left_behind(self) -> list[Path]:
        """Files and folders in its temporary folder, those of multiprocessing left out."""
        return [path for path in self.temporary.rglob("*") if not path.name.startswith("pymp-")]

    def end(self) -> None:
        """Kill it and the process that it pings from."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)


@contextlib.contextmanager
def serving_half_a_second() -> Iterator[RunpodServer]:
    """A server that has half a second of sound at `/half-a-second.wav`."""
    server = RunpodServer()
    server.serve("/half-a-second.wav", wav(0.5))
    try:
        yield server
    finally:
        server.close()


def start_worker(
    folder: Path, environment: dict[str, str], *arguments: str, command: tuple[str, ...] = HANDLER
) -> WorkerProcess:
    """Start a worker; nothing of this process's environment reaches it but what finds Python and its libraries."""
    (folder / "tmp").mkdir(parents=True)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            env={
                **inherited,
                "HF_HUB_OFFLINE": "1",
                "TMPDIR": str(folder / "tmp"),
                "WHISPERX_WORKER_LOG_FILE": str(folder / "container_log.txt"),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    return WorkerProcess(process, folder)


@contextlib.contextmanager
def workers_in(folder: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Gives a `start_worker` that takes a folder of its own for each worker; all are killed in the end."""
    started: list[WorkerProcess] = []

    def start(environment: dict[str, str], *arguments: str, command: tuple[str, ...] = HANDLER) -> WorkerProcess:
        started.append(start_worker(folder / str(len(started)), environment, *arguments, command=command))
        return started[-1]

    try:
        yield start
    finally:
        for worker in started:
            worker.end()


ACTOR = '''
"""An engine that needs no model and does what its options tell it to."""

import logging
import threading
from dataclasses import dataclass
from time import monotonic, sleep

from whisperx_worker import BadInputError, Segment, Transcript, hookimpl

log = logging.getLogger("actor")
together = threading.Barrier(2, timeout=30)
broken = threading.Event()


@dataclass(frozen=True)
class Options:
    says: str = "Алло."
    logs: str = ""
    warns: str = ""
    raises: str = ""
    complains: str = ""
    meets: bool = False
    """Wait until another job is here too."""
    waits: bool = False
    """Work on until the job is cancelled."""
    lasts_s: float = 0.0
    """Work for so long, and look ten times a second whether the job is still wanted."""
    hangs_s: float = 0.0
    """Work for so long, and never look."""
    segments: int = 1
    breaks_gpu: str = ""
    """What a library says of the GPU; all that the process does with it later fails too."""
    cancels_itself: bool = False


@hookimpl
def register_options():
    return Options


@hookimpl
def transcribe(audio, job, options):
    with job.models.use(("actor's script",), load=object):
        if options.meets:
            together.wait()
        if options.logs:
            log.info("%s", options.logs)
        if options.warns:
            job.warn(options.warns)
        if options.meets:
            together.wait()
        if options.raises:
            raise ValueError(options.raises)
        if options.complains:
            raise BadInputError(options.complains)
        if options.breaks_gpu:
            broken.set()
            raise RuntimeError(options.breaks_gpu)
        if broken.is_set():
            raise RuntimeError("CUDA failed with error unknown error")
        if options.cancels_itself:
            job.cancel()
        while options.waits:
            job.progress("transcribe", 0.5)
            sleep(0.02)
        sleep(options.hangs_s)
        ends_s = monotonic() + options.lasts_s
        while monotonic() < ends_s:
            job.progress("transcribe", 0.5)
            sleep(0.1)
        job.progress("transcribe", 0.5)
        job.recognised([Segment(0.0, 0.25, options.says + "?")])
    end_s = round(audio.duration_s, 3)
    return Transcript((Segment(0.0, end_s, options.says),) * options.segments, job.request.language or "ru")
'''


def actor_environment(folder: Path) -> dict[str, str]:
    """Puts the actor into a folder, and says where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "actor.py").write_text(ACTOR, encoding="utf-8")
    return {
        "WHISPERX_WORKER_PLUGINS_DIR": str(folder),
        "WHISPERX_WORKER_PLUGINS_ALLOW": "actor",
        "WHISPERX_WORKER_TRANSCRIBE_ENGINE": "actor",
    }
