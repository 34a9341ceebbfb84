"""Admission of one plugin: its hooks, options and formats are checked. One that fails leaves nothing behind."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import re
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from whisperx_worker.contract.validation import ENABLED, option_fields
from whisperx_worker.errors import PluginError, WorkerError
from whisperx_worker.hooks.host import kind_of
from whisperx_worker.hooks.load_time import measured_load
from whisperx_worker.hooks.marker import Traits, traits_of
from whisperx_worker.hooks.plugin_failure import call_contained
from whisperx_worker.hooks.plugin_info import PluginInfo, check_api
from whisperx_worker.logs.plugin_output import printing_to_log
from whisperx_worker.results.extra_schema import ExtraSchema, is_schema
from whisperx_worker.results.formats.output_format import OutputFormat

if TYPE_CHECKING:
    from pluggy import HookImpl

    from whisperx_worker.hooks.host import Candidate, Host, PluginRecord

log = logging.getLogger(__name__)

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*")
_FORMAT_NAME = re.compile(r"[\w\-]+")
_SUFFIX = re.compile(r"(\.[\w\-]+)+")
_SCHEMES_OF_THE_WORKER = frozenset({"http", "https", "data", "file"})


def admit(host: Host, candidate: Candidate) -> PluginRecord:
    """Load, check and time one plugin; one that fails leaves nothing registered."""
    with measured_load() as load:
        record = _admit_or_fail(host, candidate)
    plugin = host.manager.get_plugin(candidate.name) if record.state == "active" else None
    home = str(plugin.__name__) if isinstance(plugin, ModuleType) else type(plugin).__module__
    package, seconds = load.slowest_import(home.partition(".")[0]) if plugin is not None else ("", 0.0)
    return dataclasses.replace(
        record, load_s=round(load.seconds, 3), slowest_import=package, slowest_import_s=round(seconds, 3)
    )


def _admit_or_fail(host: Host, candidate: Candidate) -> PluginRecord:
    """Load and check one plugin, and contain what it raises."""
    if host.manager.has_plugin(candidate.name):
        return _failed(candidate, "another plugin has this name")
    try:
        with printing_to_log(candidate.name):
            return call_contained(_admit, host, candidate)
    except Exception as error:  # noqa: BLE001  one of the two places that isolate
        if host.manager.has_plugin(candidate.name):
            host.manager.unregister(name=candidate.name)
        reason = str(error) if isinstance(error, WorkerError | pluggy.PluginValidationError) else repr(error)
        return _failed(candidate, " ".join(reason.split()))


def _admit(host: Host, candidate: Candidate) -> PluginRecord:
    """Load and check one plugin, and add what it offers to the host."""
    plugin = candidate.load()
    hooks = _register(host, candidate.name, plugin)
    info = _plugin_info(host, candidate.name)
    schema = _options_schema(host, candidate.name)
    extra = _extra_schema(host, candidate.name)
    formats = _output_formats(host, candidate.name)
    if info.on_request and candidate.name not in host.required:
        host.on_request.add(candidate.name)
    if schema is not None:
        host.options[candidate.name] = schema
    if extra is not None:
        host.extra[candidate.name] = extra
    host.outputs.update(formats)
    host.output_plugins.update(dict.fromkeys(formats, candidate.name))
    description = (inspect.getdoc(plugin) or "").partition("\n")[0]
    return dataclasses.replace(candidate.record("active"), hooks=hooks, description=description)


def _register(host: Host, name: str, plugin: object) -> tuple[str, ...]:
    """Register a plugin with pluggy and return the names of its hooks."""
    if isinstance(plugin, type):
        raise PluginError("it is a class; offer a module, or an instance of the class")
    host.manager.register(plugin, name)
    host.manager.check_pending()
    callers = host.manager.get_hookcallers(plugin) or []
    wrappers = [
        c.name for c in callers for i in c.get_hookimpls() if i.plugin is plugin and (i.wrapper or i.hookwrapper)
    ]
    if wrappers:
        raise PluginError(f"{wrappers[0]} is a hook wrapper; hooks here are chains and engines and cannot be wrapped")
    if not callers:
        raise PluginError("it implements no hook")
    for caller in callers:
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                _check_function(caller.name, implementation)
        host.implementations(caller.name)  # raises where the order leads in a circle
    return tuple(sorted(caller.name for caller in callers))


def _check_function(hook: str, implementation: HookImpl) -> None:
    """Check the kind and the marker of a hook function.

    Raises:
        PluginError: When it cannot be called as a hook.
    """
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(f"{hook} is async; a hook is a plain function, which may run for as long as it needs")
    if inspect.isgeneratorfunction(function):
        raise PluginError(f"{hook} is a generator; a hook returns its answer")
    kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
    if kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}:
        raise PluginError(f"{hook} takes any arguments (* or **); a hook names those that it takes")
    traits = traits_of(implementation)
    if not isinstance(traits.closed, bool) or not all(isinstance(name, str) for name in traits.before + traits.after):
        raise PluginError(f"{hook}: closed is true or false, and before and after are names of plugins")
    if kind_of(hook) != "chain" and traits != Traits(schemes=traits.schemes):
        raise PluginError(f"{hook} is no chain, so closed, before and after have no meaning")
    if (hook == "source") != bool(traits.schemes):
        raise PluginError("source, and no other hook, names the schemes that it fetches: @hookimpl(schemes=...)")
    if wrong := [name for name in traits.schemes if not _SCHEME.fullmatch(name) or name in _SCHEMES_OF_THE_WORKER]:
        raise PluginError(f"source cannot have the scheme {wrong[0]!r}")


def _plugin_info(host: Host, name: str) -> PluginInfo:
    info = _setup(host, name, "register_plugin")
    if info is None:
        return PluginInfo()
    if not isinstance(info, PluginInfo):
        raise PluginError("register_plugin must return a PluginInfo")
    check_api(info.api)
    return info


def _setup(host: Host, name: str, hook: str) -> Any:  # noqa: ANN401
    """Return one plugin's answer to a setup hook, or None without an implementation."""
    for implementation in host.implementations(hook):
        if implementation.plugin_name == name:
            return implementation.function()
    return None


def _options_schema(host: Host, name: str) -> type | None:
    schema = _setup(host, name, "register_options")
    if schema is None:
        return None
    if not is_schema(schema):
        raise PluginError("register_options must return a pydantic model or a dataclass, the class itself")
    try:
        schema()
    except (TypeError, ValueError) as error:
        raise PluginError("every field of its options needs a default") from error
    # A schema that cannot be written down would fail here for the plugin, or in every job for everybody.
    if ENABLED in option_fields(schema):
        raise PluginError(f"its option {ENABLED!r} is one that the worker gives to every plugin")
    return schema


def _extra_schema(host: Host, name: str) -> ExtraSchema | None:
    schema = _setup(host, name, "register_extra")
    if schema is None or isinstance(schema, ExtraSchema):
        return schema
    raise PluginError("register_extra must return an ExtraSchema")


def _output_formats(host: Host, name: str) -> dict[str, OutputFormat]:
    formats: dict[str, OutputFormat] = {}
    for output in _setup(host, name, "register_outputs") or ():
        if not isinstance(output, OutputFormat):
            raise PluginError("register_outputs must return a list of OutputFormat")
        if not _FORMAT_NAME.fullmatch(output.name) or not _SUFFIX.fullmatch(output.suffix):
            raise PluginError(f"the output format {output.name!r} needs a plain name and a suffix such as '.txt'")
        if output.name in {*host.outputs, *formats}:
            raise PluginError(f"the output format {output.name!r} exists already")
        formats[output.name] = output
    return formats


def _failed(candidate: Candidate, reason: str) -> PluginRecord:
    log.warning("plugin %s could not be loaded: %s", candidate.name, reason)
    return candidate.record("failed", reason)
