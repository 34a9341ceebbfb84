"""Preloading of models into the models folder, with every byte checked against the hub.

A model is fetched at the revision that is named (`org/name@revision`), else at the one in the folder's lock file, else
at the one that a plugin pins, else at what `main` is now. The commit is written into the lock file, so
that the next run fetches the same one. What was copied here by hand is compared, and never touched.
"""

from __future__ import annotations

import functools
import logging
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Literal

from whisperx_worker.contract.fields import is_model_name
from whisperx_worker.errors import BadInputError, GatedModelError, ModelNotFoundError, WorkerError
from whisperx_worker.models.download import fetch_url, patiently
from whisperx_worker.models.hub import MAIN, translate_hub_errors
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.models.lock_file import LockedFile, LockedModel, faults, read_lock, write_lock
from whisperx_worker.models.registry import hub_id_of, pinned_revision, short_name_of
from whisperx_worker.models.requirement import ModelRequirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pydantic import SecretStr

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """Model to preload."""

    need: ModelRequirement
    revision: str | None = None
    """Requested revision."""
    by_name: bool = False
    """Whether this model was requested by name: then a gated one that stays closed is a failure."""


@dataclass(frozen=True)
class Preloaded:
    """Result of preloading one model."""

    name: str
    state: Literal["downloaded", "already whole", "not compared", "shipped", "left out", "failed"]
    revision: str = ""
    """The commit, where it is known."""
    why: str = ""
    """One sentence, where it is not simply there."""


def wanted_models(needs: Sequence[ModelRequirement], names: Sequence[str]) -> list[Wanted]:
    """Return the models to preload: those named, or without names all that plugins require.

    Raises:
        BadInputError: When one is no name of a model.
    """
    known = {need.name: need for need in needs}
    wanted = []
    for text in names:
        name, _, revision = text.partition("@")
        if not is_model_name(name) or text.endswith("@"):
            raise BadInputError(f"--models must name models as name, org/name or org/name@revision, not {text!r}")
        name = short_name_of(name)
        wanted.append(Wanted(known.get(name, ModelRequirement(name, "")), revision or None, by_name=True))
    return wanted if names else [Wanted(need) for need in known.values() if not need.on_request]


def preload(wanted: Sequence[Wanted], models: Path, token: SecretStr | None) -> Iterator[Preloaded]:
    """Preload models, one after the other.

    Args:
        wanted: Models to preload.
        models: The folder for them, which is made if need be.
        token: For gated models.

    Yields:
        The result of each. A failure leaves nothing of its download behind.

    Raises:
        WorkerError: Before anything is fetched, when the folder or its lock file cannot be used.
    """
    try:
        models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkerError(f"{models} cannot be the folder of models: {error.strerror}") from None
    read_lock(models)
    for one in wanted:
        try:
            yield _preload_one(one, models, token)
        except GatedModelError as error:
            yield Preloaded(one.need.name, "failed" if one.by_name else "left out", why=str(error))
        except WorkerError as error:
            yield Preloaded(one.need.name, "failed", why=str(error))


def _preload_one(wanted: Wanted, models: Path, token: SecretStr | None) -> Preloaded:
    """Preload one model, unless it is here.

    Raises:
        GatedModelError: When the token does not open it.
        ModelNotFoundError: When it cannot be had, or what is here is not it.
    """
    name = wanted.need.name
    if wanted.need.url:
        return _preload_file(wanted, wanted.need.url, models)
    folder, before = models / name, read_lock(models).get(name)
    here = folder.is_dir() and any(folder.iterdir())
    if before and here and (wanted.revision or before.revision) == before.revision:
        if not faults(folder, before, every_byte=True):
            return Preloaded(name, "already whole", before.revision)
    elif not here and not wanted.revision and (shipped_models() / name).is_dir():
        return Preloaded(name, "shipped")
    pinned = wanted.revision or (before.revision if before else None) or pinned_revision(name)
    try:
        at_hub = _ask(wanted.need, pinned or MAIN, token)
    except ModelNotFoundError as error:
        if not here or before or wanted.revision or wanted.need.lacking(folder):
            raise
        return Preloaded(name, "not compared", why=f"it was put here by hand, and {error}")
    wrong = faults(folder, at_hub, every_byte=True) if here else ["it is not here"]
    if wrong and here and not before:
        raise ModelNotFoundError(
            f"the model {name!r} was put here by hand and is not the one of the hub at {at_hub.revision[:12]}: "
            f"{wrong[0]}; remove its folder to have it downloaded"
        )
    if wrong:
        _download(name, at_hub, models, token)
    write_lock(models, {**read_lock(models), name: at_hub})
    return Preloaded(name, "downloaded" if wrong else "already whole", at_hub.revision)


def _preload_file(wanted: Wanted, url: str, models: Path) -> Preloaded:
    """Preload a model of one file that is not on the hub.

    Its first content is written down, and must stay the same.

    Raises:
        ModelNotFoundError: When it cannot be had, or is another one than before.
    """
    name, file = wanted.need.name, url.rpartition("/")[2]
    if wanted.revision:
        raise ModelNotFoundError(f"the model {name!r} has no revisions")
    folder, before = models / name, read_lock(models).get(name)
    if (folder / file).is_file():
        if before is None:
            return Preloaded(name, "not compared", why="it was put here by hand, and nobody publishes its checksum")
        if not faults(folder, before, every_byte=True):
            return Preloaded(name, "already whole")
    stage = models / f".{name}.part"
    try:
        stage.mkdir(exist_ok=True)
        log.info("downloading the model %s from %s", name, url)
        fetched = LockedModel(url, "", {file: fetch_url(url, stage / file)})
        if before and before != fetched:
            raise ModelNotFoundError(f"the model {name!r} is another one at {url} than was fetched before")
        _put(stage, folder)
    except OSError as error:
        raise ModelNotFoundError(f"the model {name!r} could not be written: {error.strerror}") from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    write_lock(models, {**read_lock(models), name: fetched})
    return Preloaded(name, "downloaded")


def _ask(need: ModelRequirement, revision: str, token: SecretStr | None) -> LockedModel:
    """Return files and commit of a model on the hub, without its unused files.

    Raises:
        GatedModelError: When the token does not open it.
        ModelNotFoundError: When the hub cannot be asked, or has something else.
    """
    from huggingface_hub import HfApi

    hub_id = hub_id_of(need.name)
    if "/" not in hub_id:
        raise ModelNotFoundError(f"the model {need.name!r} is not on the hub under this name; it must be org/name")
    with translate_hub_errors(hub_id):
        ask = functools.partial(HfApi().model_info, hub_id, revision=revision, files_metadata=True, token=_plain(token))
        info = patiently(ask)
    if info.sha is None:
        raise ModelNotFoundError(f"the hub does not say which revision of {hub_id!r} it has")
    files = {
        file.rfilename: LockedFile(file.size or 0, file.lfs.sha256 if file.lfs else None, file.blob_id)
        for file in info.siblings or ()
    }
    unused = list(need.unused)
    for group in need.files:
        alternatives = [one for one in group.split("|") if one in files]
        if not alternatives:
            raise ModelNotFoundError(f"the model {hub_id!r} has no {group.replace('|', ' or ')} at {info.sha[:12]}")
        unused += alternatives[1:]
    kept = {name: file for name, file in files.items() if not any(fnmatch(name, pattern) for pattern in unused)}
    return LockedModel(hub_id, info.sha, kept)


def _download(name: str, at_hub: LockedModel, models: Path, token: SecretStr | None) -> None:
    """Download a model into a temporary folder, check every byte, and move it into place.

    A process that was killed leaves its part of the download, which the next run goes on with.

    Raises:
        GatedModelError: When the token does not open it.
        ModelNotFoundError: When it cannot be had whole.
    """
    stage = models / f".{name.replace('/', '--')}.{at_hub.revision[:12]}.part"
    try:
        with translate_hub_errors(at_hub.hub_id):
            stage.mkdir(exist_ok=True)
            _refuse_small_disk(at_hub, stage)
            log.info("downloading the model %s at %s", at_hub.hub_id, at_hub.revision)
            patiently(functools.partial(_fetch, at_hub, stage, token))
            if wrong := faults(stage, at_hub, every_byte=True):
                raise ModelNotFoundError(f"the model {at_hub.hub_id!r} did not arrive whole: {wrong[0]}")
            shutil.rmtree(stage / ".cache", ignore_errors=True)
            _put(stage, models / name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _fetch(at_hub: LockedModel, stage: Path, token: SecretStr | None) -> None:
    """Download the missing files of a model once."""
    import requests
    from huggingface_hub import snapshot_download

    snapshot_download(
        at_hub.hub_id,
        revision=at_hub.revision,
        local_dir=stage,
        allow_patterns=list(at_hub.files),
        token=_plain(token),
    )
    # Where it cannot ask for the list of files, it takes what an earlier try left for the whole.
    if missing := [name for name in at_hub.files if not (stage / name).is_file()]:
        raise requests.ConnectionError(f"{missing[0]} was not fetched")


def _put(stage: Path, folder: Path) -> None:
    """Replace a folder by a complete one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = stage.with_suffix(".old")
    if folder.exists():
        folder.rename(old)
    stage.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _refuse_small_disk(at_hub: LockedModel, stage: Path) -> None:
    missing = sum(file.size for file in at_hub.files.values())
    missing -= sum(file.stat().st_size for file in stage.rglob("*") if file.is_file())
    free = shutil.disk_usage(stage).free
    if missing > free:
        raise ModelNotFoundError(
            f"the model {at_hub.hub_id!r} needs {missing / 1e6:,.0f} MB, and the disk has {free / 1e6:,.0f} MB left"
        )


def _plain(token: SecretStr | None) -> str | Literal[False]:
    return token.get_secret_value() if token else False
