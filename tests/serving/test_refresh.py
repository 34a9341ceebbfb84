"""A worker whose GPU failed takes no further job and is replaced, under RunPod's SDK and under its local API."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import urllib.request

import pytest

from tests.clips import wav
from tests.runpod_server import free_port
from whisperx_worker import hookimpl
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.runtime.health import Health
from whisperx_worker.runtime.runpod_sdk import import_runpod
from whisperx_worker.serving import fitness

POISON = "CUDA error: an illegal memory access was encountered"
FAILED = "transcribe failed in plugin actor: the worker's GPU failed (RuntimeError)"


@pytest.fixture
def ask(runpod_server):
    def submit(job_id, **options):
        data = {"audio_file": f"{runpod_server.url}/half-a-second.wav", "plugins": {"actor": options}}
        runpod_server.submit((job_id, data))

    return submit


@pytest.mark.slow
def test_a_broken_gpu_costs_its_own_job_and_the_next_one_is_a_fresh_workers(runpod_server, start, ask):
    worker = start()
    ask("poisoned", breaks_gpu=POISON)
    ask("next")
    answer = runpod_server.result("poisoned")
    assert answer["error"] == FAILED
    assert answer["stopPod"] is True
    worker.process.wait(timeout=30)
    assert f"asking RunPod for a fresh worker: the GPU failed (RuntimeError: {POISON})" in worker.said()
    assert (runpod_server.posts_of("next"), runpod_server.waiting) == ([], 1)
    start()
    assert runpod_server.result("next")["output"]["segments"]


@pytest.mark.slow
def test_the_same_internal_error_twice_costs_the_worker(runpod_server, start, ask):
    worker = start()
    for job_id in ("one", "two"):
        ask(job_id, raises="planted")
    answers = [runpod_server.result(job_id) for job_id in ("one", "two")]
    assert [answer.get("stopPod") for answer in answers] == [None, True]
    worker.process.wait(timeout=30)


@pytest.mark.slow
def test_with_several_jobs_no_new_one_is_taken_and_the_last_one_asks_for_the_fresh_worker(runpod_server, start, ask):
    worker = start(jobs_at_once=3)
    ask("healthy", lasts_s=3.0)
    runpod_server.progress("healthy")
    ask("poisoned", breaks_gpu=POISON)
    answer = runpod_server.result("poisoned")
    assert (answer["error"], "stopPod" in answer) == (FAILED, False)
    ask("next")
    answer = runpod_server.result("healthy")
    assert answer.get("error") is None
    assert (bool(answer["output"]["segments"]), answer["stopPod"]) == (True, True)
    worker.process.wait(timeout=30)
    assert (runpod_server.posts_of("next"), runpod_server.waiting) == ([], 1)
    start()
    assert runpod_server.result("next")["output"]["segments"]


@pytest.mark.slow
def test_where_the_last_job_is_cancelled_the_worker_ends_by_itself(runpod_server, start, ask):
    worker = start(jobs_at_once=2)
    ask("unwanted", waits=True)
    runpod_server.progress("unwanted")
    ask("poisoned", breaks_gpu=POISON)
    runpod_server.result("poisoned")
    runpod_server.stop("unwanted")
    assert worker.process.wait(timeout=30) == 1


@pytest.mark.slow
def test_the_local_api_answers_and_ends_non_zero(start):
    port = free_port()
    worker = start("--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port))

    def post(**options):
        data = {"audio_base64": base64.b64encode(wav(0.5)).decode(), "plugins": {"actor": options}}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/runsync",
            json.dumps({"input": data}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    latest_s = time.monotonic() + 60
    while "Uvicorn running" not in worker.said() and time.monotonic() < latest_s:
        time.sleep(0.05)
    assert post()["status"] == "COMPLETED"
    assert post(raises="planted")["status"] == post(raises="planted")["status"] == "FAILED"
    assert post()["status"] == "COMPLETED"  # an error that comes back may be the plugin's: nobody would start it again
    assert post(breaks_gpu=POISON)["error"] == FAILED
    assert worker.process.wait(timeout=30) != 0
    assert "ending: no later job can succeed in this process" in worker.said()


class Plugin:
    def __init__(self, hook, error=None, done=None):
        self.error, self.done = error, done if done is not None else []
        if hook == "transcribe":
            self.transcribe = hookimpl(lambda: None)

    @hookimpl
    def warm_up(self):
        self.done.append("warm-up")
        if self.error:
            raise self.error


def opened(plugin, **settings):
    chosen = Settings(plugins_allow=("plugin",), transcribe_engine="plugin", device="cpu", **settings)
    return Worker(
        chosen, load_host(chosen, [Candidate("plugin", "test", "0", load=lambda: plugin)]), ModelCache(), Health()
    )


@pytest.fixture
def checked(monkeypatch):
    """Run RunPod's fitness checks, with one of the SDK's own; gives how often it wanted to end the process."""
    import_runpod()
    from runpod.serverless.modules import rp_fitness

    ended = []

    def run(worker, done):
        monkeypatch.setattr(rp_fitness, "_fitness_checks", [])
        monkeypatch.setattr(rp_fitness, "_terminate_unhealthy", ended.append)
        monkeypatch.setattr(rp_fitness, "_ensure_system_checks_registered", lambda: None)
        monkeypatch.setattr(
            rp_fitness,
            "_ensure_gpu_check_registered",
            lambda: rp_fitness.register_fitness_check(lambda: done.append("GPU")),
        )
        monkeypatch.setattr(fitness, "findings", lambda *_, **__: done.append("quick checks") or [])
        fitness.register_fitness_checks(worker)
        asyncio.run(rp_fitness.run_fitness_checks())
        return ended

    return run


def test_models_are_loaded_after_all_other_checks(checked):
    done = []
    assert checked(opened(Plugin("transcribe", done=done), warm_up=True), done) == []
    assert done == ["quick checks", "GPU", "warm-up"]


def test_without_the_setting_no_model_is_loaded_before_the_first_job(checked):
    done = []
    assert checked(opened(Plugin("transcribe", done=done)), done) == []
    assert done == ["quick checks", "GPU"]


@pytest.mark.parametrize(
    ("hook", "error", "sentence"),
    [
        ("transcribe", ValueError("x"), "plugin plugin failed in warm_up: it raised ValueError"),
        ("transcribe", RuntimeError(POISON), f"the GPU failed (RuntimeError: {POISON})"),
        ("", RuntimeError(POISON), f"the GPU failed (RuntimeError: {POISON})"),
        ("", ValueError("x"), None),
    ],
)
def test_a_model_that_plain_jobs_need_or_a_broken_gpu_stops_the_worker_with_one_sentence(
    checked, caplog, hook, error, sentence
):
    assert checked(opened(Plugin(hook, error), warm_up=True), []) == ([1] if sentence else [])
    told = [line for line in caplog.messages if line.startswith("the worker takes no job")]
    assert told == ([f"the worker takes no job: {sentence}"] if sentence else [])
