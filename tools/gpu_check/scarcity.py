"""Rows about a GPU with too little memory left.

Batches are halved, and the answer stays the same.
"""

from __future__ import annotations

from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from tools.gpu_check.memory import Watch
from tools.gpu_check.setup import SHIPPED, CheckError, Measure, dialogue, recording, run_job, text_of
from tools.random_models import SETTINGS
from whisperx_worker.pipeline.worker import open_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.gpu_check.setup import Setup
    from whisperx_worker import Settings

SETTING_OF = {"transcribe": "model", "align": "align_model", "diarize": "diarization_model"}
ASKED: dict[str, dict[str, Any]] = {
    "transcribe": {},
    "align": {"align_output": True},
    "diarize": {"diarization": True},
}
SHARES = (0.7, 0.5, 0.35)
"""Parts of the needed memory that are left free.

Half a batch fits into the first, if nothing else grows.
"""
WARM_UP_S = 11.0


def exhaust_memory(setup: Setup, stage: str) -> Iterator[Measure]:
    """Fill the GPU until a stage runs out of memory, and compare its answer.

    The stage is of production's size.
    """
    expected, needed_mb = _run_in_process(setup, stage, None)
    yield Measure("needs above its models", f"{needed_mb:,.0f} MB with batches of {setup.batch_size}")
    for share in SHARES:
        left_mb = share * needed_mb
        response, _ = _run_in_process(setup, stage, left_mb)
        halved = [warning for warning in response["warnings"] if "ran out of memory" in warning]
        yield Measure(f"with {left_mb:,.0f} MB left", halved[-1] if halved else "it fits")
        if halved:
            _compare(expected, response)
            yield Measure("answer", "the same")
            return
    raise CheckError("it never ran out of memory")


def _run_in_process(setup: Setup, stage: str, left_mb: float | None) -> tuple[dict[str, Any], float]:
    """Call `run_filled` in a fresh process, without memory that libraries cache."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(run_filled, (setup, stage, left_mb))


def run_filled(setup: Setup, stage: str, left_mb: float | None) -> tuple[dict[str, Any], float]:
    """Run a job of production's size on a GPU with little free memory.

    Args:
        setup: The machine.
        stage: Stage with a model of production's size.
        left_mb: Free GPU memory at the start; None for all of it.
    """
    import torch

    worker = open_worker(_settings(setup, stage))
    asked = {**ASKED[stage], "batch_size": setup.batch_size}
    with recording(dialogue(WARM_UP_S)) as path:
        run_job(worker, path, **asked)
    torch.cuda.empty_cache()
    filling = []
    if left_mb is not None:
        size = max(0, round(torch.cuda.mem_get_info()[0] - left_mb * 1e6))
        filling.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
    with recording(dialogue(setup.seconds)) as path, Watch(setup.device) as watch:
        response = run_job(worker, path, **asked)
    return response, watch.peak_mb - watch.before_mb


def _settings(setup: Setup, stage: str) -> Settings:
    """Return settings with the shipped models, except for the stage's."""
    setting = SETTING_OF[stage]
    return setup.settings(**{**SHIPPED, setting: SETTINGS[setting]})


def _compare(expected: dict[str, Any], response: dict[str, Any]) -> None:
    if text_of(expected) != text_of(response) or len(expected["segments"]) != len(response["segments"]):
        raise CheckError("with smaller batches the text is another one")
    for one, other in zip(expected["segments"], response["segments"], strict=True):
        for key in ("start", "end", "speaker"):
            if not _is_same(one.get(key), other.get(key)):
                raise CheckError(f"with smaller batches the {key} of a segment is another one")


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 0.05  # noqa: PLR2004  a frame or two: kernels differ by batch
    return one == other
