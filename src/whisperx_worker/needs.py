"""What plugins say that they will load: models, the files that each must have, and the libraries that read them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import PluginError
from whisperx_worker.imports import import_in_turn
from whisperx_worker.models import HUB_IDS, allowed_revision, hub_is_forbidden, locate_model
from whisperx_worker.stages import ENGINES, chosen

if TYPE_CHECKING:
    from pathlib import Path

    from whisperx_worker.host import Host
    from whisperx_worker.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelRequirement:
    """A model that a plugin loads, as `register_models` tells it."""

    name: str
    """As `find_model` takes it: a folder's name, `org/name` of the hub, or a path."""
    step: str
    """The hook that it is for."""
    files: tuple[str, ...] = ()
    """Files without which it cannot be loaded; `a|b` is either, the first one preferred."""
    libraries: tuple[str, ...] = ()
    """Modules that must be importable."""
    unused: tuple[str, ...] = ()
    """Patterns of files on the hub that nobody here reads, such as weights for other libraries."""
    optional: tuple[str, ...] = ()
    """Files that such models have, but whose place the plugin fills by itself."""
    imports: tuple[str, ...] = ()
    """Modules that its first use imports; else the libraries. The worker imports them before that, in this order, one
    thread at a time; `module:function` is called in its turn."""
    gpu_setup: tuple[str, ...] = ()
    """What the plugin calls before it lets its libraries use a GPU, as `module:function`; `doctor` calls it too."""
    url: str | None = None
    """Where its only file is, of a model that is not on the hub."""
    folders: tuple[Path, ...] = ()
    """Other folders that its files may be in."""
    on_request: bool = False
    """Whether only a job that names it needs it: it is fetched by name, and not missed."""

    def lacking(self, folder: Path) -> list[str]:
        """Files that a folder does not have, or has empty."""
        return [file for file in self.files if not any(_has(folder / one) for one in file.split("|"))]

    def located(self, settings: Settings) -> Path | None:
        """The folder that it is in on this machine, or None."""
        others = (folder for folder in self.folders if not self.lacking(folder))
        return locate_model(self.name, settings) or next(others, None)

    def revision(self, settings: Settings) -> str | None:
        """The revision that the worker may download: empty of what has none, None where it may not."""
        if self.url:
            return "" if {self.name, "*"} & set(settings.hub_models) else None
        return None if hub_is_forbidden() else allowed_revision(HUB_IDS.get(self.name, self.name), settings)


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
        return need.step not in ENGINES or chosen(host, need.step, settings).plugin_name == plugin
    except PluginError:  # nobody can be chosen, which is a finding of its own
        return True


def _has(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
