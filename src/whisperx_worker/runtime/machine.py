"""Facts of this machine: memory, GPU, libraries. Native code is probed in child processes, which may crash."""

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
error = cuda.cuInit(0)
cuda.cuDriverGetVersion(ctypes.byref(version))
gpus = []
if error == 0:
    cuda.cuDeviceGetCount(ctypes.byref(number))
    for device in range(number.value):
        cuda.cuDeviceGetName(name, 256, device)
        cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        gpus.append([name.value.decode(), size.value / 1e9])
print(json.dumps({"error": error, "cuda": [version.value // 1000, version.value % 1000 // 10], "gpus": gpus}))
"""

_LIBRARY_PROBES = {
    "torch": """
import torch
facts = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "gpus": torch.cuda.device_count()}
""",
    "ctranslate2": """
import ctranslate2, ctypes
gpus = ctranslate2.get_cuda_device_count()
if gpus:
    ctypes.CDLL("libcublas.so.12")
facts = {"gpus": gpus, "types": sorted(ctranslate2.get_supported_compute_types("cuda" if gpus else "cpu"))}
""",
}


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver and its GPUs."""

    cuda: tuple[int, int]
    """Newest supported CUDA, (major, minor)."""
    gpus: tuple[tuple[str, float], ...]
    """Name and memory in gigabytes of each."""
    error: int = 0
    """Error number of CUDA; 0 is none."""


@functools.cache
def known_driver() -> Driver | None:
    """Return the driver, probed at the first call."""
    return driver()


def driver() -> Driver | None:
    """Probe NVIDIA's driver without a model library; None when there is none."""
    try:
        facts = _run_probe(["-I", "-S", "-c", _GPU_PROBE], DRIVER_TIMEOUT_S)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    major, minor = facts["cuda"]
    return Driver((major, minor), tuple((name, size) for name, size in facts["gpus"]), facts["error"])


def version_of(library: str) -> str | None:
    """Return the installed version of a library, or None."""
    try:
        return metadata.version(library)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def import_library(library: str, setup: Sequence[str] = ()) -> dict[str, Any]:
    """Import a library in a child process.

    Args:
        library: Its module.
        setup: Functions to call before, as `module:function`.

    Returns:
        Its facts about CUDA, for libraries with a probe.

    Raises:
        ImportError: With the reason.
    """
    ask = _LIBRARY_PROBES.get(library, f"import {library}\nfacts = {{}}\n")
    try:
        before = "".join("from {} import {}; {}()\n".format(*place.split(":"), place.split(":")[1]) for place in setup)
        return _run_probe(["-c", f"import json\n{before}{ask}\nprint('\\n' + json.dumps(facts))"], IMPORT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ImportError(f"its import does not end within {IMPORT_TIMEOUT_S:g} s") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"the process ended with {error.returncode}"])[-1]
        raise ImportError(last) from None
    except (OSError, ValueError) as error:
        raise ImportError(f"it could not be asked ({type(error).__name__})") from None


def _run_probe(arguments: list[str], timeout_s: float) -> dict[str, Any]:
    """Return the last line that a Python process prints, as JSON."""
    environment = {**os.environ, "PYANNOTE_METRICS_ENABLED": "0"}
    done = subprocess.run(  # noqa: S603  our own programs
        [sys.executable, *arguments], capture_output=True, encoding="utf-8", errors="replace", timeout=timeout_s,
        check=True, env=environment,
    )  # fmt: skip
    facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "")
    return facts


def on_runpod_gpu() -> bool:
    """Return whether RunPod's variables name a GPU for this container."""
    count = os.environ.get("RUNPOD_GPU_COUNT", "")
    return int(count) > 0 if count.isdecimal() else bool(os.environ.get("RUNPOD_GPU_NAME"))


def cores(cgroup: Path = CGROUP) -> int:
    """Return the number of usable CPU cores: affinity, or the container's limit if lower.

    Args:
        cgroup: Folder of the container's limits.
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
    """Limit the threads of libraries that count cores themselves, unless the environment does.

    They see the cores that the process may run on, but not the container's limit. Call it before their import.
    """
    if threads < len(os.sched_getaffinity(0)):
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def memory_gb(cgroup: Path = CGROUP) -> tuple[float, float]:
    """Return the memory of this machine or its container, total and free, in gigabytes.

    Files that the kernel caches in memory count as free.

    Args:
        cgroup: Folder of the container's limits.
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
            limit_bytes, used_bytes = (int((cgroup / file).read_text("utf-8")) for file in (limit, used))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
        free_bytes = limit_bytes - used_bytes + _sum_of(cgroup / stat, names)
        total, free = min(total, limit_bytes / 1e9), min(free, free_bytes / 1e9)
    return total, min(total, max(0.0, free))


def _sum_of(stat: Path, names: tuple[str, ...]) -> int:
    """Sum the numbers of some names in a file; missing ones are 0."""
    try:
        lines = [line.split() for line in stat.read_text("utf-8").splitlines()]
        return sum(int(number) for name, number in lines if name in names)
    except (OSError, ValueError):
        return 0


def free_mb(folder: Path) -> float:
    """Return the free space of a writable folder in megabytes.

    Raises:
        OSError: When the folder is not writable.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(4096))
        file.flush()
    return shutil.disk_usage(folder).free / 1e6
