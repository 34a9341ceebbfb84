"""What the operating system says of this process: its age and its memory."""

from __future__ import annotations

import os
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


def resident_mb() -> float:
    """Memory that the process holds now; its peak where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1e6
