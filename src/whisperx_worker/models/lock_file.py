"""Lock file of a models folder: revisions, sizes and checksums of its models.

It is the record that folders are compared with, and, copied into the models folder of the next build, it pins that
build to the same revisions.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path  # noqa: TC003  pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from whisperx_worker.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "models.lock.json"

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class LockedFile:
    """Size and checksum of one file at a revision, from the hub."""

    size: int
    """Bytes."""
    sha256: str | None = None
    """Of its content, for large files; the hub gives the other sum for small ones."""
    git_sha1: str | None = None
    """Of its content as a git blob."""


@dataclass(frozen=True)
class LockedModel:
    """One model of the folder."""

    hub_id: str
    """Or the URL of its only file, where it is not on the hub."""
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")]
    """The commit; empty where there is none."""
    files: dict[str, LockedFile]
    """By their path in the model's folder."""


_MODELS = TypeAdapter(dict[str, LockedModel])


def read_lock(models: Path) -> dict[str, LockedModel]:
    """Return the locked models of a models folder by name; empty without a lock file.

    Raises:
        ModelNotFoundError: When the file cannot be read.
    """
    try:
        return _MODELS.validate_json((models / NAME).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError):
        raise ModelNotFoundError(f"{models / NAME} cannot be read; without it nothing is pinned or compared") from None


def write_lock(models: Path, locked: Mapping[str, LockedModel]) -> None:
    """Write the lock file atomically."""
    part = models / f".{NAME}.{os.getpid()}.part"
    try:
        content = _MODELS.dump_json(dict(sorted(locked.items())), indent=2, exclude_none=True)
        part.write_bytes(content + b"\n")
        part.replace(models / NAME)
    finally:
        part.unlink(missing_ok=True)


def faults(folder: Path, locked: LockedModel, *, every_byte: bool) -> list[str]:
    """Return differences between a folder and its locked model.

    Args:
        folder: The model's.
        locked: What it must be.
        every_byte: Whether to compare checksums too, which reads everything; else sizes only.
    """
    found = []
    for name, file in locked.files.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is not there")
        elif (size := path.stat().st_size) < file.size:
            found.append(f"{name} is cut off: {size} of {file.size} bytes")
        elif size != file.size or (every_byte and not _is_whole(path, file)):
            found.append(f"{name} is not the file that the hub has")
    return found


def _is_whole(path: Path, file: LockedFile) -> bool:
    if file.sha256:
        return _digest(path, hashlib.sha256()) == file.sha256
    if file.git_sha1:
        blob = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
        return _digest(path, blob) == file.git_sha1
    return True


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
