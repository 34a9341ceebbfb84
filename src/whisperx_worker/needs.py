"""What plugins say that they will load: models, the files that each must have, and the libraries that read them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import PluginError
from whisperx_worker.stages import ENGINES, chosen

if TYPE_CHECKING:
    from pathlib import Path

    from whisperx_worker.host import Host
    from whisperx_worker.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NeededModel:
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

    def lacking(self, folder: Path) -> list[str]:
        """Files that a folder does not have, or has empty."""
        return [file for file in self.files if not any(_has(folder / one) for one in file.split("|"))]


def needed_models(host: Host, settings: Settings) -> list[NeededModel]:
    """The models of all active plugins, those of engines that are not chosen left out; recognition first."""
    found: list[NeededModel] = []
    for implementation in host.implementations("register_models"):
        try:
            answer: Any = implementation.function(*[settings for _ in implementation.argnames])
            said = list(answer or ())
            if wrong := [need for need in said if not isinstance(need, NeededModel)]:
                raise PluginError(f"{wrong[0]!r} is no NeededModel")  # noqa: TRY301
        except (Exception, SystemExit):
            log.exception("plugin %s failed in register_models", implementation.plugin_name)
            continue
        found += [need for need in said if _is_used(host, need, implementation.plugin_name, settings)]
    order = {step: place for place, step in enumerate(ENGINES)}
    return sorted(found, key=lambda need: order.get(need.step, len(order)))


def _is_used(host: Host, need: NeededModel, plugin: str, settings: Settings) -> bool:
    try:
        return need.step not in ENGINES or chosen(host, need.step, settings).plugin_name == plugin
    except PluginError:  # nobody can be chosen, which is a finding of its own
        return True


def _has(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
