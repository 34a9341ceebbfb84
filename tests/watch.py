"""Looks at a folder while something runs in it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Watch(threading.Thread):
    """Reads every file below a folder again and again until `end`."""

    def __init__(self, folder: Path, is_wrong: Callable[[bytes], object]) -> None:
        super().__init__(daemon=True)
        self._folder, self._is_wrong, self._ending = folder, is_wrong, threading.Event()
        self.seen: set[str] = set()
        """Names of all files."""
        self.wrong: set[str] = set()
        """Names of those whose name or content is wrong."""
        self.open: set[str] = set()
        """What lay in its folder for temporary files and was open to others."""

    def run(self) -> None:
        while not self._ending.wait(0.01):
            # What is there now may be gone before it is read.
            with contextlib.suppress(OSError):
                for path in self._folder.rglob("*"):
                    with contextlib.suppress(OSError):
                        self._look(path)

    def _look(self, path: Path) -> None:
        if path.parent == self._folder / "tmp" and path.stat().st_mode & 0o077:
            self.open.add(path.name)
        if path.is_file():
            self.seen.add(path.name)
            if self._is_wrong(path.name.encode()) or self._is_wrong(path.read_bytes()):
                self.wrong.add(path.name)

    def end(self) -> None:
        self._ending.set()
        self.join()
