"""What a plugin prints and raises while it is checked, from the log."""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRINTED = "whisperx_worker.printed."


class PluginLog(logging.Handler):
    """Handler that keeps what a plugin prints, and the exceptions that are logged."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.printed: list[str] = []
        """Lines that it prints."""
        self.raised: list[BaseException] = []
        """Exceptions that were logged since the last `clear`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        if record.name.startswith(_PRINTED):
            self.printed.append(record.getMessage())
        elif record.exc_info and record.exc_info[1]:
            self.raised.append(record.exc_info[1])

    def explained(self, sentence: str) -> str:
        """Return a sentence for a client with what its author needs: the error's text and its place."""
        for error in self.raised:
            kind = type(error).__name__
            frames = traceback.extract_tb(error.__traceback__)
            place = f", {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
            sentence = sentence.replace(f"it raised {kind}", f"it raised {kind} ({error}{place})", 1)
        return sentence


@contextmanager
def watched_log(plugin: str) -> Iterator[PluginLog]:
    """Collect what a plugin prints and raises inside."""
    handler, logger, printed = PluginLog(), logging.getLogger("whisperx_worker"), logging.getLogger(_PRINTED + plugin)
    level = printed.level
    logger.addHandler(handler)
    printed.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        printed.setLevel(level)
