"""Folder of a model on this machine, or the revision that may be downloaded."""

from __future__ import annotations

import errno
import os
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.errors import ModelNotFoundError
from whisperx_worker.models.hub import MAIN, download_model
from whisperx_worker.models.registry import hub_id_of, pinned_revision, short_name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from whisperx_worker.contract.settings import Settings

RUNPOD_HUB_CACHE = Path("/runpod-volume/huggingface-cache/hub")

RUNPOD_MODEL_CACHE = Path("/runpod/cache")


def find_model(name: str, settings: Settings, token: SecretStr | None = None) -> Path:
    """Return the folder of a model; download it where the settings allow that.

    Looked for in this order: a path, the models folder, the models shipped with the package, RunPod's caches, the
    Hugging Face cache, and the hub where the settings allow this model.

    Args:
        name: An absolute path, a folder's name, or `org/name` of the hub.
        settings: For the models folder and what may be downloaded.
        token: For a gated model.

    Raises:
        ModelNotFoundError: When it is nowhere, or the hub refuses it.
    """
    if (folder := locate_model(name, settings)) is not None:
        return folder
    hub_id = hub_id_of(name)
    revision = allowed_revision(hub_id, settings)
    if revision is None:
        raise ModelNotFoundError(
            f"the model {name!r} is not on this worker, and it is not among the models that it may download "
            "(WHISPERX_WORKER_HUB_MODELS)"
        )
    return download_model(hub_id, revision, token or settings.hf_token)


def locate_model(name: str, settings: Settings) -> Path | None:
    """Return the folder of a model on this machine, or None; the order is that of `find_model`."""
    try:
        if Path(name).is_absolute() and Path(name).is_dir():
            return Path(name)
        return next((place for place in _places(name, settings) if place.is_dir() and any(place.iterdir())), None)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return None


def shipped_models() -> Path:
    """Return the folder of the models in the package."""
    return Path(str(resources.files("whisperx_worker_models")))


def _places(name: str, settings: Settings) -> Iterator[Path]:
    yield settings.models / name
    yield settings.models / short_name_of(name)
    yield shipped_models() / name
    hub_id = hub_id_of(name)
    cached = "models--" + hub_id.replace("/", "--")
    yield from _snapshots(RUNPOD_HUB_CACHE / cached)
    yield from sorted((RUNPOD_MODEL_CACHE / hub_id).glob("*"))
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.environ.get("HF_HOME", f"{caches}/huggingface")).expanduser()
    yield from _snapshots(Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / cached)


def _snapshots(cache: Path) -> list[Path]:
    """Return complete snapshots of a model in a hub cache, the one of `main` first."""
    if any((cache / "blobs").glob("*.incomplete")):
        return []
    main = cache / "refs" / "main"
    wanted = main.read_text("utf-8").strip() if main.is_file() else ""
    return sorted((cache / "snapshots").glob("*"), key=lambda folder: (folder.name != wanted, folder.name))


def is_unpinned(name: str) -> bool:
    """Return whether a model of the hub has no pinned revision."""
    hub_id = hub_id_of(name)
    return "/" in hub_id and pinned_revision(hub_id) is None


def allowed_revision(hub_id: str, settings: Settings) -> str | None:
    """Return the revision to download, or None where the settings do not allow the model."""
    for allowed in settings.hub_models:
        listed, _, revision = allowed.partition("@")
        if hub_id_of(listed) in {hub_id, "*"} and re.fullmatch(r"[\w.\-]+/[\w.\-]+", hub_id):
            return revision or pinned_revision(hub_id) or MAIN
    return None


def folder_mb(folder: Path) -> float:
    """Return the size in megabytes of a model's folder or file, as the memory budget counts it."""
    files = [folder, *folder.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6
