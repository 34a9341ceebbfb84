"""Hundreds of jobs through the real worker loop, good and bad, cancelled and hit by faults: `make soak`.

    python -m tests.soak              500 jobs, eight at a time
    python -m tests.soak --jobs 60    fewer

The worker is a process of its own with the shipped models, on a disk of a few megabytes; RunPod is `runpod_server`. Every
job must end exactly once, with the answer that the same job always gets or with its one sentence. In the end the worker
must hold what it held after the first hundred jobs: threads, open files, child processes, memory, and no temporary file.

Then others follow, whose GPU is broken again and again, as a library would tell it: such a worker must take no further
job, answer those that it has, and be replaced. Only what ran beside may fail, and says so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from demo.demo import MODELS
from tests.runpod_server import RunpodServer, start_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.runpod_server import WorkerProcess

ROOT = Path(__file__).parent.parent
AT_ONCE = 8
SETTLED_AFTER = 100
"""So many jobs, and the worker has loaded and cached all that it ever will."""
DISK_MB = 48
MOST_GROWTH_MB = 40.0
LONGEST_S = 300.0
DISK_FULL = "disk full"
"""Needs a machine where a small disk can be made."""
NO_ROOM = "the worker has no room to keep the audio"

CHAOS = '''
"""A plugin that does to its job what its option says."""

from dataclasses import dataclass
from time import sleep

import numpy as np

from whisperx_worker import hookimpl


broken = []


@dataclass(frozen=True)
class Options:
    fault: str = ""


@hookimpl
def register_options():
    return Options


@hookimpl
def pre_audio(audio, job, options):
    if options.fault == "raises":
        raise ValueError("planted")
    if options.fault == "out of memory":
        np.ones((1 << 50,), np.float32)
    if options.fault == "ends the process":
        raise SystemExit(3)
    if options.fault.startswith("GPU: "):
        broken.append(options.fault.removeprefix("GPU: "))
    if broken:
        raise RuntimeError(broken[0])
    while options.fault == "waits":
        job.progress("pre_audio", 0.5)
        sleep(0.02)
'''


@dataclass(frozen=True)
class Kind:
    """A sort of job, and how it must end."""

    name: str
    share: int
    """How many of a hundred jobs."""
    data: Callable[[RunpodServer], Any]
    error: str | None = None
    """A pattern of its sentence; None: it gets the answer that all of its kind get."""
    cancelled: bool = False
    warns: str = ""
    """What one of its warnings has in it."""


def job_of(file: str, **fields: object) -> Callable[[RunpodServer], dict[str, Any]]:
    """A job with the shipped models."""
    return lambda server: {
        "audio_file": f"{server.url}/{file}",
        "model": "demo-whisper-ru",
        "language": "ru",
        "plugins": MODELS,
        **fields,
    }


def faulty(fault: str) -> dict[str, Any]:
    """Options that make the chaos plugin do something."""
    return {**MODELS, "chaos": {"fault": fault}}


LEFT_OUT = "plugin chaos failed in pre_audio"
KINDS = (
    Kind("plain", 41, job_of("one.flac")),
    Kind("aligned", 6, job_of("two.flac", align_output=True, output_formats=["json", "srt"])),
    Kind("diarized", 3, job_of("both.flac", align_output=True, diarization=True)),
    Kind(
        "verified",
        3,
        lambda server: job_of(
            "both.flac",
            diarization=True,
            speaker_samples=[{"name": "Анна", "url": f"{server.url}/anna.flac"}],
        )(server),
    ),
    Kind("cancelled", 10, job_of("one.flac", plugins=faulty("waits")), cancelled=True),
    Kind("unknown field", 3, job_of("one.flac", batchsize=3), r"^\"batchsize\" is not a field of the request"),
    Kind("no audio", 3, lambda _server: {"language": "ru"}, r"^the recording is missing"),
    Kind("page", 2, job_of("page.wav"), r"^the file is not audio that can be read: it looks like an HTML page"),
    Kind("not there", 2, job_of("nothing.wav"), r"the server answered 404$"),
    Kind("cut-off fetch", 4, job_of("cut.flac"), r"the connection broke off$"),
    Kind("plugin raises", 6, job_of("one.flac", plugins=faulty("raises")), warns=LEFT_OUT),
    Kind("plugin raises, strict", 2, job_of("one.flac", plugins=faulty("raises"), strict=True), f"^strict: {LEFT_OUT}"),
    Kind("plugin ends the process", 3, job_of("one.flac", plugins=faulty("ends the process")), warns=LEFT_OUT),
    Kind("out of memory", 4, job_of("one.flac", plugins=faulty("out of memory")), warns=LEFT_OUT),
    Kind(DISK_FULL, 3, job_of("large.wav"), f"^{NO_ROOM}$"),
    Kind("hub gone", 8, job_of("one.flac", model="nobody/nothing"), r"could not be downloaded"),
)


@dataclass
class Seen:
    """What a worker holds."""

    threads: int
    files: int
    sockets: int
    children: int
    memory_mb: float
    open_files: tuple[str, ...]
    """What the descriptors point to."""


@dataclass
class Outcome:
    """How the jobs ended, and what is wrong."""

    ended: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    """After each job."""
    not_tried: list[str] = field(default_factory=list)
    replaced: int = 0
    """Workers that ended since they should do no more jobs."""


CUT_OFF = r"^(identify_language|transcribe) failed in plugin \w+: it raised"
REPLACED_BY = (
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: device-side assert triggered",
    "CUDA error: uncorrectable ECC error encountered",
    "CUDA failed with error unspecified launch failure",
    "cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; expr=cudaStreamSynchronize(stream)",
)
"""What torch, CTranslate2 and onnxruntime say of a GPU that works no more."""
GPU_FAILED = "the worker's GPU failed"
NO_MORE = "this process should do no more jobs"
TAKEN_BEFORE_S = 1.0
"""The SDK begins a job so long after it took it, at most."""


@dataclass
class Fate:
    """A job of the second part, from its submission to its answer, in seconds of one clock."""

    name: str
    submitted_s: float
    answered_s: float = 0.0
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def is_poisoned(self) -> bool:
        return self.name.startswith("poisoned")

    @property
    def told(self) -> bool:
        """Whether its answer says that the GPU failed."""
        return GPU_FAILED in str(self.body.get("output", {}).get("warnings"))

    def met(self, other: Fate) -> bool:
        """Whether both may have been on one worker at one time."""
        return self.submitted_s < other.answered_s and other.submitted_s < self.answered_s


def soak(jobs: int, folder: Path, seed: int = 1) -> Outcome:
    """Run so many jobs; the outcome says what was wrong with any."""
    server, outcome = RunpodServer(), Outcome()
    serve_recordings(server)
    disk = folder / "disk"
    with small_disk(disk) as is_small:
        outcome.not_tried = [] if is_small else [DISK_FULL]
        kinds = [kind for kind in KINDS if kind.name not in outcome.not_tried]
        chosen = random.Random(seed).choices(kinds, [kind.share for kind in kinds], k=jobs)
        environment = environment_of(folder, disk, server)
        worker = start_worker(folder / "worker", environment)
        try:
            first = run_jobs(server, worker, list(enumerate(chosen))[:SETTLED_AFTER], outcome)
            settled = at_rest(worker)
            libraries_own = {path for path in disk.rglob("*") if not path.name.startswith("whisperx-worker-")}
            run_jobs(server, worker, list(enumerate(chosen))[SETTLED_AFTER:], outcome, first)
            ended = at_rest(worker)
            outcome.wrong += [f"left in the temporary folder: {path}" for path in set(disk.rglob("*")) - libraries_own]
            outcome.wrong += growth(settled, ended, outcome.memory_mb)
            if "failed unexpectedly" in worker.said("container_log.txt"):
                outcome.wrong.append("a job failed in a way that nobody foresaw")
            worker.end()
            replaced(max(12, jobs // 4), folder / "replaced", environment, server, outcome, seed)
        finally:
            worker.end()
            server.close()
    return outcome


def replaced(
    jobs: int, folder: Path, environment: dict[str, str], server: RunpodServer, outcome: Outcome, seed: int
) -> None:
    """Run jobs on workers whose GPU breaks, or whose jobs die of one fault again and again, and start the next ones."""
    rng, workers, over = random.Random(seed), [], threading.Event()

    def supervise() -> None:
        while not over.is_set():
            workers.append(start_worker(folder / str(len(workers)), environment))
            while not over.is_set() and workers[-1].process.poll() is None:
                time.sleep(0.1)

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    fates: list[Fate] = []
    free = threading.Semaphore(AT_ONCE)

    def one(fate: Fate, data: dict[str, Any]) -> None:
        try:
            server.submit((fate.name, data))
            fate.body = server.result(fate.name, LONGEST_S)
        except TimeoutError:
            outcome.wrong.append(f"{fate.name} was lost")
        fate.answered_s = time.monotonic()
        free.release()

    threads = []
    for number in range(jobs):
        free.acquire()
        kind = rng.choices(("plain", "poisoned", "cut-off"), (80, 10, 10))[0] if number else "poisoned"
        fault = f"GPU: {rng.choice(REPLACED_BY)}" if kind == "poisoned" else ""
        data = job_of("one.flac", plugins=faulty(fault), model="cut-off" if kind == "cut-off" else "demo-whisper-ru")
        fates.append(Fate(f"{kind}-{number}", time.monotonic()))
        threads.append(threading.Thread(target=one, args=(fates[-1], data(server))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    over.set()
    supervisor.join()
    for worker in workers:
        worker.end()
    outcome.wrong += [wrong for fate in fates for wrong in wrongs_of(fate, fates, server)]
    outcome.ended.update(f"{fate.name.rpartition('-')[0]}: {ending_of(fate)}" for fate in fates)
    logs = [worker.said("container_log.txt") for worker in workers]
    outcome.replaced = len(workers) - 1
    faults = sum(NO_MORE in log for log in logs)
    if not 0 < outcome.replaced <= faults <= len(workers):
        outcome.wrong.append(f"{outcome.replaced} workers ended, and {faults} had a reason")
    outcome.wrong += [f"begun on a worker that should do no more jobs: {line}" for log in logs for line in late(log)]


def late(log: str) -> Iterator[str]:
    """The beginnings of jobs in a worker's log that come long after it should do no more."""
    lines = [line for line in log.splitlines() if re.match(r"\d{4}-\d\d-\d\d ", line)]
    times_s = [datetime.fromisoformat(line[:23].replace(",", ".")).timestamp() for line in lines]
    faulty_s = min((at_s for line, at_s in zip(lines, times_s, strict=True) if NO_MORE in line), default=math.inf)
    for line, at_s in zip(lines, times_s, strict=True):
        if line.endswith("whisperx_worker.pipeline.outcome: started") and at_s > faulty_s + TAKEN_BEFORE_S:
            yield line


def ending_of(fate: Fate) -> str:
    """How a job of the second part ended."""
    if "error" in fate.body:
        return "its sentence"
    return "told that the GPU failed" if fate.told else "the right answer"


def wrongs_of(fate: Fate, fates: list[Fate], server: RunpodServer) -> Iterator[str]:
    """What is wrong with a job of the second part."""
    answers = [post for post in server.posts_of(fate.name) if not post.is_progress]
    if len(answers) != 1:
        yield f"{fate.name} ended {len(answers)} times"
    if fate.name.startswith("cut-off"):
        if not re.search(CUT_OFF, fate.body.get("error", "")):
            yield f"{fate.name}: {fate.body.get('error')}"
    elif "error" in fate.body or not fate.body["output"]["segments"]:
        yield f"{fate.name}: {fate.body.get('error', 'no text')}"
    elif fate.is_poisoned and not fate.told:
        yield f"{fate.name} is not told that the GPU failed"
    elif fate.told and not fate.is_poisoned and not any(one.is_poisoned and one.met(fate) for one in fates):
        yield f"{fate.name} ran on a GPU that had failed before"


def serve_recordings(server: RunpodServer) -> None:
    """Put recordings where jobs point to."""
    import io

    import soundfile

    dialogue, rate_hz = soundfile.read(ROOT / "demo" / "dialogue.flac", dtype="float32")
    for name, start_s, end_s in (("one", 0.0, 2.4), ("two", 2.4, 7.0), ("both", 0.0, 8.0)):
        file = io.BytesIO()
        soundfile.write(file, dialogue[round(start_s * rate_hz) : round(end_s * rate_hz)], rate_hz, format="FLAC")
        server.serve(f"/{name}.flac", file.getvalue())
    server.serve("/anna.flac", (ROOT / "demo" / "anna.flac").read_bytes())
    server.serve("/page.wav", b"<!DOCTYPE html><html><body>Sign in</body></html>")
    server.serve("/large.wav", b"RIFF" + bytes(2 * DISK_MB * 1_000_000))
    server.serve("/cut.flac", (ROOT / "demo" / "anna.flac").read_bytes()[:20_000], missing=10_000)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Make a folder that really runs full, and say whether this machine allows it."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "soak", str(folder)]
    is_small = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield is_small
    finally:
        if is_small:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


def environment_of(folder: Path, disk: Path, server: RunpodServer) -> dict[str, str]:
    """Environment of workers with the chaos plugin and a model whose file is cut off."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "chaos.py").write_text(CHAOS, encoding="utf-8")
    broken = folder / "models" / "cut-off"
    shutil.copytree(ROOT / "src" / "whisperx_worker_models" / "demo-whisper-ru", broken)
    whole = (broken / "model.bin").read_bytes()
    (broken / "model.bin").write_bytes(whole[: len(whole) // 2])
    return {
        **server.environment(),
        "TMPDIR": str(disk),
        "HF_HUB_OFFLINE": "0",
        "HF_ENDPOINT": "http://127.0.0.1:9",  # nobody is there
        "HF_HOME": str(folder / "hub"),
        "WHISPERX_WORKER_PLUGINS_DIR": str(folder / "plugins"),
        "WHISPERX_WORKER_MODELS": str(folder / "models"),
        "WHISPERX_WORKER_HUB_MODELS": "*",
        "WHISPERX_WORKER_MODEL": "demo-whisper-ru",
        "WHISPERX_WORKER_JOBS_AT_ONCE": str(AT_ONCE),
        "WHISPERX_WORKER_THREADS": "1",
    }


def run_jobs(
    server: RunpodServer,
    worker: WorkerProcess,
    jobs: list[tuple[int, Kind]],
    outcome: Outcome,
    known: dict[str, str] | None = None,
) -> dict[str, str]:
    """Keep the worker busy with these jobs until all have ended.

    Returns:
        The answer of each kind, as it was the first time.
    """
    answers = known or {}
    free = threading.Semaphore(AT_ONCE)
    lock = threading.Lock()

    def one(number: int, kind: Kind) -> None:
        job_id = f"{number}-{kind.name.replace(' ', '-').replace(',', '')}"
        try:
            server.submit((job_id, kind.data(server)))
            ended, wrong = ended_of(server, worker, job_id, kind, answers, lock)
        except (TimeoutError, KeyError) as error:
            ended, wrong = "never", f"{job_id}: {error!r}"
        with lock:
            outcome.ended[f"{kind.name}: {ended}"] += 1
            outcome.memory_mb.append(seen(worker).memory_mb)
            outcome.wrong += [wrong] if wrong else []
        free.release()

    threads = []
    for number, kind in jobs:
        free.acquire()
        threads.append(threading.Thread(target=one, args=(number, kind)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    time.sleep(2)  # what was cancelled last may still be on its way out
    for number, kind in jobs:
        posts = [
            post
            for post in server.posts
            if post.job_id.startswith(f"{number}-") and not (post.is_progress or post.is_piece)
        ]
        if len(posts) != (0 if kind.cancelled else 1):
            outcome.wrong.append(f"{number} ({kind.name}) ended {len(posts)} times")
    return answers


def ended_of(
    server: RunpodServer, worker: WorkerProcess, job_id: str, kind: Kind, answers: dict[str, str], lock: threading.Lock
) -> tuple[str, str]:
    """How a job ended, and what is wrong with that."""
    if kind.cancelled:
        return cancelled(server, worker, job_id)
    body = server.result(job_id, LONGEST_S)
    error = body.get("error", "")
    if kind.name != DISK_FULL and (error == NO_ROOM or NO_ROOM in str(body.get("output", {}).get("warnings"))):
        return "told that another job has left no room", ""
    if error or kind.error:
        expected = kind.error is not None and re.search(kind.error, error)
        return ("its sentence", "") if expected else ("something else", f"{job_id}: {error or 'no error'}")
    output = {name: value for name, value in body["output"].items() if name != "logs"}
    if kind.warns and not any(kind.warns in warned for warned in output["warnings"]):
        return "no warning", f"{job_id} has no warning"
    answer = json.dumps(output, ensure_ascii=False, sort_keys=True)
    with lock:
        same = answers.setdefault(kind.name, answer) == answer
        first = answers[kind.name]
    if same:
        return "the right answer", ""
    return "another answer", f"{job_id} differs: {difference(first, answer)}"


def difference(first: str, other: str, around: int = 60) -> str:
    """Where two texts part, with what stands around the place."""
    at = next((at for at, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), min(len(first), len(other)))
    return f"{first[max(at - around, 0) : at + around]!r} was {other[max(at - around, 0) : at + around]!r}"


def cancelled(server: RunpodServer, worker: WorkerProcess, job_id: str) -> tuple[str, str]:
    """Cancel a job once it runs; its log must say that it stopped."""
    server.progress(job_id, LONGEST_S)
    server.stop(job_id)
    latest_s = time.monotonic() + 60
    while f"[{job_id}] whisperx_worker.pipeline.outcome: cancelled" not in worker.said("container_log.txt"):
        if time.monotonic() > latest_s:
            return "never", f"{job_id} was not cancelled"
        time.sleep(0.1)
    return "cancelled", ""


def seen(worker: WorkerProcess) -> Seen:
    """What the worker holds now."""
    process = Path(f"/proc/{worker.process.pid}")
    threads = list((process / "task").iterdir())
    pages = int((process / "statm").read_text().split()[1])
    children = sum(len(unless_gone((thread / "children").read_text).split()) for thread in threads)
    links = (process / "fd").iterdir()
    open_files = tuple(sorted(filter(None, (unless_gone(lambda link=link: str(link.readlink())) for link in links))))
    sockets = sum(name.startswith("socket:") for name in open_files)
    return Seen(len(threads), len(open_files) - sockets, sockets, children, pages * 4096 / 1e6, open_files)


def unless_gone(look: Callable[[], str]) -> str:
    """What a look into /proc finds; nothing where a thread has ended or a file was closed meanwhile."""
    try:
        return look()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def at_rest(worker: WorkerProcess) -> Seen:
    """What the worker holds when nothing goes on; polls for jobs come and go, with a thread each to look up a name."""
    looks = []
    for _ in range(10):
        looks.append(seen(worker))
        time.sleep(0.3)
    return min(looks, key=lambda look: (look.threads, look.files, look.sockets, look.children))


def growth(settled: Seen, ended: Seen, memory_mb: list[float]) -> list[str]:
    """What the worker holds more of than when it had settled.

    The SDK's session uses its connections in turn, so none is ever idle for long enough to be closed: as many stay as
    were needed at one time.
    """
    wrong = [
        f"{name} went from {getattr(settled, name)} to {getattr(ended, name)}"
        for name, more in (("threads", 0), ("files", 0), ("sockets", AT_ONCE), ("children", 0))
        if getattr(ended, name) > getattr(settled, name) + more
    ]
    if wrong:
        wrong.append(f"open at rest: {settled.open_files}, then {ended.open_files}")
    early, late = memory_mb[SETTLED_AFTER : SETTLED_AFTER + 50], memory_mb[-50:]
    if early and median(late) - median(early) > MOST_GROWTH_MB:
        wrong.append(f"memory went from {median(early):.0f} to {median(late):.0f} MB")
    return wrong


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        outcome = soak(options.jobs, Path(folder), options.seed)
        if outcome.wrong:
            kept = Path(tempfile.gettempdir()) / "soak-log.txt"
            shutil.copy(Path(folder) / "worker" / "container_log.txt", kept)
            print(f"the worker's log: {kept}")
    for name, count in sorted(outcome.ended.items()):
        print(f"{count:4d}  {name}")
    memory = outcome.memory_mb
    if len(memory) > SETTLED_AFTER:
        settled, late = memory[SETTLED_AFTER : SETTLED_AFTER + 50], memory[-50:]
        print(f"memory: {median(settled):.0f} MB around job {SETTLED_AFTER + 25}, {median(late):.0f} MB in the end")
    for name in outcome.not_tried:
        print(f"   -  {name}: not tried, since this machine does not let it be made")
    print(f"{outcome.replaced} workers were replaced")
    print(f"{sum(outcome.ended.values())} jobs, {AT_ONCE} at a time, in {time.monotonic() - began:.0f} s")
    if outcome.wrong:
        sys.exit("\n".join([f"{len(outcome.wrong)} things are wrong:", *outcome.wrong[:40]]))


if __name__ == "__main__":
    main()
