"""Model that a plugin loads: its files, libraries and revision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker.models import registry
from whisperx_worker.models.hub import hub_is_forbidden
from whisperx_worker.models.locate import allowed_revision, locate_model

if TYPE_CHECKING:
    from pathlib import Path

    from whisperx_worker.contract.settings import Settings


@dataclass(frozen=True)
class ModelRequirement:
    """Model that a plugin loads, as `register_models` returns it."""

    name: str
    """As `find_model` takes it: a folder's name, `org/name` of the hub, or a path."""
    step: str
    """The hook that it is for."""
    files: tuple[str, ...] = ()
    """Files without which it cannot be loaded; `a|b` is either, the first one preferred."""
    libraries: tuple[str, ...] = ()
    """Modules that must be importable."""
    unused: tuple[str, ...] = ()
    """Patterns of files on the hub that no code reads, such as weights for other libraries."""
    optional: tuple[str, ...] = ()
    """Files that such models have, but that the plugin can replace."""
    imports: tuple[str, ...] = ()
    """Modules that its first use imports; else the libraries.

    The worker imports them before that, in this order, one thread at a time; `module:function` is called in its turn.
    """
    gpu_setup: tuple[str, ...] = ()
    """What the plugin calls before it lets its libraries use a GPU, as `module:function`; `doctor` calls it too."""
    url: str | None = None
    """Where its only file is, of a model that is not on the hub."""
    folders: tuple[Path, ...] = ()
    """Other folders that its files may be in."""
    on_request: bool = False
    """Whether only a job that names it needs it: it is fetched by name, and not missed."""
    hub_id: str | None = None
    """Its id on the hub, where the name is a short one."""
    pinned_revision: str | None = None
    """Commit on the hub that is downloaded where no other is named; without it `main`."""

    def register(self) -> None:
        """Let `find_model` use this hub id and revision, everywhere in this process."""
        registry.register(self.name, self.hub_id, self.pinned_revision)

    def lacking(self, folder: Path) -> list[str]:
        """Return required files that a folder lacks or has empty."""
        return [file for file in self.files if not any(_has(folder / one) for one in file.split("|"))]

    def located(self, settings: Settings) -> Path | None:
        """Return the model's folder on this machine, or None."""
        others = (folder for folder in self.folders if not self.lacking(folder))
        return locate_model(self.name, settings) or next(others, None)

    def revision(self, settings: Settings) -> str | None:
        """Return the revision that may be downloaded: empty without revisions, None where not allowed."""
        if self.url:
            return "" if {self.name, "*"} & set(settings.hub_models) else None
        return None if hub_is_forbidden() else allowed_revision(registry.hub_id_of(self.name), settings)


def _has(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
