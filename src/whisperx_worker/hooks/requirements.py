"""What plugins say that they will load: models, the files that each must have, and the libraries that read them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.engine_choice import ENGINES, default_engine
from whisperx_worker.models.requirement import ModelRequirement
from whisperx_worker.runtime.import_order import import_in_turn

if TYPE_CHECKING:
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host

log = logging.getLogger(__name__)


def required_models(host: Host, settings: Settings) -> list[ModelRequirement]:
    """The models of all active plugins that are not only on request; recognition first."""
    return [need for need in registered_models(host, settings) if not need.on_request]


def registered_models(host: Host, settings: Settings, plugin: str | None = None) -> list[ModelRequirement]:
    """The models of all active plugins, or of one; those of engines that are not chosen left out; recognition first."""
    found: list[ModelRequirement] = []
    for implementation in host.implementations("register_models"):
        if plugin not in {None, implementation.plugin_name}:
            continue
        try:
            answer: Any = implementation.function(*[settings for _ in implementation.argnames])
            said = list(answer or ())
            if wrong := [need for need in said if not isinstance(need, ModelRequirement)]:
                raise PluginError(f"{wrong[0]!r} is no ModelRequirement")  # noqa: TRY301
        except (Exception, SystemExit):
            log.exception("plugin %s failed in register_models", implementation.plugin_name)
            continue
        found += [need for need in said if plugin or _is_used(host, need, implementation.plugin_name, settings)]
    order = {step: place for place, step in enumerate(ENGINES)}
    return sorted(found, key=lambda need: order.get(need.step, len(order)))


def import_libraries(host: Host, plugin: str, settings: Settings) -> None:
    """Import what the models of a plugin need, when no other thread does such a thing."""
    for need in registered_models(host, settings, plugin):
        import_in_turn(need.imports or need.libraries)


def _is_used(host: Host, need: ModelRequirement, plugin: str, settings: Settings) -> bool:
    try:
        return need.step not in ENGINES or default_engine(host, need.step, settings).plugin_name == plugin
    except PluginError:  # nobody can be chosen, which is a finding of its own
        return True
