"""Rows about whole jobs.

They measure loading, peaks per stage, overlap of text and speakers, two jobs at once, and the cold start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.gpu_check.memory import Watch, torch_peaks_mb, used_mb
from tools.gpu_check.setup import (
    EVERYTHING,
    CheckError,
    Measure,
    dialogue,
    recording,
    run_job,
    samples,
    stopwatch,
    text_of,
)
from tools.random_models import SETTINGS
from whisperx_worker.hooks.engine_choice import ENGINES
from whisperx_worker.hooks.job import Observers
from whisperx_worker.pipeline import run
from whisperx_worker.pipeline.concurrency import run_concurrently
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import new_job, open_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.gpu_check.setup import Setup
    from whisperx_worker import StageEnd

WARM_UP_S = 11.0
MAX_START_S = 120.0
SHOWN = ("decode", *ENGINES, "job")
"""Stages that do something in these jobs."""


def load_models(setup: Setup) -> Iterator[Measure]:
    """Load every production model, one after the other, by the hook `warm_up`."""
    worker = open_worker(setup.settings())
    available = {"models": worker.models, "settings": worker.settings}
    for implementation in worker.host.implementations("warm_up"):
        before_mb = used_mb(setup.device)
        with stopwatch() as spent:
            implementation.function(*[available[name] for name in implementation.argnames])
        more_mb = used_mb(setup.device) - before_mb
        yield Measure(implementation.plugin_name, f"{spent[0]:.1f} s with its imports, {more_mb:,.0f} MB")
    loaded = len(worker.models.loaded())
    if loaded != len(SETTINGS):
        raise CheckError(f"{loaded} models are loaded in place of {len(SETTINGS)}")


def measure_stages(setup: Setup) -> Iterator[Measure]:
    """Measure time and peak memory of each stage of a job with words, speakers and names."""
    worker = open_worker(setup.settings())
    asked = {**EVERYTHING, "speaker_samples": samples(), "batch_size": setup.batch_size}
    with recording(dialogue(WARM_UP_S)) as path:
        run_job(worker, path, **asked)
    ended: list[StageEnd] = []

    observers = Observers(stage_ended=lambda _job, end: ended.append(end))
    with recording(dialogue(setup.seconds)) as path, Watch(setup.device) as watch:
        data = {"audio_file": str(path), **asked}
        response = answer(worker, "gpu-check", data, local=True, observers=observers)
    if "error" in response:
        raise CheckError(f"the job failed: {response['error']}")
    for end in ended:
        if end.stage in SHOWN:
            peak_mb = watch.peak_between(end.began_at, end.began_at + end.seconds)
            value = f"{end.seconds:.2f} s, {end.seconds / (setup.seconds / 60):.2f} s per minute of sound"
            yield Measure(end.stage, f"{value}, peak {peak_mb:,.0f} MB")
    if setup.device == "cuda":
        yield Measure("torch itself", "allocated {:,.0f} MB, reserved {:,.0f} MB at most".format(*torch_peaks_mb()))
    left_out = [warning for warning in response["warnings"] if "; the text comes without" in warning]
    if left_out or not response.get("speakers"):
        raise CheckError((left_out or ["nobody was named"])[0])


def measure_overlap(setup: Setup) -> Iterator[Measure]:
    """Measure text and speakers alone, then both at once."""
    worker = open_worker(setup.settings())
    seconds = min(setup.seconds, 300.0)
    with recording(dialogue(WARM_UP_S)) as path:
        run_job(worker, path, **EVERYTHING, batch_size=setup.batch_size)
    with recording(dialogue(seconds)) as path:
        data = {"audio_file": str(path), **EVERYTHING, "batch_size": setup.batch_size}
        job = new_job(worker, "gpu-check", data, local=True)
        audio = run.load_recording(job)
        spent: dict[str, float] = {}
        for name in ("text", "speakers", "both"):
            with stopwatch() as took:
                if name == "text":
                    run.transcribe_and_align(job, worker.host, audio)
                elif name == "speakers":
                    found = run.run_diarization(job, worker.host, audio)
                else:
                    _, found = run_concurrently(
                        job,
                        lambda: run.transcribe_and_align(job, worker.host, audio),
                        lambda: run.run_diarization(job, worker.host, audio),
                    )
            spent[name] = took[0]
            yield Measure(f"{name} of {seconds:.0f} s", f"{took[0]:.2f} s")
    if found is None:
        raise CheckError(f"there are no speakers: {job.warnings[-1]}")
    yield Measure("both at once", f"{spent['both'] / (spent['text'] + spent['speakers']):.0%} of the sum")


def run_two_jobs(setup: Setup) -> Iterator[Measure]:
    """Compare two jobs at once with one: time, memory and text."""
    worker = open_worker(setup.settings())
    asked = {**EVERYTHING, "speaker_samples": samples(), "batch_size": max(1, setup.batch_size // 2)}
    with recording(dialogue(min(setup.seconds, 240.0))) as path:
        run_job(worker, path, **asked)
        with stopwatch() as alone, Watch(setup.device) as watch_one:
            expected = text_of(run_job(worker, path, **asked))
        with stopwatch() as both, Watch(setup.device) as watch_two, ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(run_job, worker, path, **asked) for _ in range(2)]
            texts = [text_of(one.result()) for one in waiting]
    yield Measure("one job", f"{alone[0]:.2f} s, peak {watch_one.peak_mb:,.0f} MB")
    yield Measure("two at once", f"{both[0]:.2f} s, peak {watch_two.peak_mb:,.0f} MB")
    if texts != [expected] * 2:
        raise CheckError("two jobs at once have other texts than one alone")


def start_cold(setup: Setup) -> Iterator[Measure]:
    """Measure a new process from its start to its first answer, twice."""
    for what in ("first start", "second start"):
        with recording(dialogue(WARM_UP_S)) as path, stopwatch() as spent:
            response = _handled(setup, path)
        if "segments" not in response:
            raise CheckError(f"the worker gave no answer: {response.get('error', 'no reason given')}")
        timings = response["timings"]
        yield Measure(what, f"{spent[0]:.1f} s, of them {timings['job_s']:.1f} s the job with its loading")


def _handled(setup: Setup, path: Path) -> dict[str, Any]:
    """Return the answer of a new worker process to a job with all stages."""
    import base64

    sound = base64.b64encode(path.read_bytes()).decode()
    job = {"input": {"audio_base64": sound, **EVERYTHING, "debug": True}}
    chosen = {f"WHISPERX_WORKER_{name.upper()}": value for name, value in SETTINGS.items()}
    environment = {
        **os.environ,
        **chosen,
        "WHISPERX_WORKER_MODELS": str(setup.models.resolve()),
        "WHISPERX_WORKER_DEVICE": setup.device,
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_input.json").write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-c", _ANSWER]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=MAX_START_S, check=False
        )
        answer_file = Path(folder, "answer.json")
        if not answer_file.is_file():
            last_line = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            return {"error": last_line}
        response: dict[str, Any] = json.loads(answer_file.read_text(encoding="utf-8"))
    return response


_ANSWER = """
import asyncio, json
from pathlib import Path
from whisperx_worker.handler import handler
job = json.loads(Path("test_input.json").read_text(encoding="utf-8"))
answer = asyncio.run(handler({"id": "gpu-check", **job}))
Path("answer.json").write_text(json.dumps(answer), encoding="utf-8")
"""


def run_checks(setup: Setup) -> Iterator[Measure]:
    """Run the worker's own checks on this machine."""
    from whisperx_worker.hooks.loading import load_host
    from whisperx_worker.operate.doctor import findings

    settings = setup.settings()
    with stopwatch() as spent:
        found = findings(settings, load_host(settings), at_start=False)
    yield Measure("checks", f"{len(found)} in {spent[0]:.0f} s")
    for finding in found:
        if finding.state != "ok":
            yield Measure(f"{finding.name}: {finding.state}", finding.what)
    if failures := [finding.name for finding in found if finding.state == "failure"]:
        raise CheckError(f"these fail: {', '.join(failures)}")


def describe_machine(setup: Setup) -> Iterator[Measure]:
    """Describe GPU, driver and versions."""
    from bench.duel import machine
    from whisperx_worker.runtime.machine import driver, version_of

    yield Measure("processor", machine())
    if setup.device == "cuda":
        import torch

        found = driver()
        properties: Any = torch.cuda.get_device_properties(0)
        yield Measure(
            "GPU", f"{properties.name}, {properties.total_memory / 1e9:.0f} GB, sm_{properties.major}{properties.minor}"
        )
        if found:
            yield Measure("driver", f"{_driver_version()}, CUDA up to {found.cuda[0]}.{found.cuda[1]}")
        cudnn: Any = torch.backends.cudnn
        yield Measure("torch's CUDA and cuDNN", f"{torch.version.cuda}, {cudnn.version()}")
    names = ("torch", "ctranslate2", "faster-whisper", "transformers", "pyannote.audio", "speechbrain")
    yield Measure("versions", ", ".join(f"{name} {version_of(name)}" for name in names))
    yield Measure("measured", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def _driver_version() -> str:
    file = Path("/proc/driver/nvidia/version")
    words = file.read_text(encoding="utf-8").split() if file.is_file() else []
    return next((word for word in words if word.count(".") >= 1 and word[0].isdigit()), "of unknown version")
