"""torch beside its work on a GPU: streams and memory, seen through a stand-in for `torch.cuda`."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from whisperx_worker.runtime import gpu
from whisperx_worker.runtime.gpu import release_memory, torch_loading, torch_stage


class Cuda:
    """What `torch.cuda` is asked for, written down."""

    def __init__(self, reserved_mb=0.0, used_mb=0.0):
        self.reserved_mb, self.used_mb, self.done, self.streams = reserved_mb, used_mb, [], 0

    def is_initialized(self):
        return True

    def memory_reserved(self):
        return self.reserved_mb * 1e6

    def memory_allocated(self):
        return self.used_mb * 1e6

    def empty_cache(self):
        self.reserved_mb = self.used_mb
        self.done.append("emptied")

    def default_stream(self):
        return "default"

    def Stream(self):  # noqa: N802  as torch names it
        self.streams += 1
        name = f"stream {self.streams}"
        return SimpleNamespace(
            name=name,
            wait_stream=lambda other: self.done.append(f"{name} waits for {other}"),
            synchronize=lambda: self.done.append(f"waited for {name}"),
        )

    @contextmanager
    def stream(self, stream):
        self.done.append(f"in {stream.name}")
        yield
        self.done.append(f"out of {stream.name}")


@pytest.fixture
def cuda(monkeypatch):
    cuda = Cuda(reserved_mb=8000.0, used_mb=1000.0)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(gpu, "_streams", {})
    return cuda


def test_a_stage_runs_in_its_own_stream_and_gives_its_memory_back(cuda):
    with torch_stage("align", "cuda"):
        cuda.done.append("work")
    assert cuda.done == [
        "stream 1 waits for default", "in stream 1", "work", "waited for stream 1", "out of stream 1", "emptied"
    ]  # fmt: skip


def test_each_stage_has_one_stream_for_all_jobs(cuda):
    for name in ("align", "diarize", "align"):
        with torch_stage(name, "cuda"):
            pass
    assert [one for one in cuda.done if one.startswith("in ")] == ["in stream 1", "in stream 2", "in stream 1"]


def test_little_unused_memory_is_kept_for_the_next_job(cuda):
    cuda.reserved_mb = cuda.used_mb + gpu.MIN_RELEASED_MB - 1
    with torch_stage("align", "cuda"):
        pass
    assert "emptied" not in cuda.done


def test_memory_is_given_back_only_when_the_last_stage_ends(cuda):
    inside, ended = threading.Event(), threading.Event()

    def diarize():
        with torch_stage("diarize", "cuda"):
            inside.set()
            assert ended.wait(60)

    thread = threading.Thread(target=diarize)
    thread.start()
    assert inside.wait(60)
    with torch_stage("align", "cuda"):
        pass
    assert "emptied" not in cuda.done
    ended.set()
    thread.join()
    assert cuda.done.count("emptied") == 1


def test_a_stage_that_fails_gives_its_memory_back_too(cuda):
    with pytest.raises(ValueError, match="planted"), torch_stage("align", "cuda"):
        raise ValueError("planted")
    assert cuda.done[-1] == "emptied"
    assert gpu._running == []


def test_a_gpu_that_failed_does_not_fail_those_who_release_memory(cuda, monkeypatch, caplog):
    def fails():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(cuda, "empty_cache", fails)
    release_memory()
    assert "the GPU's memory could not be given back" in caplog.text


@pytest.mark.slow
def test_on_the_cpu_torch_is_not_even_imported():
    program = (
        "import sys; from whisperx_worker.runtime.gpu import release_memory, torch_stage\n"
        "with torch_stage('align', 'cpu'): release_memory()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.models
def test_the_real_torch_has_all_that_is_used():
    import torch

    release_memory()
    named = ("Stream", "stream", "default_stream", "memory_reserved", "memory_allocated", "empty_cache")
    assert [name for name in named if not callable(getattr(torch.cuda, name, None))] == []


def test_torch_models_are_loaded_one_at_a_time():
    order = []

    @torch_loading()
    def load(name):
        order.append(f"{name} begins")
        if name == "first":
            other = threading.Thread(target=load, args=["second"])
            other.start()
            other.join(0.2)
            order.append("first ends")
            return other
        return None

    load("first").join()
    assert order == ["first begins", "first ends", "second begins"]
