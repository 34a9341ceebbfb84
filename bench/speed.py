"""Speed beside the libraries that this product is built from, on the same weights and sound.

    python -m bench.speed               every row; prints the table and writes bench/speed.json
    python -m bench.speed alignment     the rows whose name begins so
    python -m bench.speed --long        ten hours of sound as well, which takes hours

Each row runs in a fresh process, so that none finds what another one loaded. Inside, both sides alternate and the best
of each counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import duels_of_decoding as decoding
from bench import duels_of_jobs as jobs
from bench import duels_of_stages as stages
from bench import plugin_cost
from bench.duel import Outcome, machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HERE = Path(__file__).parent
RESULTS = HERE / "speed.json"


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    name: str
    against: str
    target: float
    """Minimum speed-up; for memory and growth, maximum share of the peer's."""
    duel: Callable[[], Outcome]
    at_most: bool = False
    long: bool = False
    """Only with `--long`."""
    obstacle: str = ""
    """Reason why the target is not met, if that is known."""


ROWS = [
    Row("alignment without its acoustic model", "whisperx.align", 80, stages.alignment),
    Row(
        "acoustic model of alignment",
        "the same model as whisperX runs it",
        1.7,
        stages.acoustic_model,
        obstacle="in float32 it already runs at what the processor gives; with less precision words get other times",
    ),
    Row(
        "speakers onto 30,000 words, 3,000 turns",
        "whisperx.assign_word_speakers",
        10,
        stages.speakers,
        obstacle="whisperX writes into its words, and ours are new values that nobody can change",
    ),
    Row("diarization, identical turns", "pyannote's own pipeline, same weights", 2.5, stages.diarization_identical),
    Row("diarization, no worse DER", "pyannote's own pipeline, same weights", 4, stages.diarization_linked),
    Row("finding speech", "whisperX's default VAD", 15, stages.finding_speech),
    Row("decoding an hour, wav 16 kHz", "whisperx.load_audio", 1, decoding.wav_16),
    Row("decoding an hour, wav 44 kHz", "whisperx.load_audio", 1, decoding.wav_44),
    Row("decoding an hour, mp3", "whisperx.load_audio", 1, decoding.mp3),
    Row("decoding an hour, flac", "whisperx.load_audio", 1, decoding.flac),
    Row("memory of decoding an hour", "whisperx.load_audio", 0.4, decoding.memory, at_most=True),
    Row("whole job, 10 min dialogue", "the same steps with whisperX", 4, jobs.whole_job),
    Row("second job on a warm worker, 30 s", "a worker that loads its models per job", 5, jobs.second_job),
    Row("process start to first transcript", "python -m whisperx", 5, jobs.first_transcript),
    Row("import whisperx_worker", "import torch", 0.1, jobs.imports, at_most=True),
    Row("whisperx-worker --help", "import torch", 0.2, jobs.command_line_help, at_most=True),
    Row("what the host adds", "the engines called bare", 0.01, jobs.host, at_most=True),
    Row("chains, calls and checks without plugins", "the shipped job", 0.01, plugin_cost.host, at_most=True),
    Row("checks of contents", "the shipped job", 0.002, plugin_cost.contents, at_most=True),
    Row("ten times the sound, all stages", "an hour in place of six minutes", 11, jobs.ten_times, at_most=True),
    Row("ten hours, all stages", "one hour", 11, jobs.ten_hours, at_most=True, long=True),
]


@dataclass(frozen=True)
class Result:
    """Measured row of the table."""

    name: str
    against: str
    target: str
    ours: str
    theirs: str
    ratio: float | None
    met: bool | None
    note: str


def result_of(row: Row, outcome: Outcome) -> Result:
    """Compare an outcome with the target; an outcome without numbers has the reason in its note."""
    target = f"≤ {row.target:g}×" if row.at_most else f"≥ {row.target:g}×"
    if outcome.ours is None or outcome.theirs is None:
        return Result(row.name, row.against, target, "–", "–", None, None, outcome.note)
    ratio = outcome.ours / outcome.theirs if row.at_most else outcome.theirs / outcome.ours
    met = (ratio <= row.target if row.at_most else ratio >= row.target) and outcome.valid
    ours, theirs = (f"{value:.3g} {outcome.unit}" for value in (outcome.ours, outcome.theirs))
    note = "; ".join(filter(None, [outcome.note, "" if met else row.obstacle]))
    return Result(row.name, row.against, target, ours, theirs, round(ratio, 4), met, note)


def table(results: Iterable[Result]) -> str:
    """Format the results as a Markdown table."""
    lines = ["| what | against | ours | theirs | ratio | target | met | note |", "|---|---|---|---|---|---|---|---|"]
    for result in results:
        ratio = "–" if result.ratio is None else f"{result.ratio:.3g}×"
        met = {True: "yes", False: "**no**", None: "not measured"}[result.met]
        cells = (result.name, result.against, result.ours, result.theirs, ratio, result.target, met, result.note)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def run_in_process(row: Row) -> Result:
    """Run a row's duel in a fresh process."""
    command = [sys.executable, "-m", "bench.speed", "--only", row.name]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return result_of(row, Outcome(None, None, note=f"failed: {last}"))
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of rows' names")
    parser.add_argument("--long", action="store_true", help="the rows that take hours as well")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        row = next(row for row in ROWS if row.name == options.only)
        print(json.dumps(asdict(result_of(row, row.duel()))))
        return
    chosen = [
        row for row in ROWS if row.name.startswith(tuple(options.names or [""])) and (options.long or not row.long)
    ]
    results = []
    for row in chosen:
        results.append(run_in_process(row))
        print(table(results[-1:]).splitlines()[-1], flush=True)
    print(f"\n{machine()}, Python {platform.python_version()}\n\n{table(results)}")
    if not options.names:
        document = {"machine": machine(), "rows": [asdict(result) for result in results]}
        RESULTS.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
