"""One job as plugins see it: what was asked, what the worker has, and how to speak to the client.

A job never holds audio or text; those flow through the hooks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from whisperx_worker.errors import JobCancelledError, StrictError
from whisperx_worker.types import Seconds, Span, Warned

if TYPE_CHECKING:
    from whisperx_worker.models import ModelShelf
    from whisperx_worker.request import Request
    from whisperx_worker.settings import Settings

log = logging.getLogger(__name__)

OnProgress: TypeAlias = Callable[[str, float], None]
"""Gets the stage's name and the part of it that is done, in 0..1."""


def _nobody_watches(_stage: str, _fraction: float) -> None:
    pass


@dataclass(eq=False)
class Job:
    """What a hook gets beside its value. Safe to use from several threads at once."""

    id: str
    request: Request
    settings: Settings
    models: ModelShelf
    """Loaded models, shared between jobs."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Each plugin's validated options, by plugin name; a hook gets its own one as the argument `options`."""
    local: bool = False
    """Whether a person on this machine asks, who may name paths."""
    on_progress: OnProgress = _nobody_watches
    """Called by one thread at a time."""
    timings: dict[str, Seconds] = field(default_factory=dict)
    """Wall-clock seconds by stage, named `<stage>_s`."""
    notes: dict[str, object] = field(default_factory=dict)
    """What a job that asks for `debug` is told besides the timings. Values must be JSON."""
    _warnings: list[Warned] = field(default_factory=list)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _reporting: threading.RLock = field(default_factory=threading.RLock)

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """All that was said through `warn`, in order."""
        return tuple(self._warnings)

    def warn(self, message: str, span: Span | None = None) -> None:
        """Tell the client something: what and why, in one sentence, and where in the recording.

        Raises:
            StrictError: When the job asked for `strict`.
        """
        warned = Warned(message, span)
        log.warning("%s", warned)
        if self.request.strict:
            raise StrictError(f"strict: {warned}")
        self._warnings.append(warned)

    def progress(self, stage: str, fraction: float) -> None:
        """Report how far a stage is, and stop here if the job was cancelled. Call it once per batch.

        Raises:
            JobCancelledError: When nobody wants the job any more, or a stage that runs beside this one failed it.
        """
        self.stop_if_cancelled()
        with self._reporting:
            self.on_progress(stage, min(1.0, max(0.0, fraction)))

    def stop_if_cancelled(self) -> None:
        """What `progress` does, for a place that does not know how far the stage is.

        Raises:
            JobCancelledError: As `progress` does.
        """
        if self._cancelled.is_set():
            raise JobCancelledError("the job was cancelled")

    def cancel(self) -> None:
        """Make the next `progress` call raise."""
        self._cancelled.set()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside, and report its beginning and its end."""
        self.progress(name, 0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.timings[f"{name}_s"] = round(time.perf_counter() - began, 3)
        self.progress(name, 1.0)
