"""Rows about a GPU that fails under a job.

They check its answer, the next answer, and the request for a fresh worker.
"""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.gpu_check.faults import FAULTS
from tools.gpu_check.setup import SHIPPED, CheckError, Measure, dialogue, recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.gpu_check.setup import Setup

PLUGINS = Path(__file__).parent / "plugins"
REPLACED = "refresh_worker"
"""Field of a response that requests a fresh worker of RunPod."""


def cause_fault(setup: Setup, name: str) -> Iterator[Measure]:
    """Run a good job, one with the fault, and a good one through the handler."""
    chosen = {
        **SHIPPED,
        "device": setup.device,
        "plugins_dir": str(PLUGINS),
        "transcribe_engine": "russian_whisper",
        "log_file": os.devnull,
    }
    os.environ.update({f"WHISPERX_WORKER_{setting.upper()}": value for setting, value in chosen.items()})
    from whisperx_worker.serving.runpod_handler import handler

    with recording(dialogue(6.0)) as path:
        good = {"audio_base64": base64.b64encode(path.read_bytes()).decode()}
    fault = {"gpu_fault": {"fault": name, "is_real": setup.device == "cuda"}}

    async def answers() -> list[dict[str, Any]]:
        jobs = (good, {**good, "plugins": fault}, good)
        return [await handler({"id": str(number), "input": job}) for number, job in enumerate(jobs)]

    before, struck, after = asyncio.run(answers())
    for what, response in (("the job before", before), ("the job itself", struck), ("the job after", after)):
        asks = ", and asks to be replaced" if response.get(REPLACED) else ""
        yield Measure(what, response.get("error", "answered") + asks)
    if "error" in before or "error" not in struck:
        raise CheckError("the fault did not happen as it should")
    if "\n" in struck["error"]:
        raise CheckError("the client gets more than a sentence")
    asked = bool(struck.get(REPLACED) or after.get(REPLACED))
    if FAULTS[name].is_lasting and not asked:
        raise CheckError("the worker does not ask to be replaced")
    if not FAULTS[name].is_lasting and (asked or "error" in after):
        raise CheckError("the worker does not go on, although it could")
