"""One log for the worker, and in it each job's own lines, with secrets masked before anything is written."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections import Counter, deque
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_LINE = "%(asctime)s %(levelname)s %(job)s%(name)s: %(message)s"
_MAX_LOG_BYTES = 20_000_000
_SHORTEST_SECRET = 4

_PATTERNS = (
    (re.compile(r"\b(hf|rpa|sk|ghp)_[A-Za-z0-9]{6,}"), r"\1_***"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{6,}"), r"\1 ***"),
    (re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://)[^/\s@\"'<>]+@"), r"\1***@"),
    (re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://[^\s\"'<>?#]*)[?#][^\s\"'<>]*"), r"\1?***"),
    (
        re.compile(
            r"(?i)([\w\-]*(?:token|api_?key|secret|passw(?:or)?d|signature|credential|x-amz-[\w\-]+)[\"']?\s*[=:]\s*[\"']?)"
            r"[^\s\"'&,;)}\]]{3,}"
        ),
        r"\1***",
    ),
    (re.compile(r"data:[\w/+.\-]*;base64,[A-Za-z0-9+/=]+"), "data:***"),
)
_SECRET_VARIABLE = re.compile(r"TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY")
_PATH = re.compile(r"(?<![\w:/.])/(?:[\w.@+\-]+/)+([\w.@+\-]*)")

_tail: ContextVar[JobTail | None] = ContextVar("whisperx_worker_job_tail", default=None)
_known: Counter[str] = Counter()
_known_lock = threading.Lock()


class JobTail:
    """The last lines that one job logged."""

    def __init__(self, job_id: str, lines: int) -> None:
        self.job_id = job_id
        self._lines: deque[str] = deque(maxlen=lines)

    def add(self, line: str) -> None:
        """Keep a line, and forget the oldest one when there are too many."""
        self._lines.append(line)

    @property
    def text(self) -> str:
        """The lines, oldest first."""
        return "\n".join(tuple(self._lines))


@contextmanager
def recorded(job_id: str, secrets: Iterable[str], lines: int) -> Iterator[JobTail]:
    """Collect what is logged inside, in this thread and in those that carry a copy of its context.

    Args:
        job_id: Stands before each of the job's lines in the log.
        secrets: Strings that no line of any job may hold until this job has ended.
        lines: How many lines to keep.
    """
    tail = JobTail(job_id, lines)
    hidden = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    with _known_lock:
        _known.update(hidden)
    token = _tail.set(tail)
    try:
        yield tail
    finally:
        _tail.reset(token)
        with _known_lock:
            _known.subtract(hidden)
            for secret in hidden:
                if _known[secret] <= 0:
                    del _known[secret]


def secrets_of_url(url: str) -> list[str]:
    """What of a URL may not be told: its query, each value in it, and its fragment."""
    parts = urlsplit(url)
    values = [value for _, value in parse_qsl(parts.query)]
    return [part for part in (parts.query, parts.fragment, unquote(parts.query), *values) if part]


def mask(text: str) -> str:
    """Text without secrets: those of running jobs, those of the environment, and whatever looks like one."""
    with _known_lock:
        known = sorted(_known, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, "***")
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def without_paths(text: str) -> str:
    """Text with each absolute path cut to its last part: a client need not know this machine."""
    return _PATH.sub(r"\1", text)


class _Masked(logging.Formatter):
    """Formats a record, its traceback included, and masks the whole."""

    def format(self, record: logging.LogRecord) -> str:
        tail = _tail.get()
        record.job = f"[{tail.job_id}] " if tail else ""
        return mask(super().format(record))


class _TailHandler(logging.Handler):
    """Hands each record to the job that logged it, without its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        tail = _tail.get()
        if tail is None:
            return
        line = f"{self.formatter.formatTime(record)} {record.levelname} {record.getMessage()}" if self.formatter else ""
        tail.add(without_paths(mask(line)))


def start_logging(log_file: Path | None, *, console: bool) -> None:
    """Send every logger's lines to the log file (and the console), masked, and each job's lines to its tail.

    Args:
        log_file: Where everything goes; None writes no file.
        console: Whether lines also go to standard error.

    Raises:
        OSError: When the file cannot be written.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "whisperx_worker", False)]:
        root.removeHandler(handler)
        handler.close()
    handlers: list[logging.Handler] = [_TailHandler()]
    if log_file is not None:
        handlers.append(RotatingFileHandler(log_file, maxBytes=_MAX_LOG_BYTES, backupCount=1, encoding="utf-8"))
    if console:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(_Masked(_LINE))
        handler.whisperx_worker = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    with _known_lock:
        _known.update(
            value
            for name, value in os.environ.items()
            if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET
        )
