"""Table of the plugins that a job called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from whisperx_worker.cli.printing import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker.hooks.trace import PluginCall


def print_trace(calls: Sequence[PluginCall]) -> None:
    """Print each call with its time and what it changed, to standard error."""
    rows = [(call.hook, call.plugin, f"{call.seconds:.3f} s", _outcome(call)) for call in calls]
    if rows:
        print_table(("hook", "plugin", "time", "outcome"), rows, err=True)
    else:
        typer.echo("no plugin was called", err=True)


def _outcome(call: PluginCall) -> str:
    changes = ", ".join(f"{name} {amount:g}" for name, amount in call.changes.items())
    return f"{call.outcome}: {changes}" if changes else call.outcome
