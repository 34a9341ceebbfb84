"""Commands of a plugin's author: `new-plugin` and `check-plugin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def new_plugin(
    name: Annotated[str, typer.Argument(help="Name of the plugin and its module, such as brand_names.")],
    hook: Annotated[str, typer.Option("--hook", help="Hook of a job, or register_outputs.")] = "post_align",
    to: Annotated[Path | None, typer.Option("--to", help="Folder of the package; else one of its name, here.")] = None,
) -> None:
    """Write the package of a new plugin: a hook that works, tests, types, linter, CI, licence.

    Nothing is overwritten.
    """
    from whisperx_worker.contract.settings import load_settings
    from whisperx_worker.hooks.loading import installed, mounted
    from whisperx_worker.operate.new_plugin import write_plugin

    known = [one.name for one in (*installed(), *mounted(load_settings().plugins_dir))]
    folder = to or Path(name)
    for path in write_plugin(name, hook, folder, known):
        typer.echo(f"wrote {path}", err=True)
    typer.echo(f"next: pip install -e '{folder}[dev]', and whisperx-worker check-plugin {name}", err=True)


@app.command()
def check_plugin(
    place: Annotated[str, typer.Argument(metavar="PATH|NAME", help="File, folder, or name of an installed plugin.")],
    limit_s: Annotated[float, typer.Option("--limit-s", help="Seconds from which a call is slow.")] = 1.0,
) -> None:
    """Check a plugin alone: its load, its hooks on made values, and a whole job without models.

    Prints what is wrong, one line each. Ends non-zero where anything is an error.
    """
    from whisperx_worker.contract.settings import load_settings
    from whisperx_worker.operate.plugin_check import check_plugin as findings_of
    from whisperx_worker.operate.plugin_check import find_plugin

    plugin = find_plugin(place, load_settings())
    found = findings_of(plugin, limit_s)
    for one in found:
        typer.echo(f"{one.severity}: {one.what}")
    errors = sum(one.severity == "error" for one in found)
    typer.echo(f"{plugin.name}: {errors} errors, {len(found) - errors} warnings", err=True)
    if errors:
        raise typer.Exit(1)
