"""Folder of a model on this machine, or the revision that may be downloaded."""

from __future__ import annotations

import os
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.errors import ModelNotFoundError
from whisperx_worker.models.hub import MAIN, download_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from whisperx_worker.contract.settings import Settings

HUB_IDS = {"faster-whisper-large-v3-russian": "bzikst/faster-whisper-large-v3-russian"}
"""Hub ids of models that have a shorter name here."""

SHORT_NAMES = {hub_id: name for name, hub_id in HUB_IDS.items()}

PINNED_REVISIONS = {
    "jonatasgrosman/wav2vec2-large-xlsr-53-russian": "2329100508896c6d9b157019803ab5601e6f3406",
    "pyannote/speaker-diarization-community-1": "3533c8cf8e369892e6b79ff1bf80f7b0286a54ee",
    "speechbrain/spkrec-ecapa-voxceleb": "0f99f2d0ebe89ac095bcc5903c4dd8f72b367286",
}
"""The revision of the hub that is fetched where nobody names one; of a model that is not listed it is `main`, and what
`main` was is written down (see `preload`)."""

RUNPOD_HUB_CACHE = Path("/runpod-volume/huggingface-cache/hub")

RUNPOD_MODEL_CACHE = Path("/runpod/cache")


def find_model(name: str, settings: Settings, token: SecretStr | None = None) -> Path:
    """The folder of a model.

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
    hub_id = HUB_IDS.get(name, name)
    revision = allowed_revision(hub_id, settings)
    if revision is None:
        raise ModelNotFoundError(
            f"the model {name!r} is not on this worker, and it is not among the models that it may download "
            "(WHISPERX_WORKER_HUB_MODELS)"
        )
    return download_model(hub_id, revision, token or settings.hf_token)


def locate_model(name: str, settings: Settings) -> Path | None:
    """The folder of a model on this machine, found as `find_model` finds it; None where it is nowhere."""
    if Path(name).is_absolute() and Path(name).is_dir():
        return Path(name)
    return next((place for place in _places(name, settings) if place.is_dir() and any(place.iterdir())), None)


def shipped_models() -> Path:
    """The folder of the models that come with the package."""
    return Path(str(resources.files("whisperx_worker_models")))


def _places(name: str, settings: Settings) -> Iterator[Path]:
    yield settings.models / name
    yield settings.models / SHORT_NAMES.get(name, name)
    yield shipped_models() / name
    hub_id = HUB_IDS.get(name, name)
    cached = "models--" + hub_id.replace("/", "--")
    yield from _snapshots(RUNPOD_HUB_CACHE / cached)
    yield from sorted((RUNPOD_MODEL_CACHE / hub_id).glob("*"))
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.environ.get("HF_HOME", f"{caches}/huggingface")).expanduser()
    yield from _snapshots(Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / cached)


def _snapshots(cache: Path) -> list[Path]:
    """Whole snapshots of a model in a hub cache, the one that `main` points to first."""
    if any((cache / "blobs").glob("*.incomplete")):
        return []
    main = cache / "refs" / "main"
    wanted = main.read_text("utf-8").strip() if main.is_file() else ""
    return sorted((cache / "snapshots").glob("*"), key=lambda folder: (folder.name != wanted, folder.name))


def is_unpinned(name: str) -> bool:
    """Return whether nobody says which revision of a model of the hub is meant."""
    hub_id = HUB_IDS.get(name, name)
    return "/" in hub_id and hub_id not in PINNED_REVISIONS


def allowed_revision(hub_id: str, settings: Settings) -> str | None:
    """The revision to download, or None where the hub must not be asked."""
    for allowed in settings.hub_models:
        listed, _, revision = allowed.partition("@")
        if HUB_IDS.get(listed, listed) in {hub_id, "*"} and re.fullmatch(r"[\w.\-]+/[\w.\-]+", hub_id):
            return revision or PINNED_REVISIONS.get(hub_id, MAIN)
    return None


def folder_mb(folder: Path) -> float:
    """Size of a model's files, or of its only one, in megabytes: what the memory budget counts."""
    files = [folder, *folder.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6
