"""What plugins print, sent to the log: standard output belongs to results."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO

from whisperx_worker.logs.job_log import PRINTED

if TYPE_CHECKING:
    from collections.abc import Iterator

_plugin: ContextVar[str | None] = ContextVar("whisperx_worker_plugin", default=None)
"""Plugin that runs."""


@contextmanager
def printing_to_log(plugin: str) -> Iterator[None]:
    """Send what this thread, or one with a copy of its context, prints inside to the log."""
    token = _plugin.set(plugin)
    if not isinstance(sys.stdout, _Output):
        sys.stdout = _Output(sys.stdout)
    try:
        yield
    finally:
        _plugin.reset(token)


class _Output:
    """Standard output that logs what a plugin writes, and hands on everything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, or log its lines where a plugin prints it."""
        plugin = _plugin.get()
        if plugin is None:
            return self._stream.write(text)
        for line in filter(None, map(str.rstrip, text.splitlines())):
            logging.getLogger(f"{PRINTED}.{plugin}").info("%s", line)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
