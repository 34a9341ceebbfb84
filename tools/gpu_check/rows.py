"""Rows of the table, the most important first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tools.gpu_check import jobs, poisoned, recognition, scarcity, truth
from tools.gpu_check.faults import FAULTS
from tools.gpu_check.setup import Measure
from tools.random_models import make_models, makers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from tools.gpu_check.setup import Setup


@dataclass(frozen=True)
class Row:
    """One check of the table."""

    name: str
    limit_s: float
    """Time after which it is ended."""
    check: Callable[[Setup], Iterator[Measure]]
    device: Literal["cuda", "cpu"] | None = None
    """The only device on which it is meaningful."""


def prepare(setup: Setup) -> Iterator[Measure]:
    """Write the random models that are not there yet."""
    make_models(setup.models, setup.layers)
    yield Measure("depth", f"layers: {setup.layers}" if setup.layers else "that of production")
    for name in makers():
        size_mb = sum(file.stat().st_size for file in (setup.models / name).rglob("*") if file.is_file()) / 1e6
        yield Measure(name, f"{size_mb:,.0f} MB")


def _speed(compute_type: str, batch_size: int, temperature: float = 0.0) -> Callable[[Setup], Iterator[Measure]]:
    return partial(recognition.measure_speed, compute_type=compute_type, batch_size=batch_size, temperature=temperature)


ROWS = (
    Row("machine", 60, jobs.describe_machine),
    Row("random models", 240, prepare),
    Row("shipped models, GPU against CPU", 90, truth.compare_with_cpu, device="cuda"),
    Row("stages of a whole job", 150, jobs.measure_stages),
    Row("recognition, float16, batches of 32", 120, _speed("float16", 32), device="cuda"),
    Row("recognition, int8, batches of 2", 120, _speed("int8", 2), device="cpu"),
    *(Row(f"GPU fails: {name}", 60, partial(poisoned.cause_fault, name=name)) for name in FAULTS),
    *(
        Row(f"too little memory: {stage}", 150, partial(scarcity.exhaust_memory, stage=stage), device="cuda")
        for stage in scarcity.SETTING_OF
    ),
    Row("recognition at temperature 0.2, float16, batches of 32", 150, _speed("float16", 32, 0.2), device="cuda"),
    Row("recognition at temperature 0.2, int8, batches of 2", 120, _speed("int8", 2, 0.2), device="cpu"),
    Row(
        "part of a batch, by precision",
        120,
        partial(recognition.decode_parts, compute_types=("float16", "bfloat16", "int8_float16", "int8_bfloat16")),
        device="cuda",
    ),
    Row(
        "part of a batch, by precision, CPU",
        120,
        partial(recognition.decode_parts, compute_types=("int8", "float32")),
        device="cpu",
    ),
    Row("text beside speakers", 150, jobs.measure_overlap),
    Row("two jobs at once", 150, jobs.run_two_jobs),
    Row("recognition, bfloat16, batches of 32", 120, _speed("bfloat16", 32), device="cuda"),
    Row("recognition, int8_float16, batches of 32", 120, _speed("int8_float16", 32), device="cuda"),
    Row("recognition, float16, batches of 8", 120, _speed("float16", 8), device="cuda"),
    Row("timestamps", 90, recognition.compare_timestamps),
    Row("cold start", 120, jobs.start_cold),
    Row("loading", 90, jobs.load_models),
    Row(
        "Whisper base, by precision",
        90,
        partial(truth.transcribe_by_precision, compute_types=("float16", "bfloat16", "int8_float16")),
        device="cuda",
    ),
    Row("Whisper base, CPU", 90, partial(truth.transcribe_by_precision, compute_types=("int8",)), device="cpu"),
    Row("doctor", 90, jobs.run_checks),
)


def rows_for(device: str, beginnings: tuple[str, ...]) -> list[Row]:
    """Select the rows of a device by the beginnings of their names."""
    return [row for row in ROWS if row.device in {None, device} and row.name.startswith(beginnings or ("",))]
