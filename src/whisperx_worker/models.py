"""A name becomes a folder, and a folder a loaded model that jobs share. Knows no model library."""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from whisperx_worker import machine
from whisperx_worker.deprecation import warn_renamed
from whisperx_worker.errors import DeviceError, GatedModelError, ModelNotFoundError, WorkerError
from whisperx_worker.failures import causes
from whisperx_worker.imports import import_in_turn
from whisperx_worker.joblog import events

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from contextlib import AbstractContextManager

    from pydantic import SecretStr

    from whisperx_worker.settings import Settings
    from whisperx_worker.types import Seconds

log = logging.getLogger(__name__)

T = TypeVar("T")

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

OFFLINE = "HF_HUB_OFFLINE"
_OFFLINE_TOO = "TRANSFORMERS_OFFLINE"
"""Both forbid the hub's client to ask the hub."""

MAIN = "main"
"""The revision of a model that nobody pinned: whatever the hub has at that time."""

RUNPOD_HUB_CACHE = Path("/runpod-volume/huggingface-cache/hub")
RUNPOD_MODEL_CACHE = Path("/runpod/cache")

NO_ROOM = {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS}


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
    return _download(hub_id, revision, token or settings.hf_token)


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


def forbid_hub_by_default(settings: Settings) -> None:
    """Keep every library of this process from the hub, where no model may be downloaded and nobody says otherwise.

    To be called before a plugin imports the hub's client, which reads the variable once.
    """
    if not settings.hub_models:
        os.environ.setdefault(OFFLINE, "1")


def hub_is_forbidden() -> bool:
    """Return whether the environment forbids the hub's client to ask the hub, as the client reads it."""
    return any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in (OFFLINE, _OFFLINE_TOO))


def _download(hub_id: str, revision: str, token: SecretStr | None) -> Path:
    import_in_turn(("huggingface_hub",))
    from huggingface_hub import snapshot_download

    log.info("downloading the model %s at %s", hub_id, revision)
    if revision == MAIN:
        log.warning("the revision of %s is not pinned, and may be another one next time", hub_id)
    with told_errors_of_the_hub(hub_id):
        return Path(snapshot_download(hub_id, revision=revision, token=token.get_secret_value() if token else False))


@contextmanager
def told_errors_of_the_hub(hub_id: str) -> Iterator[None]:
    """What the hub's client raises while a model is fetched becomes one sentence.

    Raises:
        GatedModelError: When the model is gated and the token does not open it.
        ModelNotFoundError: When it cannot be had for any other reason.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except WorkerError:
        raise
    except GatedRepoError:
        raise GatedModelError(f"the model {hub_id!r} is gated, and the token does not open it") from None
    except RepositoryNotFoundError:
        raise ModelNotFoundError(f"the hub has no model {hub_id!r}, or the token does not open it") from None
    except RevisionNotFoundError:
        raise ModelNotFoundError(f"the model {hub_id!r} has no such revision on the hub") from None
    except (HfHubHTTPError, OSError, ValueError, KeyError, RuntimeError) as error:
        if is_offline(error):
            raise ModelNotFoundError(f"the model {hub_id!r} could not be downloaded: {OFFLINE} is set") from None
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise ModelNotFoundError(f"the model {hub_id!r} could not be written: {error.strerror}") from None
        raise ModelNotFoundError(f"the model {hub_id!r} could not be downloaded ({type(error).__name__})") from None


def is_offline(error: BaseException) -> bool:
    """Return whether the hub's client was forbidden to ask the hub; downloads of several files say so by a cause."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    return any(isinstance(one, OfflineModeIsEnabled) for one in causes(error))


def torch_device(settings: Settings) -> Literal["cpu", "cuda"]:
    """Where torch models run.

    Raises:
        DeviceError: As `pick_device` does.
    """
    import torch

    return pick_device(settings, has_gpu=torch.cuda.is_available)


def pick_device(settings: Settings, has_gpu: Callable[[], bool]) -> Literal["cpu", "cuda"]:
    """Where models of a library run that says by `has_gpu` whether it can use a GPU.

    Raises:
        DeviceError: When the library cannot use a GPU, and the settings want one, or the machine has one that other
            libraries may use.
    """
    if settings.device == "cpu":
        return "cpu"
    if has_gpu():
        return "cuda"
    if settings.device == "cuda":
        raise DeviceError("models must run on the GPU, but there is none that can be used")
    if (driver := machine.known_driver()) and driver.gpus:
        raise DeviceError(
            "this machine has a GPU, but a library cannot use it; `whisperx-worker doctor` says more, and with "
            "WHISPERX_WORKER_DEVICE=cpu all models run on the CPU"
        )
    return "cpu"


def folder_mb(folder: Path) -> float:
    """Size of a model's files, or of its only one, in megabytes: what the memory budget counts."""
    files = [folder, *folder.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


@dataclass(eq=False)
class _Entry:
    """One loaded model."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    model: Any = None
    loaded: bool = False
    size_mb: float = 0.0
    users: int = 0
    last_used_s: float = 0.0


@dataclass(frozen=True)
class ModelUse:
    """A model that somebody began to use."""

    model: str
    """Its key as text."""
    cached: bool
    """Whether it was loaded already."""
    seconds: Seconds
    """How long that took: loading it, or waiting for another job that was loading it."""


def _ignore_use(_borrowed: ModelUse) -> None:
    pass


@dataclass(eq=False)
class ModelCache:
    """Loaded models, each loaded once, shared by all jobs, and let go under the memory budget when nobody uses it."""

    budget_mb: float = 0.0
    """0 is no limit."""
    on_use: Callable[[ModelUse], None] = _ignore_use
    _entries: dict[Hashable, _Entry] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watched(self, on_use: Callable[[ModelUse], None]) -> ModelCache:
        """The same models, for somebody who is told of each that is borrowed through it."""
        return replace(self, on_use=on_use)

    @contextmanager
    def use(self, key: Hashable, load: Callable[[], T], size_mb: float = 0.0) -> Iterator[T]:
        """Use a model, loading it if it is not here. While it is borrowed it is not let go.

        Args:
            key: What tells this model from every other: kind, folder, device, precision.
            load: Makes the model. Two jobs that want the same one wait for one loading.
            size_mb: What it counts in the memory budget.

        Yields:
            The model; others may be using it at the same time.
        """
        with self._lock:
            kept = self._entries.setdefault(key, _Entry(size_mb=size_mb))
            kept.users += 1
        try:
            self.on_use(self._loaded(key, kept, load))
            yield cast("T", kept.model)
        finally:
            with self._lock:
                kept.users -= 1
                kept.last_used_s = time.monotonic()
                if not kept.loaded and not kept.users:
                    self._entries.pop(key, None)

    def borrow(self, key: Hashable, load: Callable[[], T], size_mb: float = 0.0) -> AbstractContextManager[T]:
        """Call `use`. Deprecated name."""
        warn_renamed("ModelShelf.borrow", "ModelCache.use")
        return self.use(key, load, size_mb)

    def _loaded(self, key: Hashable, kept: _Entry, load: Callable[[], object]) -> ModelUse:
        """Load a model, or find it loaded; both are events of the log."""
        began_s = time.perf_counter()
        model = " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
        with kept.lock:
            cached = kept.loaded
            if not cached:
                self._make_room()
                began_s = time.perf_counter()
                kept.model = load()
                kept.loaded = True
            seconds = round(time.perf_counter() - began_s, 3)
        fields = {"event": "model_borrowed", "model": model, "cached": cached, "seconds": seconds}
        if cached:
            events.info("%s was there", key, extra=fields)
        else:
            log.info("loaded %s in %.2f s", key, seconds, extra=fields)
        return ModelUse(model, cached, seconds)

    def loaded(self) -> list[Hashable]:
        """Keys of the models that are here."""
        with self._lock:
            return [key for key, kept in self._entries.items() if kept.loaded]

    def _make_room(self) -> None:
        if not self.budget_mb:
            return
        with self._lock:
            # What is being loaded counts as well, the newcomer too.
            used = sum(kept.size_mb for kept in self._entries.values())
            idle = [(key, kept) for key, kept in self._entries.items() if kept.loaded and not kept.users]
            for key, kept in sorted(idle, key=lambda item: item[1].last_used_s):
                if used <= self.budget_mb:
                    break
                del self._entries[key]
                used -= kept.size_mb
                log.info("let go of %s", key)
