"""Age and memory of this process."""

from __future__ import annotations

import os
import re
import resource
import time
from pathlib import Path

_STARTED_FIELD = 19
"""Index of the start time in `/proc/self/stat`, counted after the process name."""


def age_s() -> float:
    """Return the seconds since the process began; 0 when unknown."""
    try:
        began_ticks = int(Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[_STARTED_FIELD])
    except (OSError, ValueError):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began_ticks / os.sysconf("SC_CLK_TCK")


def held_mb() -> float:
    """Return the memory without files that the system can drop, in megabytes."""
    try:
        status = Path("/proc/self/status").read_text("utf-8")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    kilobytes = {name: int(amount) for name, amount in re.findall(r"^(\w+):\s+(\d+) kB", status, re.MULTILINE)}
    parts = [kilobytes[name] for name in ("RssAnon", "RssShmem") if name in kilobytes] or [kilobytes["VmRSS"]]
    return sum(parts) * 1024 / 1e6
