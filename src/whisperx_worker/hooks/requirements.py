"""Models that the plugins of a host register, and the libraries that they need."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.engine_choice import ENGINES, default_engine, default_recognition_steps
from whisperx_worker.hooks.plugin_failure import call_contained
from whisperx_worker.models.requirement import ModelRequirement
from whisperx_worker.runtime.import_order import import_in_turn

if TYPE_CHECKING:
    from pluggy import HookImpl

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host

log = logging.getLogger(__name__)

_ORDER = {step: place for place, step in enumerate(dict.fromkeys(("transcribe", *ENGINES)))}


def required_models(host: Host, settings: Settings) -> list[ModelRequirement]:
    """Return the models of all active plugins that are not only on request; recognition first."""
    return [need for need in registered_models(host, settings) if not need.on_request]


def registered_models(host: Host, settings: Settings) -> list[ModelRequirement]:
    """Return the models of all active plugins, without those of unused engines; recognition first.

    A model that several steps share is that of the first one in the order.
    """
    found = [
        need
        for plugin, needs in _requirements(host, settings).items()
        for need in needs
        if _is_used(host, need, plugin, settings)
    ]
    in_order = sorted(found, key=lambda need: _ORDER.get(need.step, len(_ORDER)))
    models = [replace(need, step="") for need in in_order]
    return [need for place, need in enumerate(in_order) if models[place] not in models[:place]]


def import_libraries(host: Host, plugin: str, settings: Settings) -> None:
    """Import the libraries that the models of a plugin need, one thread at a time, where it runs."""
    if plugin in host.isolated:
        return
    for need in _requirements(host, settings).get(plugin, ()):
        import_in_turn(need.imports or need.libraries)


def _requirements(host: Host, settings: Settings) -> dict[str, list[ModelRequirement]]:
    """Return the models that each plugin registers, and pin them; plugins are called once for the same settings."""
    if settings not in host.requirements:
        found: dict[str, list[ModelRequirement]] = {}
        for implementation in host.implementations("register_models"):
            try:
                found[implementation.plugin_name] = call_contained(_call, implementation, settings)
            except Exception:
                log.exception("plugin %s failed in register_models", implementation.plugin_name)
        for need in itertools.chain.from_iterable(found.values()):
            need.register()
        host.requirements[settings] = found
    return host.requirements[settings]


def _call(implementation: HookImpl, settings: Settings) -> list[ModelRequirement]:
    answer: Any = implementation.function(*[settings for _ in implementation.argnames])
    needs = list(answer or ())
    if wrong := [need for need in needs if not isinstance(need, ModelRequirement)]:
        raise PluginError(f"{wrong[0]!r} is no ModelRequirement")
    return needs


def _is_used(host: Host, need: ModelRequirement, plugin: str, settings: Settings) -> bool:
    if need.step in {"detect_speech", "identify_language"} - {*default_recognition_steps(host, settings)}:
        return False
    try:
        return need.step not in ENGINES or default_engine(host, need.step, settings).plugin_name == plugin
    except PluginError:  # no engine can be chosen, which is a finding of its own
        return True
