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
