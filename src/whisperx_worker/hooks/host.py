"""Plugins of a process: found, admitted, checked and listed. It calls no per-job hook; `dispatch` does."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import logging
import re
import sys
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pluggy
from pydantic import ValidationError

from whisperx_worker.contract.fields import joined, lowered
from whisperx_worker.contract.plugin_rules import rules_variable, secret_texts
from whisperx_worker.contract.settings import variables
from whisperx_worker.contract.validation import ENABLED, Abilities, option_fields, validate_options
from whisperx_worker.errors import PluginError, SettingsError, WorkerError
from whisperx_worker.hooks import hookspecs
from whisperx_worker.results.extra_schema import ExtraSchema, is_schema
from whisperx_worker.hooks.chain_order import ignored_wishes, order_chain
from whisperx_worker.hooks.engine_choice import ENGINES, engine_variable
from whisperx_worker.hooks.marker import PROJECT, Traits, traits_of
from whisperx_worker.hooks.plugin_info import PluginInfo
from whisperx_worker.logs import redaction
from whisperx_worker.logs.plugin_output import printing_to_log
from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS
from whisperx_worker.results.formats.output_format import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pluggy import HookImpl

    from whisperx_worker.contract.plugin_rules import PluginRules
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.models.requirement import ModelRequirement

log = logging.getLogger(__name__)

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*")
_SCHEMES_OF_THE_WORKER = frozenset({"http", "https", "data", "file"})

DISTRIBUTION = "whisperx-worker"
"""Distribution whose plugins are the default engines."""

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
    rules: dict[str, PluginRules] = field(default_factory=dict)
    """Rules of the operator by plugin name, for the plugins that have some."""
    on_request: set[str] = field(default_factory=set)
    """Plugins that take part only in jobs that name them."""
    required: frozenset[str] = frozenset()
    """Plugins that no job may do without."""
    order: tuple[str, ...] = ()
    """Plugins that chains run before all others, in this order."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with the operator's settings of plugins, one sentence each."""
    requirements: dict[Settings, dict[str, list[ModelRequirement]]] = field(default_factory=dict)
    """Models by settings and plugin, as far as `hooks.requirements` has asked the plugins."""

    def implementations(self, hook: str) -> list[HookImpl]:
        """Return implementations of a hook in the order of a chain; see `order_chain`."""
        registered = [name for name, _ in self.manager.list_name_plugin()]
        found = getattr(self.manager.hook, hook).get_hookimpls()
        return order_chain(sorted(found, key=lambda one: registered.index(one.plugin_name)), self.order)

    def arguments(self, hook: str) -> tuple[str, ...]:
        """Return names of a hook's arguments, in the order of its spec."""
        return tuple(inspect.signature(getattr(hookspecs, hook)).parameters)

    @property
    def active(self) -> set[str]:
        """Names of the active plugins."""
        return {record.name for record in self.records if record.state == "active"}

    @property
    def own(self) -> set[str]:
        """Names of the active plugins that come with the worker."""
        return {record.name for record in self.records if record.state == "active" and record.source == DISTRIBUTION}

    @property
    def abilities(self) -> Abilities:
        """What the active plugins let a job ask for."""
        return Abilities(
            frozenset(self.outputs),
            frozenset(self.active),
            self.options,
            self.rules,
            frozenset(self.on_request),
            frozenset(self.sources),
        )

    @property
    def sources(self) -> dict[str, HookImpl]:
        """The plugin of each scheme of addresses; of several, the first one that was loaded."""
        found = reversed(self.implementations("source"))
        return {scheme: one for one in found for scheme in traits_of(one).schemes}


def load_host(settings: Settings, candidates: Iterable[Candidate] | None = None) -> Host:
    """Load all plugins that the settings allow; record a broken one as failed.

    Args:
        settings: For the allow and block lists and the plugins folder.
        candidates: What to load in place of what is installed; for tests.
    """
    host = Host(
        manager=pluggy.PluginManager(PROJECT),
        outputs=dict(BUILT_IN_FORMATS),
        required=frozenset(settings.plugins_require),
        order=settings.plugins_order,
    )
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
    _apply_rules(host, settings)
    names = {candidate.name for candidate in found}
    for name, variable in _named_plugins(settings):
        if name not in names:
            names.add(name)
            host.records.append(PluginRecord(name, "-", "-", "missing", f"named in {variable}, but not installed"))
            host.problems.append(f"{variable} names a plugin {name!r}, which is not installed")
    host.problems += _ignored_wishes(host)
    for problem in host.problems:
        log.warning("%s", problem)
    return host


def check_required(host: Host) -> None:
    """Check that the plugins are active that the operator requires.

    Raises:
        SettingsError: When one is not.
    """
    states = {record.name: record for record in host.records}
    if lacking := [f"{name} is {_why_not(states[name])}" for name in sorted(host.required - host.active)]:
        raise SettingsError(f"WHISPERX_WORKER_PLUGINS_REQUIRE: {joined(lacking)}")


def _why_not(record: PluginRecord) -> str:
    return "not installed" if record.state == "missing" else f"{record.state}: {record.reason}"


def _named_plugins(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each plugin that a setting names, with the variable."""
    for field_name in ("plugins_require", "plugins_allow", "plugins_block", "plugins_order"):
        yield from ((name, variables(field_name)[0]) for name in getattr(settings, field_name) or ())
    for hook in ENGINES:
        if name := settings.engine(hook):
            yield name, engine_variable(hook)


def _apply_rules(host: Host, settings: Settings) -> None:
    """Give each active plugin its rules, and check them.

    Raises:
        SettingsError: When rules have options that the plugin does not take.
    """
    by_variable = {rules_variable(record.name): record for record in host.records}
    mistakes: list[str] = []
    for rules in settings.plugin_rules:
        redaction.hide(secret_texts(rules))
        record = by_variable.get(rules.variable)
        if record is None:
            host.problems.append(f"{rules.variable} is of a plugin that is not installed")
        elif record.state == "active":
            host.rules[record.name] = rules
            mistakes += [f"{rules.variable}: {wrong}" for wrong in _wrong_options(rules, host.options.get(record.name))]
    if mistakes:
        raise SettingsError(joined(mistakes))


def _wrong_options(rules: PluginRules, schema: type | None) -> Iterator[str]:
    fields = option_fields(schema) if schema else {}
    for option in sorted({*rules.options, *rules.locked, *rules.secrets}):
        if option not in fields:
            yield f"the plugin has no option {option!r}"
            return
    if schema:
        try:
            validate_options(schema, {**rules.options, **rules.secrets})
        except ValidationError as error:
            for detail in error.errors(include_input=False):
                yield f"{'.'.join(map(str, detail['loc']))}: {lowered(detail['msg'])}"


def _ignored_wishes(host: Host) -> list[str]:
    pairs = {
        pair
        for caller in host.manager.hook.__dict__.values()
        if isinstance(caller, pluggy.HookCaller)
        for pair in ignored_wishes(caller.get_hookimpls(), host.order)
    }
    return [
        f"plugin {first} is to run before {second} by its own words; the order of the settings is the opposite"
        for first, second in sorted(pairs)
    ]


def installed() -> list[Candidate]:
    """Return plugins of installed distributions."""
    return [
        Candidate(
            name=point.name,
            source=point.dist.name if point.dist else "?",
            version=point.dist.version if point.dist else "?",
            load=point.load,
        )
        for point in entry_points(group=PROJECT)
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
        with printing_to_log(candidate.name):
            plugin = candidate.load()
            hooks = _register(host, candidate.name, plugin)
            info = _plugin_info(host, candidate.name)
            schema = _options_schema(host, candidate.name)
            extra = _extra_schema(host, candidate.name)
            formats = _output_formats(host, candidate.name)
    except (Exception, SystemExit) as error:  # noqa: BLE001  one of the two places that isolate
        if host.manager.has_plugin(candidate.name):
            host.manager.unregister(name=candidate.name)
        reason = str(error) if isinstance(error, WorkerError | pluggy.PluginValidationError) else repr(error)
        return _failed(candidate, " ".join(reason.split()))
    if info.on_request and candidate.name not in host.required:
        host.on_request.add(candidate.name)
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


def kind_of(hook: str) -> str:
    """Return the kind of a hook, from its specification: chain, engine, observer or setup."""
    return str(inspect.getdoc(getattr(hookspecs, hook))).partition(".")[0].lower()


def _plugin_info(host: Host, name: str) -> PluginInfo:
    info = _setup(host, name, "register_plugin")
    if info is None:
        return PluginInfo()
    if not isinstance(info, PluginInfo):
        raise PluginError("register_plugin must return a PluginInfo")
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
        if output.name in {*host.outputs, *formats}:
            raise PluginError(f"the output format {output.name!r} exists already")
        formats[output.name] = output
    return formats


def _failed(candidate: Candidate, reason: str) -> PluginRecord:
    log.warning("plugin %s could not be loaded: %s", candidate.name, reason)
    return _record(candidate, "failed", reason)


def _record(candidate: Candidate, state: PluginState, reason: str = "") -> PluginRecord:
    return PluginRecord(candidate.name, candidate.source, candidate.version, state, reason)
