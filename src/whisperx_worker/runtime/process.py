"""What the operating system says of this process: its age and its memory."""

from __future__ import annotations

import os
import re
import resource
import time
from pathlib import Path

_STARTED_FIELD = 19
"""Where `/proc/self/stat` says when the process began, counted from behind its name."""


def age_s() -> float:
    """Seconds since the process began; 0 where the system does not say."""
    try:
        began_ticks = int(Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[_STARTED_FIELD])
    except (OSError, ValueError):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began_ticks / os.sysconf("SC_CLK_TCK")


def held_mb() -> float:
    """Memory that the system cannot have back, as it can what lies in files too; all of it where it does not say."""
    try:
        status = Path("/proc/self/status").read_text("utf-8")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    kilobytes = {name: int(amount) for name, amount in re.findall(r"^(\w+):\s+(\d+) kB", status, re.MULTILINE)}
    own = [kilobytes[name] for name in ("RssAnon", "RssShmem") if name in kilobytes] or [kilobytes["VmRSS"]]
    return sum(own) * 1024 / 1e6
