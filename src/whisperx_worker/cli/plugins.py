"""Command `plugins`: all plugins with the order of their hooks, or one in full."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whisperx_worker.cli.printing import print_json, print_table
from whisperx_worker.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whisperx_worker.hooks.host import PluginRecord
    from whisperx_worker.operate.plugin_details import HookFunction, HookUse, PluginDetails, PluginOption

app = typer.Typer()


@app.command()
def plugins(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this plugin in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List plugins and the order of their hooks, or show one in full.

    The state of each is active, blocked, failed or missing. Ends non-zero where a required plugin is not active.
    """
    from whisperx_worker.contract.fields import did_you_mean
    from whisperx_worker.contract.settings import load_settings
    from whisperx_worker.hooks.loading import load_host
    from whisperx_worker.hooks.operators_rules import check_required
    from whisperx_worker.operate.plugin_details import hook_uses, plugin_details

    settings = load_settings()
    host = load_host(settings)
    details = {one.record.name: one for one in plugin_details(host, settings)}
    if name is not None:
        if name not in details:
            raise BadInputError(f"there is no plugin {name!r}{did_you_mean(name, details)}")
        _show(details[name], as_json=as_json)
        return
    for problem in host.problems:
        typer.echo(f"warning: {problem}", err=True)
    if as_json:
        print_json([one.as_json() for one in details.values()])
    else:
        print_table(("name", "version", "from", "state", "load", "hooks", "description"), list(map(_row, host.records)))
        typer.echo()
        uses = [use for use in hook_uses(host, settings) if use.kind != "setup"]
        print_table(("hook", "kind", "plugins"), list(map(_use, uses)))
    check_required(host)


def _row(record: PluginRecord) -> tuple[str, ...]:
    hooks = ", ".join(record.hooks)
    text = record.reason or record.description
    return (record.name, record.version, record.source, record.state, f"{record.load_s:.2f} s", hooks, text)


def _use(use: HookUse) -> tuple[str, str, str]:
    """Return the row of a hook: a chain in its order, an engine with the choice in front."""
    if use.problem:
        return use.hook, use.kind, f"none: {use.problem}"
    if use.chosen:
        others = ", ".join(name for name in use.plugins if name != use.chosen)
        return use.hook, use.kind, f"{use.chosen}; where named: {others}" if others else use.chosen
    return use.hook, use.kind, (" → " if use.kind == "chain" else ", ").join(use.plugins)


def _show(plugin: PluginDetails, *, as_json: bool) -> None:
    if as_json:
        print_json(plugin.as_json())
        return
    for line in _facts(plugin):
        typer.echo(line)
    tables: Sequence[tuple[tuple[str, ...], list[tuple[str, ...]]]] = (
        (("hook", "kind", "place", ""), [_function(one) for one in plugin.functions]),
        (("option", "type", "default", "operator", "description"), [_option(one) for one in plugin.options]),
        (
            ("format", "suffix", "media type", ""),
            [(f.name, f.suffix, f.media_type or "-", "takes audio" if f.takes_audio else "") for f in plugin.formats],
        ),
        (("extra of", "schema"), [(kind, json.dumps(schema)) for kind, schema in plugin.extra.items()]),
    )
    for head, rows in tables:
        if rows:
            typer.echo()
            print_table(head, rows)


def _facts(plugin: PluginDetails) -> Iterator[str]:
    record = plugin.record
    yield f"{record.name} {record.version} from {record.source}"
    if record.description:
        yield record.description
    yield f"state: {record.state}{f': {record.reason}' if record.reason else ''}"
    if record.state != "active":
        return
    is_worth_it = record.slowest_import_s >= record.load_s / 2 and record.slowest_import
    slowest = f", {record.slowest_import_s:.2f} s of it for {record.slowest_import}" if is_worth_it else ""
    yield f"load: {record.load_s:.2f} s{slowest}"
    if plugin.required:
        yield "takes part: in every job, required by the operator"
    else:
        yield f"takes part: {'in jobs that name it' if plugin.on_request else 'in every job'}"


def _function(one: HookFunction) -> tuple[str, ...]:
    marks = [
        *["closed"] * one.closed,
        *(f"before {name}" for name in one.before),
        *(f"after {name}" for name in one.after),
        *(f"scheme {name}" for name in one.schemes),
    ]
    place = {"chain": f"{one.place} of {one.of}", "engine": "chosen" if one.chosen else "where named"}
    return one.hook, one.kind, place.get(one.kind, ""), ", ".join(marks)


def _option(one: PluginOption) -> tuple[str, ...]:
    if one.secret:
        operator = "secret"
    else:
        operator = ", ".join([*[f"set to {_json(one.value)}"] * one.set, *["locked"] * one.locked])
    return one.name, one.type, _json(one.default), operator, one.description


def _json(value: Any) -> str:  # noqa: ANN401
    return json.dumps(value, ensure_ascii=False)
