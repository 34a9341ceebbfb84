"""Loading of plugins: found, let in by the operator's settings, and listed."""

from __future__ import annotations

import importlib.util
import logging
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pluggy

from whisperx_worker.contract.fields import did_you_mean
from whisperx_worker.contract.settings import variables
from whisperx_worker.errors import PluginError
from whisperx_worker.hooks import hookspecs, observer_hookspecs, setup_hookspecs
from whisperx_worker.hooks.admission import admit
from whisperx_worker.hooks.chain_order import ignored_wishes
from whisperx_worker.hooks.engine_choice import ENGINES, engine_variable
from whisperx_worker.hooks.host import Candidate, Host, PluginRecord
from whisperx_worker.hooks.isolation.proxy import in_own_process
from whisperx_worker.hooks.marker import PROJECT
from whisperx_worker.hooks.operators_rules import apply_rules
from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from whisperx_worker.contract.settings import Settings

log = logging.getLogger(__name__)


def load_host(settings: Settings, candidates: Iterable[Candidate] | None = None) -> Host:
    """Load all plugins that the settings allow; record a broken one as failed.

    Args:
        settings: For the allow and block lists and the plugins folder.
        candidates: What to load in place of what is installed; for tests.
    """
    host = new_host(settings)
    found = list(candidates) if candidates is not None else [*installed(), *mounted(settings.plugins_dir)]
    allowed, blocked = settings.plugins_allow, settings.plugins_block
    rank = {name: place for place, name in enumerate(allowed or ())}
    for candidate in sorted(found, key=lambda c: (rank.get(c.name, len(rank)), c.name)):
        if candidate.name in blocked:
            host.records.append(candidate.record("blocked", "named in WHISPERX_WORKER_PLUGINS_BLOCK"))
        elif allowed is not None and candidate.name not in allowed:
            host.records.append(candidate.record("blocked", "not named in WHISPERX_WORKER_PLUGINS_ALLOW"))
        else:
            isolated = candidate.name in host.isolated
            host.records.append(admit(host, in_own_process(candidate, settings) if isolated else candidate))
    apply_rules(host, settings)
    names = {candidate.name for candidate in found}
    for name, variable in _named_plugins(settings):
        if name not in names:
            names.add(name)
            hint = did_you_mean(name, [candidate.name for candidate in found])
            reason = f"named in {variable}, but not installed{hint}"
            host.records.append(PluginRecord(name, "-", "-", "missing", reason))
            host.problems.append(f"{variable} names a plugin {name!r}, which is not installed{hint}")
    host.problems += _ignored_wishes(host)
    for problem in host.problems:
        log.warning("%s", problem)
    return host


def new_host(settings: Settings) -> Host:
    """Return a host without plugins."""
    host = Host(
        manager=pluggy.PluginManager(PROJECT),
        settings=settings,
        outputs=dict(BUILT_IN_FORMATS),
        required=frozenset(settings.plugins_require),
        isolated=frozenset(settings.plugins_isolate),
        order=settings.plugins_order,
    )
    for specs in (hookspecs, observer_hookspecs, setup_hookspecs):
        host.manager.add_hookspecs(specs)
    return host


def _named_plugins(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each plugin that a setting names, with the variable."""
    for field_name in ("plugins_require", "plugins_allow", "plugins_block", "plugins_order", "plugins_isolate"):
        yield from ((name, variables(field_name)[0]) for name in getattr(settings, field_name) or ())
    for hook in ENGINES:
        if name := settings.engine(hook):
            yield name, engine_variable(hook)


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
    return [file_candidate(file) for file in sorted(files) if not file.name.startswith("_") or file.parent != folder]


def file_candidate(file: Path) -> Candidate:
    """Return the plugin in a file `name.py` or `name/__init__.py`."""
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
