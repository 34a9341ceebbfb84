"""Commands of an operator: `doctor` and `preload`."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer

from whisperx_worker.cli.printing import print_json, print_table

app = typer.Typer()


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
        print_json([dataclasses.asdict(row) for row in found])
    else:
        print_table(("what", "state", "found"), [(row.name, row.state, row.what) for row in found])
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
    print_table(("model", "revision", "state", ""), rows)
    if any(one.state == "failed" for one in preloaded):
        raise typer.Exit(1)


def _hide_bars_from_files() -> None:
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
