"""The plugin in its own process: what it offers, and calls of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from whisperx_worker.contract.validation import option_fields, validate_options
from whisperx_worker.hooks.described_fields import described_fields
from whisperx_worker.hooks.isolation.messages import (
    FormatDescription,
    HookDescription,
    Mistakes,
    Options,
    PluginDescription,
)
from whisperx_worker.hooks.marker import traits_of
from whisperx_worker.hooks.plugin_info import PluginInfo
from whisperx_worker.hooks.requirements import import_libraries
from whisperx_worker.results.extra_schema import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pluggy import HookImpl

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host, PluginRecord
    from whisperx_worker.hooks.isolation.messages import Call
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.models.cache import ModelCache


@dataclass(frozen=True, eq=False)
class LoadedPlugin:
    """The one plugin of a process."""

    name: str
    settings: Settings
    host: Host
    models: ModelCache
    """Loaded models, kept between jobs."""

    def implementation(self, hook: str) -> HookImpl:
        """Return its function of a hook."""
        (found,) = self.host.implementations(hook)
        return found


def describe(plugin: LoadedPlugin, record: PluginRecord) -> PluginDescription:
    """Return what the worker has to know of a plugin."""
    host = plugin.host
    options, extra = host.options.get(plugin.name), host.extra.get(plugin.name)
    formats = {name: host.outputs[name] for name in host.output_plugins}
    schemas = {kind: getattr(extra, kind) for kind in KINDS} if extra else {}
    return PluginDescription(
        {hook: _describe_hook(plugin, hook) for hook in record.hooks},
        PluginInfo(on_request=plugin.name in host.on_request),
        record.description,
        described_fields(options) if options else None,
        {kind: tuple(option_fields(schema)) for kind, schema in schemas.items() if schema} if extra else None,
        extra.keep_when_cut if extra else True,
        {name: FormatDescription(one.suffix, one.media_type, one.takes_audio) for name, one in formats.items()},
    )


def _describe_hook(plugin: LoadedPlugin, hook: str) -> HookDescription:
    one = plugin.implementation(hook)
    with_default = [name for name in one.kwargnames if name in plugin.host.arguments(hook)]
    return HookDescription((*one.argnames, *with_default), traits_of(one), one.tryfirst, one.trylast)


def run(plugin: LoadedPlugin, call: Call, job: Job | None, models: ModelCache) -> object:
    """Do a call, and return its value, or Mistakes.

    Raises:
        BaseException: Whatever the plugin does.
    """
    options = None
    if job is not None and call.job is not None and call.job.options is not None:
        options = validate_options(plugin.host.options[plugin.name], call.job.options.data)
        vars(job)["options"] = {plugin.name: options}
    available = {"audio": None, **call.arguments, "job": job, "options": options, "models": models}
    return _KINDS[call.kind](plugin, call, available)


def _run_hook(plugin: LoadedPlugin, call: Call, available: dict[str, Any]) -> object:
    import_libraries(plugin.host, plugin.name, available["job"].settings)
    names = _describe_hook(plugin, call.name).arguments
    return plugin.implementation(call.name).function(**{name: available[name] for name in names})


def _write_output(plugin: LoadedPlugin, call: Call, available: dict[str, Any]) -> object:
    return plugin.host.outputs[call.name].content(available)


def _set_up(plugin: LoadedPlugin, call: Call, available: dict[str, Any]) -> object:
    one = plugin.implementation(call.name)
    if call.name == "warm_up":
        import_libraries(plugin.host, plugin.name, plugin.settings)
    answer: Any = one.function(*[available[name] for name in one.argnames])
    return list(answer or ()) if call.name == "register_models" else None


def _validate_options(plugin: LoadedPlugin, _call: Call, available: dict[str, Any]) -> object:
    try:
        validate_options(plugin.host.options[plugin.name], available["data"])
    except ValidationError as error:
        return _mistakes(error)
    return Options(available["data"])


def _validate_extra(plugin: LoadedPlugin, call: Call, available: dict[str, Any]) -> object:
    schema = getattr(plugin.host.extra[plugin.name], call.name)
    try:
        _adapter(schema).validate_json(json.dumps(available["data"]), strict=True)
    except ValidationError as error:
        return _mistakes(error)
    return None


@cache
def _adapter(schema: type) -> TypeAdapter[object]:
    """Return the validator of extra data; cached, since it takes milliseconds."""
    return TypeAdapter(schema)


def _mistakes(error: ValidationError) -> Mistakes:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return Mistakes(tuple((detail["type"], detail["loc"], detail["msg"]) for detail in details))


_KINDS: dict[str, Callable[[LoadedPlugin, Call, dict[str, Any]], object]] = {
    "hook": _run_hook,
    "output": _write_output,
    "setup": _set_up,
    "options": _validate_options,
    "extra": _validate_extra,
}
