"""Plugins of a process after loading: their order, options, formats and states. It calls no per-job hook."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from whisperx_worker.contract.validation import Abilities
from whisperx_worker.hooks import hookspecs, observer_hookspecs, setup_hookspecs
from whisperx_worker.hooks.chain_order import order_chain
from whisperx_worker.hooks.marker import traits_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pluggy
    from pluggy import HookImpl

    from whisperx_worker.contract.plugin_rules import PluginRules
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.models.requirement import ModelRequirement
    from whisperx_worker.results.extra_schema import ExtraSchema
    from whisperx_worker.results.formats.output_format import OutputFormat
    from whisperx_worker.types import Seconds

DISTRIBUTION = "whisperx-worker"
"""Distribution that has the plugins which are the default engines."""

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

    def record(self, state: PluginState, reason: str = "") -> PluginRecord:
        """Return its row in the list of plugins."""
        return PluginRecord(self.name, self.source, self.version, state, reason)


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
    description: str = ""
    """First line of the docstring of its module, or of the class of an instance."""
    load_s: Seconds = field(default=0.0, compare=False)
    """Time of its import and registration."""
    slowest_import: str = field(default="", compare=False)
    """Package with the longest import; "" where it imported none."""
    slowest_import_s: Seconds = field(default=0.0, compare=False)


@dataclass(eq=False)
class Host:
    """The plugins of one process, after loading."""

    manager: pluggy.PluginManager
    settings: Settings | None = None
    """Settings that the plugins were loaded with."""
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
    isolated: frozenset[str] = frozenset()
    """Plugins that run in processes of their own."""
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
        return hook_arguments(hook)

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


def taking_part(host: Host, hook: str, job: Job) -> list[HookImpl]:
    """Return the implementations of a hook that take part in a job, in order."""
    return [one for one in host.implementations(hook) if one.plugin_name not in job.plugins_off]


def hook_arguments(hook: str) -> tuple[str, ...]:
    """Return names of a hook's arguments, in the order of its spec."""
    return tuple(inspect.signature(specification(hook)).parameters)


def hook_names() -> list[str]:
    """Return the names of all hooks, those of jobs first, in the order of their specifications."""
    return [
        name
        for specs in (hookspecs, observer_hookspecs, setup_hookspecs)
        for name, function in vars(specs).items()
        if inspect.isfunction(function) and function.__module__ == specs.__name__
    ]


def specification(hook: str) -> Callable[..., object]:
    """Return the specification of a hook."""
    found: Callable[..., object] = next(
        getattr(specs, hook) for specs in (hookspecs, observer_hookspecs, setup_hookspecs) if hasattr(specs, hook)
    )
    return found


def kind_of(hook: str) -> str:
    """Return the kind of a hook, from its specification: chain, engine, observer or setup."""
    return str(inspect.getdoc(specification(hook))).partition(".")[0].lower()
