"""Plugins of a process: found, admitted, checked and listed. It calls no per-job hook; `dispatch` does."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import logging
import sys
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pluggy
from pydantic import TypeAdapter

from whisperx_worker.contract.validation import Abilities
from whisperx_worker.errors import PluginError, WorkerError
from whisperx_worker.hooks import hookspecs
from whisperx_worker.results.extra_schema import ExtraSchema, is_schema
from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS
from whisperx_worker.results.formats.output_format import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pluggy import HookImpl

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.models.requirement import ModelRequirement

log = logging.getLogger(__name__)


PluginState: TypeAlias = Literal["active", "blocked", "failed", "missing"]
"""Blocked by a setting, failed to load, or named by a setting and not found."""


@dataclass(frozen=True)
class Candidate:
    """A plugin that was found and not yet loaded."""

    name: str
    source: str
    """The distribution it comes from, or the file in the plugins folder."""
    version: str
    load: Callable[[], object]


@dataclass(frozen=True)
class PluginRecord:
    """Row of one plugin in `whisperx-worker plugins`."""

    name: str
    source: str
    version: str
    state: PluginState
    reason: str = ""
    """Why it is not active."""
    hooks: tuple[str, ...] = ()


@dataclass(eq=False)
class Host:
    """The plugins of one process, after loading."""

    manager: pluggy.PluginManager
    records: list[PluginRecord] = field(default_factory=list)
    options: dict[str, type] = field(default_factory=dict)
    """Options schema by plugin name, for the plugins that have one."""
    extra: dict[str, ExtraSchema] = field(default_factory=dict)
    """Schemas of extra data by plugin name, for the plugins that declare them."""
    outputs: dict[str, OutputFormat] = field(default_factory=dict)
    """Output formats by name."""
    output_plugins: dict[str, str] = field(default_factory=dict)
    """Plugin of each output format that is not the worker's own."""
    requirements: dict[Settings, dict[str, list[ModelRequirement]]] = field(default_factory=dict)
    """Models by settings and plugin, as far as `hooks.requirements` has asked the plugins."""

    def implementations(self, hook: str) -> list[HookImpl]:
        """Return implementations of a hook in a chain's order: tryfirst, registration order, trylast."""
        registered = [name for name, _ in self.manager.list_name_plugin()]
        return sorted(
            getattr(self.manager.hook, hook).get_hookimpls(),
            key=lambda impl: (-1 if impl.tryfirst else 1 if impl.trylast else 0, registered.index(impl.plugin_name)),
        )

    def arguments(self, hook: str) -> tuple[str, ...]:
        """Return names of a hook's arguments, in the order of its spec."""
        return tuple(inspect.signature(getattr(hookspecs, hook)).parameters)

    @property
    def active(self) -> set[str]:
        """Names of the active plugins."""
        return {record.name for record in self.records if record.state == "active"}

    @property
    def abilities(self) -> Abilities:
        """What the active plugins let a job ask for."""
        return Abilities(frozenset(self.outputs), frozenset(self.active), self.options)


def load_host(settings: Settings, candidates: Iterable[Candidate] | None = None) -> Host:
    """Load all plugins that the settings allow; record a broken one as failed.

    Args:
        settings: For the allow and block lists and the plugins folder.
        candidates: What to load in place of what is installed; for tests.
    """
    host = Host(manager=pluggy.PluginManager(hookspecs.PROJECT), outputs=dict(BUILT_IN_FORMATS))
    host.manager.add_hookspecs(hookspecs)
    found = list(candidates) if candidates is not None else [*installed(), *mounted(settings.plugins_dir)]
    allowed, blocked = settings.plugins_allow, settings.plugins_block
    rank = {name: place for place, name in enumerate(allowed or ())}
    for candidate in sorted(found, key=lambda c: (rank.get(c.name, len(rank)), c.name)):
        if candidate.name in blocked:
            host.records.append(_record(candidate, "blocked", "named in WHISPERX_WORKER_PLUGINS_BLOCK"))
        elif allowed is not None and candidate.name not in allowed:
            host.records.append(_record(candidate, "blocked", "not named in WHISPERX_WORKER_PLUGINS_ALLOW"))
        else:
            host.records.append(_admit(host, candidate))
    for name in sorted({*(allowed or ()), *blocked} - {candidate.name for candidate in found}):
        variable = "WHISPERX_WORKER_PLUGINS_BLOCK" if name in blocked else "WHISPERX_WORKER_PLUGINS_ALLOW"
        log.warning("%s names a plugin %r, which is not installed", variable, name)
        host.records.append(PluginRecord(name, "-", "-", "missing", f"named in {variable}, but not installed"))
    return host


def installed() -> list[Candidate]:
    """Return plugins of installed distributions."""
    return [
        Candidate(
            name=point.name,
            source=point.dist.name if point.dist else "?",
            version=point.dist.version if point.dist else "?",
            load=point.load,
        )
        for point in entry_points(group=hookspecs.PROJECT)
    ]


def mounted(folder: Path | None) -> list[Candidate]:
    """Return plugins in the plugins folder: each `name.py`, and each `name/__init__.py`."""
    if folder is None:
        return []
    files = [*folder.glob("*.py"), *folder.glob("*/__init__.py")]
    return [_mounted_file(file) for file in sorted(files) if not file.name.startswith("_") or file.parent != folder]


def _mounted_file(file: Path) -> Candidate:
    name = file.parent.name if file.name == "__init__.py" else file.stem

    def load() -> object:
        module_name = f"whisperx_worker_mounted_{name}"
        spec = importlib.util.spec_from_file_location(module_name, file)
        if spec is None or spec.loader is None:
            raise PluginError(f"{file.name} is no Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module

    return Candidate(name, source=file.name, version="-", load=load)


def _admit(host: Host, candidate: Candidate) -> PluginRecord:
    """Load and check one plugin; one that fails leaves nothing registered."""
    if host.manager.has_plugin(candidate.name):
        return _failed(candidate, "another plugin has this name")
    try:
        plugin = candidate.load()
        hooks = _register(host, candidate.name, plugin)
        schema = _options_schema(host, candidate.name)
        extra = _extra_schema(host, candidate.name)
        formats = _output_formats(host, candidate.name)
    except (Exception, SystemExit) as error:  # noqa: BLE001  one of the two places that isolate
        if host.manager.has_plugin(candidate.name):
            host.manager.unregister(name=candidate.name)
        reason = str(error) if isinstance(error, WorkerError | pluggy.PluginValidationError) else repr(error)
        return _failed(candidate, " ".join(reason.split()))
    if schema is not None:
        host.options[candidate.name] = schema
    if extra is not None:
        host.extra[candidate.name] = extra
    host.outputs.update(formats)
    host.output_plugins.update(dict.fromkeys(formats, candidate.name))
    return dataclasses.replace(_record(candidate, "active"), hooks=hooks)


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
    return tuple(sorted(caller.name for caller in callers))


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
    TypeAdapter(schema).json_schema()
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
        if output.name in {*host.outputs, *formats}:
            raise PluginError(f"the output format {output.name!r} exists already")
        formats[output.name] = output
    return formats


def _failed(candidate: Candidate, reason: str) -> PluginRecord:
    log.warning("plugin %s could not be loaded: %s", candidate.name, reason)
    return _record(candidate, "failed", reason)


def _record(candidate: Candidate, state: PluginState, reason: str = "") -> PluginRecord:
    return PluginRecord(candidate.name, candidate.source, candidate.version, state, reason)
