"""What this machine is: memory, GPU, libraries. Native code is asked in processes of its own, which may crash."""

from __future__ import annotations

import functools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

IMPORT_TIMEOUT_S = 120.0
DRIVER_TIMEOUT_S = 20.0
CGROUP = Path("/sys/fs/cgroup")

_GPU_PROBE = """
import ctypes, json
cuda = ctypes.CDLL("libcuda.so.1")
number, version, size = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
name = ctypes.create_string_buffer(256)
said = cuda.cuInit(0)
cuda.cuDriverGetVersion(ctypes.byref(version))
gpus = []
if said == 0:
    cuda.cuDeviceGetCount(ctypes.byref(number))
    for device in range(number.value):
        cuda.cuDeviceGetName(name, 256, device)
        cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        gpus.append([name.value.decode(), size.value / 1e9])
print(json.dumps({"error": said, "cuda": [version.value // 1000, version.value % 1000 // 10], "gpus": gpus}))
"""

_LIBRARY_PROBES = {
    "torch": """
import torch
said = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "gpus": torch.cuda.device_count()}
""",
    "ctranslate2": """
import ctranslate2, ctypes
gpus = ctranslate2.get_cuda_device_count()
if gpus:
    ctypes.CDLL("libcublas.so.12")
said = {"gpus": gpus, "types": sorted(ctranslate2.get_supported_compute_types("cuda" if gpus else "cpu"))}
""",
}


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver and its GPUs."""

    cuda: tuple[int, int]
    """The newest CUDA that it can run, (major, minor)."""
    gpus: tuple[tuple[str, float], ...]
    """Name and memory in gigabytes of each."""
    error: int = 0
    """CUDA's own number of what hinders it; 0 is nothing."""


@functools.cache
def known_driver() -> Driver | None:
    """The driver as it was when it was first asked for."""
    return driver()


def driver() -> Driver | None:
    """NVIDIA's driver, asked without any library of a model; None where there is none."""
    try:
        said = _said_by(["-I", "-S", "-c", _GPU_PROBE], DRIVER_TIMEOUT_S)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    major, minor = said["cuda"]
    return Driver((major, minor), tuple((name, size) for name, size in said["gpus"]), said["error"])


def version_of(library: str) -> str | None:
    """The installed version of a library; None where it is not installed."""
    try:
        return metadata.version(library)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def import_library(library: str, setup: Sequence[str] = ()) -> dict[str, Any]:
    """Import a library in a process of its own.

    Args:
        library: Its module.
        setup: Functions to call before, as `module:function`.

    Returns:
        What it says of CUDA, for those that are asked.

    Raises:
        ImportError: With what hinders it.
    """
    ask = _LIBRARY_PROBES.get(library, f"import {library}\nsaid = {{}}\n")
    try:
        before = "".join("from {} import {}; {}()\n".format(*place.split(":"), place.split(":")[1]) for place in setup)
        return _said_by(["-c", f"import json\n{before}{ask}\nprint('\\n' + json.dumps(said))"], IMPORT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ImportError(f"its import does not end within {IMPORT_TIMEOUT_S:g} s") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"the process ended with {error.returncode}"])[-1]
        raise ImportError(last) from None
    except (OSError, ValueError) as error:
        raise ImportError(f"it could not be asked ({type(error).__name__})") from None


def _said_by(arguments: list[str], timeout_s: float) -> dict[str, Any]:
    """The last line that a Python process prints, which must be JSON."""
    environment = {**os.environ, "PYANNOTE_METRICS_ENABLED": "0"}
    done = subprocess.run(  # noqa: S603  our own programs
        [sys.executable, *arguments], capture_output=True, encoding="utf-8", errors="replace", timeout=timeout_s,
        check=True, env=environment,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "")
    return said


def on_runpod_gpu() -> bool:
    """Return whether RunPod says that it gave this container a GPU."""
    count = os.environ.get("RUNPOD_GPU_COUNT", "")
    return int(count) > 0 if count.isdecimal() else bool(os.environ.get("RUNPOD_GPU_NAME"))


def cores(cgroup: Path = CGROUP) -> int:
    """Return how many CPU cores' time this process may use: its affinity, and its container's limit where that is less.

    Args:
        cgroup: Where the container's limits stand.
    """
    may_run_on = len(os.sched_getaffinity(0))
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((cgroup / file).read_text("utf-8") for file in files).split()
            if int(quota) > 0 and int(period) > 0:
                return min(may_run_on, math.ceil(int(quota) / int(period)))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return may_run_on


def limit_threads(threads: int) -> None:
    """Let libraries that count cores by themselves use no more threads, unless the environment says how many.

    They see the cores that the process may run on, and not how much time a container has. To be called before they are
    imported.
    """
    if threads < len(os.sched_getaffinity(0)):
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def memory_gb(cgroup: Path = CGROUP) -> tuple[float, float]:
    """Memory that this process may have, and how much of it is free, in gigabytes; the container's limit counts.

    Files that the kernel keeps in memory are free: it gives them up when somebody needs the room.

    Args:
        cgroup: Where the container's limits stand.
    """
    kilobytes = {
        name: int(rest.split()[0])
        for name, _, rest in (line.partition(":") for line in Path("/proc/meminfo").read_text("utf-8").splitlines())
    }
    total, free = kilobytes["MemTotal"] / 1e6 * 1.024, kilobytes["MemAvailable"] / 1e6 * 1.024
    for limit, used, stat, names in (
        ("memory.max", "memory.current", "memory.stat", ("active_file", "inactive_file")),
        (
            "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat",
            ("total_active_file", "total_inactive_file"),
        ),
    ):  # fmt: skip
        try:
            most, now = (int((cgroup / file).read_text("utf-8")) for file in (limit, used))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
        total, free = min(total, most / 1e9), min(free, (most - now + _sum_of(cgroup / stat, names)) / 1e9)
    return total, min(total, max(0.0, free))


def _sum_of(stat: Path, names: tuple[str, ...]) -> int:
    """Sum of some lines of a file of names and numbers; what is not there is 0."""
    try:
        lines = [line.split() for line in stat.read_text("utf-8").splitlines()]
        return sum(int(number) for name, number in lines if name in names)
    except (OSError, ValueError):
        return 0


def free_mb(folder: Path) -> float:
    """Free space in a folder into which something can really be written, in megabytes.

    Raises:
        OSError: When nothing can be written there.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(4096))
        file.flush()
    return shutil.disk_usage(folder).free / 1e6
