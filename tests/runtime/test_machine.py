"""How many cores a process has, by affinity and by its container's limit."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from whisperx_worker import DeviceError, Settings, pick_device
from whisperx_worker.runtime import machine
from whisperx_worker.runtime.machine import cores


@pytest.fixture
def sixteen(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)))


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("files", "number"),
    [
        ({}, 16),
        ({"cpu.max": "max 100000"}, 16),
        ({"cpu.max": "400000 100000"}, 4),
        ({"cpu.max": "350000 100000"}, 4),
        ({"cpu.max": "5000 100000"}, 1),
        ({"cpu.max": "9000000 100000"}, 16),
        ({"cpu.max": "nonsense"}, 16),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        ({"cpu/cpu.cfs_quota_us": "200000"}, 16),
    ],
)
def test_the_containers_limit_counts_where_it_is_less(tmp_path, files, number):
    (tmp_path / "cpu").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content + "\n")
    assert cores(tmp_path) == number


def test_a_model_has_as_many_threads_as_the_operator_says_else_as_the_process_may_use(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 3)
    assert (Settings().cpu_threads, Settings(threads=2).cpu_threads) == (3, 2)


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"OMP_NUM_THREADS": "2"}, 2)])
def test_torch_takes_no_more_threads_than_the_worker_may_use(given, threads):
    program = (
        "import os; os.sched_getaffinity = lambda _pid: {0, 1, 2, 3}\n"
        "from whisperx_worker.runtime.machine import limit_threads; limit_threads(1)\n"
        "import torch; print(torch.get_num_threads())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | given
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True, env=environment
    )
    assert int(done.stdout) == threads


L4 = machine.Driver((12, 8), (("L4", 23.6),))


@pytest.mark.parametrize(
    ("device", "driver", "has_gpu", "runs_on"),
    [
        ("auto", None, False, "cpu"),
        ("auto", L4, True, "cuda"),
        ("auto", machine.Driver((12, 8), (), 100), False, "cpu"),
        ("cpu", L4, True, "cpu"),
        ("cuda", L4, True, "cuda"),
    ],
)
def test_a_model_runs_where_the_operator_wants_else_on_the_gpu_that_is_there(
    monkeypatch, device, driver, has_gpu, runs_on
):
    monkeypatch.setattr(machine, "known_driver", lambda: driver)
    assert pick_device(Settings(device=device), lambda: has_gpu) == runs_on


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_no_model_runs_on_the_cpu_beside_others_on_the_gpu(monkeypatch, device):
    monkeypatch.setattr(machine, "known_driver", lambda: L4)
    with pytest.raises(DeviceError, match="GPU"):
        pick_device(Settings(device=device), lambda: False)


def test_on_a_gpu_worker_of_runpod_nothing_runs_on_the_cpu_by_itself(monkeypatch):
    monkeypatch.setattr(machine, "known_driver", lambda: None)
    monkeypatch.setenv("RUNPOD_GPU_COUNT", "1")
    with pytest.raises(DeviceError):
        pick_device(Settings(), lambda: False)
    assert pick_device(Settings(device="cpu"), lambda: False) == "cpu"
