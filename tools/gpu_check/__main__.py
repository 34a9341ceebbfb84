"""Command line of the GPU check.

It runs the rows in sequence, each in a fresh process, and prints the table of results.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, get_args

from tools import gpu_check
from tools.gpu_check.setup import CheckError, Measure, Setup, SkippedError
from tools.lock import ROOT
from whisperx_worker.runtime.machine import driver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.gpu_check.rows import Row

NO_GPU = 2
"""Exit code."""
CPU_PATIENCE = 5.0
"""Factor on the rows' limits, which are those of a GPU."""
State = Literal["ok", "failed", "not run"]


@dataclass(frozen=True)
class Result:
    """Outcome of one row."""

    name: str
    measures: tuple[Measure, ...]
    state: State
    reason: str = ""
    """Why it failed, or was not run."""


def main() -> None:
    """Run the chosen rows and write their table."""
    options = _options()
    from tools.gpu_check.rows import ROWS, rows_for

    depth = f"-{options.layers}" if options.layers else ""
    models = options.models or ROOT / "build" / f"random-models{depth}"
    setup = Setup(options.device, models, options.layers, options.quick)
    if options.row:
        run(next(row for row in ROWS if row.name == options.row), setup, options.results)
    found = driver()
    if setup.device == "cuda" and not (found and found.gpus):
        print("there is no GPU that can be used, so nothing was measured; --device cpu tries the tool", file=sys.stderr)
        sys.exit(NO_GPU)
    ends_s = time.monotonic() + 60 * options.minutes
    results = []
    for row in rows_for(setup.device, tuple(options.names)):
        limit_s = row.limit_s if setup.device == "cuda" else CPU_PATIENCE * row.limit_s
        results.append(run_in_process(row, sys.argv[1:], min(limit_s, ends_s - time.monotonic())))
        print("\n".join(lines(results[-1:])), flush=True)
    text = table(results)
    options.into.parent.mkdir(parents=True, exist_ok=True)
    options.into.write_text(text, encoding="utf-8")
    print(f"\n{text}")
    failed = [result.name for result in results if result.state == "failed"]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=gpu_check.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="beginnings of rows' names")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--layers", type=int, help="depth of the random models in place of production's")
    parser.add_argument("--quick", action="store_true", help="little sound")
    parser.add_argument("--minutes", type=float, default=10.0, help="no row begins, or goes on, after this")
    parser.add_argument("--models", type=Path, help="folder of the random models; made where they are missing")
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "gpu-check.md", help="file for the table")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def run(row: Row, setup: Setup, results: Path) -> NoReturn:
    """Run a row's check, write each value as it comes, and end this process."""
    with results.open("w", encoding="utf-8") as file:

        def write(**fields: str) -> None:
            file.write(json.dumps(fields, ensure_ascii=False) + "\n")
            file.flush()

        try:
            for measure in row.check(setup):
                write(what=measure.what, value=measure.value)
        except SkippedError as error:
            write(state="not run", reason=str(error))
        except CheckError as error:
            write(state="failed", reason=str(error))
        except Exception as error:  # noqa: BLE001  the sentence of whatever it was; the next row goes on
            first_line = (str(error).strip().splitlines() or [""])[0]
            write(state="failed", reason=f"{type(error).__name__}: {first_line}")
        else:
            write(state="ok")
    # A GPU that failed may keep the process from ending as it should.
    os._exit(0)


def run_in_process(row: Row, arguments: Iterable[str], limit_s: float) -> Result:
    """Run a row in a fresh process.

    Args:
        row: The row.
        arguments: Arguments of this command.
        limit_s: Time after which it is ended; 0 or less is a failure without a start.
    """
    if limit_s <= 0:
        return Result(row.name, (), "failed", "there was no time left for it")
    with tempfile.TemporaryDirectory() as folder:
        results, output = Path(folder, "results"), Path(folder, "output")
        command = [sys.executable, "-m", "tools.gpu_check", *arguments, "--row", row.name, "--results", str(results)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYANNOTE_METRICS_ENABLED": "0"}
        with output.open("wb") as sink:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=sink, stderr=sink, start_new_session=True
            )
            try:
                code: int | None = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
        written = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
        last = (output.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"])[-1]
    fields = [json.loads(line) for line in written]
    measures = tuple(Measure(**one) for one in fields if "what" in one)
    for one in fields:
        if one.get("state") in get_args(State):
            return Result(row.name, measures, one["state"], one.get("reason", ""))
    if code is None:
        return Result(row.name, measures, "failed", f"it was not done after {limit_s:.0f} s")
    return Result(row.name, measures, "failed", f"its process ended with {code}: {last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a row's process and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def lines(results: Iterable[Result]) -> list[str]:
    """Format results as lines of a Markdown table."""
    made = []
    for result in results:
        cells = [(measure.what, measure.value) for measure in result.measures]
        if result.state == "failed":
            cells.append(("**failed**", result.reason))
        elif result.state == "not run":
            cells.append(("not run", result.reason))
        names = [result.name, *[""] * len(cells)]
        made += [
            f"| {_cell(name)} | {_cell(what)} | {_cell(value)} |"
            for name, (what, value) in zip(names, cells, strict=False)
        ]
    return made


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def table(results: Iterable[Result]) -> str:
    """Format results as a Markdown table."""
    return "\n".join(["| check | what | value |", "|---|---|---|", *lines(results), ""])


if __name__ == "__main__":
    main()
