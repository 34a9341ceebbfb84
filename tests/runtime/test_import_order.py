"""Libraries that import each other, first wanted by several threads at once."""

from __future__ import annotations

import base64
import importlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.clips import wav
from whisperx_worker import Diarization, ModelRequirement, hookimpl
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker, warm_up
from whisperx_worker.runtime import import_order
from whisperx_worker.runtime.import_order import import_in_turn
from whisperx_worker.testing import make_transcript

ROOT = Path(__file__).parents[2]

WHOLE = """
import time
from importlib import _bootstrap

import tangle_watch

EARLY = 1
tangle_watch.begun.set()
latest_s = time.monotonic() + 0.5
while not _bootstrap._module_locks[__name__]().waiters and time.monotonic() < latest_s:
    time.sleep(0.001)
from tangled.part import LATE
"""
"""Goes on when another thread waits for it while it imports the part, or when there is none."""
PART = """
from tangled.whole import EARLY

LATE = 2
"""
"""Can be imported first too, since the package imports the whole before."""

LEFT_OVER = {"einops", "fsspec", "razdel", "ruamel", "transformers"}
"""Libraries of which modules are imported while models are loaded and run; only one of the plugins has each."""


@pytest.fixture
def tangled(tmp_path, monkeypatch):
    """A library of two modules; gives what tells that the first one is half imported."""
    (tmp_path / "tangled").mkdir()
    for name, text in {"__init__": "import tangled.whole", "whole": WHOLE, "part": PART}.items():
        (tmp_path / "tangled" / f"{name}.py").write_text(text)
    watch = SimpleNamespace(begun=threading.Event())
    monkeypatch.setitem(sys.modules, "tangle_watch", watch)
    monkeypatch.setattr(import_order, "_imported", set())
    monkeypatch.syspath_prepend(str(tmp_path))
    yield watch
    for name in ("tangled", "tangled.whole", "tangled.part"):
        sys.modules.pop(name, None)


class Recogniser:
    @hookimpl
    def transcribe(self):
        return make_transcript("Алло")


class Aligner:
    @hookimpl
    def register_models(self):
        return [ModelRequirement("a", "align", imports=("tangled",))]

    @hookimpl
    def align(self, transcript):
        importlib.import_module("tangled")
        return transcript

    @hookimpl
    def warm_up(self):
        importlib.import_module("tangled")


class Diarizer:
    def __init__(self, watch):
        self.watch = watch

    @hookimpl
    def register_models(self):
        return [ModelRequirement("d", "diarize", imports=("tangled.part",))]

    @hookimpl
    def diarize(self):
        self.watch.begun.wait(5)
        importlib.import_module("tangled.part")
        return Diarization((), exclusive=(), embeddings={})

    @hookimpl
    def warm_up(self):
        self.diarize()


@pytest.fixture
def worker(tangled):
    plugins = {"recogniser": Recogniser(), "aligner": Aligner(), "diarizer": Diarizer(tangled)}
    candidates = [Candidate(name, "test", "0", load=lambda plugin=plugin: plugin) for name, plugin in plugins.items()]
    return Worker(Settings(), load_host(Settings(plugins_allow=tuple(plugins)), candidates), ModelCache())


def test_words_and_speakers_of_the_first_job_do_not_meet_in_an_import(worker):
    sound = base64.b64encode(wav(1.0)).decode()
    response = answer(worker, "first", {"audio_base64": sound, "align_output": True, "diarization": True})
    assert response["warnings"] == ["diarize found nobody speaking; the text comes without speakers"]


def test_two_plugins_that_warm_up_do_not_meet_in_an_import(worker, caplog):
    warm_up(worker)
    assert [line for line in caplog.messages if "failed" in line] == []


def test_an_import_that_failed_is_tried_once_more(tmp_path, monkeypatch):
    module = tmp_path / "fails_at_first.py"
    module.write_text(
        f"__import__('pathlib').Path({str(module)!r}).write_text('VALUE = 2 # now it does not')\nraise ImportError"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import_in_turn(["fails_at_first"])
    assert sys.modules.pop("fails_at_first").VALUE == 2


def test_a_library_that_is_not_there_is_no_error_of_whoever_asks_for_it_first(caplog):
    caplog.set_level("INFO")
    import_in_turn(["nothing_of_that_name.part"])
    assert caplog.messages == ["nothing_of_that_name.part cannot be imported: nothing_of_that_name is not installed"]


PROGRAM = """
import base64, json, sys
from pathlib import Path
from demo.demo import HERE, MODELS
from whisperx_worker.hooks.requirements import import_libraries
from whisperx_worker.worker import answer, open_worker

worker = open_worker()
for plugin in worker.host.active:
    import_libraries(worker.host, plugin, worker.settings)
before = set(sys.modules)
enrolled = base64.b64encode((HERE / "anna.flac").read_bytes()).decode()
response = answer(worker, "job", {
    "audio_file": str(HERE / "dialogue.flac"), "plugins": MODELS, "align_output": True, "diarization": True,
    "speaker_samples": [{"name": "Anna", "audio_base64": enrolled}],
}, local=True)
print(json.dumps({
    "error": response.get("error"), "words": sum(len(s["words"]) for s in response["segments"]),
    "new": sorted(name for name in set(sys.modules) - before),
}))
"""


@pytest.mark.models
@pytest.mark.slow
def test_plugins_tell_all_that_loading_and_running_their_models_imports():
    environment = {
        **os.environ, "WHISPERX_WORKER_MODEL": "demo-whisper-ru", "WHISPERX_WORKER_DEVICE": "cpu", "PYTHONPATH": str(ROOT)
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=environment,
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["error"] is None
    assert said["words"] > 0
    new = {name.partition(".")[0] for name in said["new"]} - set(sys.stdlib_module_names)
    assert new - LEFT_OVER - {"whisperx_worker", "whisperx_worker_models", "whisperx_worker_plugins"} == set()
