"""RunPod's SDK, imported in half its time."""

from __future__ import annotations

import functools
import re
import threading
from pathlib import Path
from typing import Any

_importing = threading.Lock()


@functools.cache
def import_runpod() -> Any:  # noqa: ANN401 - a module without types
    """The `runpod` package.

    For the name of the processor, which only its `--rp_debugger` prints, the SDK measures the processor at import, in
    processes of their own. Linux says the name in a file.
    """
    import cpuinfo

    with _importing:
        measured = cpuinfo.get_cpu_info
        cpuinfo.get_cpu_info = _name_of_the_processor
        try:
            import runpod
        finally:
            cpuinfo.get_cpu_info = measured
    return runpod


def _name_of_the_processor() -> dict[str, str]:
    said = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*:\s*(.+)", said.read_text("utf-8") if said.exists() else "")
    return {"brand_raw": name[1]} if name else {}
