"""Commands of an operator: `plugins`, `doctor` and `preload`."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

app = typer.Typer()


@app.command()
def plugins(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List plugins: version, hooks, and whether each is active, blocked, failed or missing, and why."""
    from whisperx_worker.contract.settings import load_settings
    from whisperx_worker.hooks.loading import load_host
    from whisperx_worker.hooks.operators_rules import check_required

    host = load_host(load_settings())
    for problem in host.problems:
        typer.echo(f"warning: {problem}", err=True)
    if as_json:
        _print_json(host.records)
    else:
        rows = [(r.name, r.version, r.source, r.state, r.reason or ", ".join(r.hooks)) for r in host.records]
        _print_table(("name", "version", "from", "state", "hooks"), rows)
    check_required(host)


@app.command()
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Import no library: a second, not half a minute.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check what is there and whether it works.

    Ends non-zero where a plain transcription job could not be served.
    """
    from whisperx_worker.operate.doctor import examine

    found = examine(quick=quick)
    if as_json:
        _print_json(found)
    else:
        _print_table(("what", "state", "found"), [(row.name, row.state, row.what) for row in found])
    if any(row.state == "failure" for row in found):
        raise typer.Exit(1)


@app.command()
def preload(
    models: Annotated[
        list[str] | None,
        typer.Option("--models", metavar="NAME[@REVISION]", help="Only these; repeatable, or with commas."),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Folder of models; else WHISPERX_WORKER_MODELS.")] = None,
) -> None:
    """Fetch models into the models folder. By default those that jobs use; HF_TOKEN opens the gated ones.

    What is already whole is skipped. The revisions stand in the folder's models.lock.json; there, it also pins them.
    Ends non-zero when something that was asked for is not there in the end.
    """
    from whisperx_worker.contract.settings import load_settings
    from whisperx_worker.hooks.loading import load_host
    from whisperx_worker.hooks.requirements import registered_models
    from whisperx_worker.logs import redaction
    from whisperx_worker.models.preload import preload as preload_models
    from whisperx_worker.models.preload import wanted_models

    _hide_bars_from_files()
    settings = load_settings()
    names = [name.strip() for given in models or () for name in given.split(",") if name.strip()]
    wanted = wanted_models(registered_models(load_host(settings), settings), names)
    preloaded = []
    typer.echo(f"models to bring: {', '.join(one.need.name for one in wanted)}", err=True)
    for one in preload_models(wanted, (to or settings.models).absolute(), settings.hf_token):
        typer.echo(f"{one.name}: {one.state}", err=True)
        preloaded.append(one)
    rows = [(one.name, one.revision[:12] or "-", one.state, redaction.mask(one.why)) for one in preloaded]
    _print_table(("model", "revision", "state", ""), rows)
    if any(one.state == "failed" for one in preloaded):
        raise typer.Exit(1)


def _hide_bars_from_files() -> None:
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def _print_json(records: Iterable[object]) -> None:
    listed = [dataclasses.asdict(record) for record in records]  # type: ignore[call-overload]
    typer.echo(json.dumps(listed, ensure_ascii=False, indent=2))


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as they must be, but for the last."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    for line in lines:
        cells = [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]
        typer.echo("  ".join(cells).rstrip())
