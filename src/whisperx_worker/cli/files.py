"""Files and folders that commands write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from whisperx_worker.errors import WorkerError

if TYPE_CHECKING:
    from pathlib import Path


def make_folder(folder: Path, content: str = "results") -> None:
    """Make a folder for files, before any work is done for them.

    Raises:
        WorkerError: When it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkerError(f"{folder} cannot be a folder for {content}: {error.strerror}") from None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file atomically: the old one stays until the new one is complete.

    Raises:
        WorkerError: When it cannot be written.
    """
    try:
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise WorkerError(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {path}", err=True)
