"""Time of a plugin's loading, and the import that took most of it."""

from __future__ import annotations

import importlib.abc
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from whisperx_worker.hooks.host import PluginRecord
    from whisperx_worker.types import Seconds

SLOW_LOAD_S: Seconds = 1.0
"""Load time from which a plugin is slow: commands and workers start that much later."""


@contextmanager
def measured_load() -> Iterator[LoadTime]:
    """Measure what this thread loads inside."""
    load, began_s = LoadTime(), time.perf_counter()
    sys.meta_path.insert(0, load)
    try:
        yield load
    finally:
        sys.meta_path.remove(load)
        load.seconds = time.perf_counter() - began_s


class LoadTime(importlib.abc.MetaPathFinder):
    """Duration of `measured_load`, and of the imports inside.

    Only the first import of a package takes time: what is imported already costs nothing, and is not seen.
    """

    def __init__(self) -> None:
        self.seconds: Seconds = 0.0
        """Duration of the body."""
        self._pairs: defaultdict[tuple[str, str], Seconds] = defaultdict(float)
        """Seconds by importing and imported top-level package; the body itself is ""."""
        self._running = [""]
        self._thread = threading.get_ident()

    def slowest_import(self, own: str) -> tuple[str, Seconds]:
        """Return the package that took longest with all that it imports, and its seconds; "" for none.

        Args:
            own: Top-level package of the plugin itself, of which only the imports count.
        """
        taken: defaultdict[str, Seconds] = defaultdict(float)
        for (importer, imported), seconds in self._pairs.items():
            if importer in {"", own} and imported != own:
                taken[imported] += seconds
        return max(taken.items(), key=lambda item: item[1], default=("", 0.0))

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that is measured."""
        if threading.get_ident() != self._thread:
            return None
        finders = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in finders)), None)
        if spec and isinstance(spec.loader, SourceFileLoader):
            self._measure(spec.loader, name.partition(".")[0])
        return spec

    def _measure(self, loader: SourceFileLoader, package: str) -> None:
        """Make a loader, which serves one module, note how long its module runs."""
        run = loader.exec_module

        def run_measured(module: ModuleType) -> None:
            importer, began_s = self._running[-1], time.perf_counter()
            self._running.append(package)
            try:
                run(module)
            finally:
                self._running.pop()
                self._pairs[importer, package] += time.perf_counter() - began_s

        loader.exec_module = run_measured  # type: ignore[method-assign]


def slow_load(record: PluginRecord) -> str:
    """Return what makes the load of a plugin slow, or "" where it is not."""
    if record.load_s < SLOW_LOAD_S:
        return ""
    text = f"it takes {record.load_s:.1f} s to load"
    if record.slowest_import_s < record.load_s / 2:
        return text
    return (
        f"{text}, {record.slowest_import_s:.1f} s of it for {record.slowest_import}: "
        "import that inside the function that needs it"
    )
