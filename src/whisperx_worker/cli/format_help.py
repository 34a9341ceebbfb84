"""Help of a command that lists the output formats, those of plugins included."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from whisperx_worker.errors import SettingsError


class ListsFormats(TyperCommand):
    """Command with the option `--format`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  click's types have another home in each typer
        """Write the help; plugins are loaded for it and for nothing that completes or runs the command."""
        for parameter in self.params:
            if "--format" in parameter.opts:
                parameter.help = f"{', '.join(format_names())}; repeatable."  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


def format_names() -> list[str]:
    """Return the names of all formats; where the settings cannot be read, of the worker's own."""
    from whisperx_worker.contract.settings import load_settings
    from whisperx_worker.hooks.loading import load_host
    from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS

    try:
        return list(load_host(load_settings()).outputs)
    except SettingsError:
        return list(BUILT_IN_FORMATS)
