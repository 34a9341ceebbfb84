"""Files of a job's temporary folder, with a full disk as one error."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.errors import NO_ROOM, FetchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def new_file(folder: Path) -> Iterator[tuple[Path, int]]:
    """Create a file, yield its path and descriptor, and delete it when the body raises."""
    descriptor, name = tempfile.mkstemp(prefix="audio-", dir=folder)
    path = Path(name)
    try:
        yield path, descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_writer(descriptor: int) -> Iterator[Callable[[bytes], object]]:
    """Yield a function that writes to an open descriptor, which stays open."""

    def write(content: bytes) -> None:
        try:
            written = file.write(content)
        except OSError:
            written = None
        if written != len(content):  # a disk that is nearly full takes a part
            raise FetchError(NO_ROOM)

    # Unbuffered, so that a full disk shows in `write` and not when the file is closed.
    with os.fdopen(os.dup(descriptor), "wb", buffering=0) as file:
        yield write
