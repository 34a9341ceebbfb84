"""Loaded models, shared by all jobs of a process."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from whisperx_worker.deprecation import warn_renamed
from whisperx_worker.logs.job_log import events

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from contextlib import AbstractContextManager

    from whisperx_worker.types import Seconds

log = logging.getLogger(__name__)

T = TypeVar("T")


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
    """Start of one use of a model."""

    model: str
    """Its key as text."""
    cached: bool
    """Whether it was loaded already."""
    seconds: Seconds
    """How long that took: loading it, or waiting for another job that was loading it."""


def _ignore_use(_use: ModelUse) -> None:
    pass


@dataclass(eq=False)
class ModelCache:
    """Loaded models, each loaded once, shared by all jobs, and dropped under the memory budget when unused."""

    budget_mb: float = 0.0
    """0 is no limit."""
    on_use: Callable[[ModelUse], None] = _ignore_use
    on_borrowed: InitVar[Callable[[ModelUse], None] | None] = None
    """Deprecated name of `on_use`."""
    _entries: dict[Hashable, _Entry] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self, on_borrowed: Callable[[ModelUse], None] | None) -> None:
        if on_borrowed is not None:
            warn_renamed("ModelShelf(on_borrowed=)", "ModelCache(on_use=)", frames=3)
            self.on_use = on_borrowed

    def watched(self, on_use: Callable[[ModelUse], None]) -> ModelCache:
        """Return a view of the same models that calls `on_use` at each use."""
        return replace(self, on_use=on_use)

    @contextmanager
    def use(self, key: Hashable, load: Callable[[], T], size_mb: float = 0.0) -> Iterator[T]:
        """Use a model, loading it if it is not here. A model in use is not dropped.

        Args:
            key: Identity of the model: kind, folder, device, precision.
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
        """Return the keys of the loaded models."""
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
