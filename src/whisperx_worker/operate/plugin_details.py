"""Plugins as an operator sees them: what each does, its options, and its place in the order."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from whisperx_worker.contract.plugin_rules import PluginRules
from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.described_fields import described_fields
from whisperx_worker.hooks.engine_choice import ENGINES, default_engine
from whisperx_worker.hooks.host import hook_names, kind_of
from whisperx_worker.hooks.marker import traits_of
from whisperx_worker.results.extra_schema import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host, PluginRecord

_NO_RULES = PluginRules("")


@dataclass(frozen=True)
class HookUse:
    """One hook with the plugins that implement it."""

    hook: str
    kind: str
    plugins: tuple[str, ...]
    """In the order of the chain."""
    chosen: str = ""
    """The engine of jobs that name none."""
    problem: str = ""
    """Why no engine can be chosen."""


@dataclass(frozen=True)
class HookFunction:
    """One function of a plugin."""

    hook: str
    kind: str
    place: int
    """Place among the plugins that implement the hook, from 1."""
    of: int
    """How many implement it."""
    chosen: bool
    """Whether it is the engine of jobs that name none."""
    closed: bool
    """Whether a job fails where it does."""
    before: tuple[str, ...]
    after: tuple[str, ...]
    schemes: tuple[str, ...]


@dataclass(frozen=True)
class PluginOption:
    """One option of a plugin."""

    name: str
    type: str
    default: Any
    description: str
    """Of its field, or the docstring under it."""
    set: bool
    """Whether the operator gives it a value."""
    value: Any
    """The operator's value; None of a secret, and where there is none."""
    locked: bool
    """Whether no job may send it."""
    secret: bool
    """Whether its value is never shown."""


@dataclass(frozen=True)
class PluginFormat:
    """One output format of a plugin."""

    name: str
    suffix: str
    media_type: str | None
    takes_audio: bool


@dataclass(frozen=True)
class PluginDetails:
    """One plugin in full."""

    record: PluginRecord
    required: bool
    """Whether no job may do without it."""
    on_request: bool
    """Whether it takes part only in jobs that name it."""
    functions: tuple[HookFunction, ...]
    options: tuple[PluginOption, ...]
    formats: tuple[PluginFormat, ...]
    extra: Mapping[str, Any]
    """JSON schema of its extra data, by kind of value."""

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON, the fields of its record at the top."""
        details = dataclasses.asdict(self)
        return {**details.pop("record"), **details}


def plugin_details(host: Host, settings: Settings) -> list[PluginDetails]:
    """Return all plugins of a host in full, in the order of its records."""
    uses = hook_uses(host, settings)
    return [
        PluginDetails(
            record,
            required=record.name in host.required,
            on_request=record.name in host.on_request,
            functions=tuple(_functions(host, record.name, uses)),
            options=tuple(_options(host, record.name)),
            formats=tuple(
                PluginFormat(one.name, one.suffix, one.media_type, one.takes_audio)
                for one in host.outputs.values()
                if host.output_plugins.get(one.name) == record.name
            ),
            extra=_extra(host, record.name),
        )
        for record in host.records
    ]


def hook_uses(host: Host, settings: Settings) -> list[HookUse]:
    """Return each hook that a plugin implements, and each engine, in the order of their specifications."""
    uses = []
    for hook in hook_names():
        plugins = tuple(one.plugin_name for one in host.implementations(hook))
        chosen = problem = ""
        if hook in ENGINES:
            try:
                chosen = default_engine(host, hook, settings).plugin_name
            except PluginError as error:
                problem = str(error).removeprefix(f"{hook}: ")
        if plugins or problem:
            uses.append(HookUse(hook, kind_of(hook), plugins, chosen, problem))
    return uses


def _functions(host: Host, plugin: str, uses: list[HookUse]) -> Iterator[HookFunction]:
    for use in uses:
        if plugin not in use.plugins:
            continue
        place = use.plugins.index(plugin)
        traits = traits_of(host.implementations(use.hook)[place])
        yield HookFunction(
            use.hook,
            use.kind,
            place + 1,
            len(use.plugins),
            chosen=use.chosen == plugin,
            closed=traits.closed,
            before=traits.before,
            after=traits.after,
            schemes=traits.schemes,
        )


def _options(host: Host, plugin: str) -> Iterator[PluginOption]:
    if (schema := host.options.get(plugin)) is None:
        return
    rules = host.rules.get(plugin, _NO_RULES)
    for name, written in described_fields(schema).items():
        secret = name in rules.secrets
        yield PluginOption(
            name,
            type_text(written),
            written["default"],
            " ".join(written["description"].split()),
            set=secret or name in rules.options,
            value=None if secret else rules.options.get(name),
            locked=secret or name in rules.locked,
            secret=secret,
        )


def type_text(schema: Mapping[str, Any]) -> str:
    """Return the type in a JSON schema in words.

    Example:
        >>> type_text({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
        'list of string or null'
    """
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else None):
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in values)
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(map(type_text, choices)))
    if schema.get("type") == "array":
        return f"list of {type_text(schema.get('items') or {})}"
    return str(schema.get("type") or schema.get("$ref", "any").rpartition("/")[2])


def _extra(host: Host, plugin: str) -> dict[str, Any]:
    schemas = host.extra.get(plugin)
    declared = {kind: getattr(schemas, kind, None) for kind in KINDS}
    return {kind: TypeAdapter(schema).json_schema() for kind, schema in declared.items() if schema}
