"""Log of the worker, and in it the lines of each job; secrets are masked before writing."""

from __future__ import annotations

import json
import logging
import sys
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

from whisperx_worker.logs import redaction

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

_MAX_LOG_BYTES = 20_000_000
_MAX_TAIL_LINE = 2_000
PLAIN_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
"""Fields of every record; further ones come from `extra`."""
_tail: ContextVar[JobTail | None] = ContextVar("whisperx_worker_job_tail", default=None)

PRINTED = "whisperx_worker.printed"
"""Parent of the loggers of what plugins print."""

events = logging.getLogger("whisperx_worker.events")
"""Logger of countable events, with numbers as `extra`; not in a job's tail."""


class JobTail:
    """The last lines that one job logged."""

    def __init__(self, job_id: str, lines: int) -> None:
        self.job_id = job_id
        self.is_closed = False
        """Whether it takes lines of the worker and its own plugins alone: others may log what people say."""
        self._lines: deque[str] = deque(maxlen=lines)

    def add(self, text: str) -> None:
        """Add a message's lines, and drop the oldest ones when there are too many."""
        for line in text.splitlines():
            self._lines.append(line if len(line) <= _MAX_TAIL_LINE else f"{line[:_MAX_TAIL_LINE]}…")

    @property
    def text(self) -> str:
        """The lines, oldest first."""
        return "\n".join(tuple(self._lines))


@contextmanager
def recorded(job_id: str, secrets: Iterable[str], lines: int) -> Iterator[JobTail]:
    """Collect the lines that this thread, and threads with a copy of its context, log inside.

    Args:
        job_id: Prefix of the job's lines in the log.
        secrets: Strings that are masked in the lines of every job until this job has ended.
        lines: How many lines to keep.
    """
    tail = JobTail(job_id, lines)
    with redaction.hidden(secrets):
        token = _tail.set(tail)
        try:
            yield tail
        finally:
            _tail.reset(token)


def _message(record: logging.LogRecord) -> str:
    """Return a record's text, also when its arguments do not fit, so that no job fails for it."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  an argument's __str__ may raise anything
        return f"{record.msg!r} (logged with arguments that do not fit)"


class _Text(logging.Formatter):
    """Formatter of text lines with tracebacks; everything but time and origin is masked."""

    def format(self, record: logging.LogRecord) -> str:
        tail = _tail.get()
        job = f"[{tail.job_id}] " if tail else ""
        parts = [_message(record), *self.trace(record)]
        return f"{self.formatTime(record)} {record.levelname} {job}{record.name}: " + redaction.mask("\n".join(parts))

    def trace(self, record: logging.LogRecord) -> list[str]:
        """Return the traceback and the stack of a record, if it has them."""
        raised = [self.formatException(record.exc_info)] if record.exc_info else []
        return raised + ([self.formatStack(record.stack_info)] if record.stack_info else [])


class _Json(_Text):
    """Formatter of one ASCII JSON object per line, with `extra` as keys and masked as text is."""

    def format(self, record: logging.LogRecord) -> str:
        tail = _tail.get()
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {"logger": record.name, "message": _message(record)}
        if tail:
            fields["job_id"] = tail.job_id
        if trace := self.trace(record):
            fields["traceback"] = "\n".join(trace)
        line = {"time": time.replace("+00:00", "Z"), "level": record.levelname}
        extra = {name: value for name, value in vars(record).items() if name not in PLAIN_FIELDS}
        fields |= {f"extra_{name}" if name in {*line, *fields} else name: value for name, value in extra.items()}
        return json.dumps(line | {name: _masked(value, name) for name, value in fields.items()})


def _masked(value: object, name: str) -> object:
    """Mask a value for JSON; one that raises becomes a note, so that no job fails for it."""
    try:
        return redaction.mask_data(value, name)
    except Exception:  # noqa: BLE001  as in _message
        return "(cannot be written)"


class _TailHandler(logging.Handler):
    """Handler that adds each record to the tail of its job, without traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        tail = _tail.get()
        if tail is None or self.formatter is None or record.name == events.name:
            return
        is_own = record.name.startswith("whisperx_worker") and not record.name.startswith(PRINTED)
        if is_own or not tail.is_closed:
            time = self.formatter.formatTime(record)
            tail.add(f"{time} {record.levelname} {redaction.for_client(_message(record))}")


def start_logging(log_file: Path | None, *, console: bool, log_format: Literal["text", "json"] = "text") -> None:
    """Send masked lines to the log file and the console, and each job's lines to its tail.

    Args:
        log_file: File for all lines; None writes no file.
        console: Whether lines also go to standard error.
        log_format: Format of lines in the file and on the console; tails stay text.

    Raises:
        OSError: When the file cannot be written.
    """
    from logging.handlers import RotatingFileHandler  # which brings sockets and pickle, and plugins' tests need no log

    handlers: list[logging.Handler] = [_TailHandler()]
    if log_file is not None:
        handlers.append(
            RotatingFileHandler(
                log_file, maxBytes=_MAX_LOG_BYTES, backupCount=1, encoding="utf-8", errors="backslashreplace"
            )
        )
    if console:
        handlers.append(logging.StreamHandler(sys.stderr))
    stop_logging()
    root = logging.getLogger()
    for handler in handlers:
        handler.setFormatter(_Json() if log_format == "json" else _Text())
        handler.whisperx_worker = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # Otherwise a full disk makes logging print the message, unmasked, to standard error.
    logging.raiseExceptions = False
    redaction.hide(redaction.secrets_of_environment())


def stop_logging() -> None:
    """Remove the handlers of `start_logging`."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "whisperx_worker", False)]:
        root.removeHandler(handler)
        handler.close()


def log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Log an exception of a thread; as `threading.excepthook`, which otherwise prints it unmasked."""
    if ended.exc_value is not None:
        log.error("the thread %s ended", ended.thread and ended.thread.name, exc_info=ended.exc_value)
