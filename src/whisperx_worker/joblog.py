"""One log for the worker, and in it each job's own lines, with secrets masked before anything is written."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_MAX_LOG_BYTES = 20_000_000
_LONGEST_TAIL_LINE = 2_000
_SHORTEST_SECRET = 4
_SHORTEST_ANONYMOUS_SECRET = 8
"""A shorter part of a query says "ru" or "2026" more often than it opens a door."""

_NAME = (  # of what is secret, whatever stands before it
    r"(?:token|api[_-]?key|access[_-]?key(?:[_-]?id)?|secret(?:[_-]?(?:access[_-]?)?key)?"
    r"|passw(?:or)?d|passphrase|signature|credential|x-amz-[\w\-]{1,40})"
)
# A value that is none, and tokens of a tokenizer such as <unk>.
_NOTHING = r"""(?!["']?(?:none|null|true|false)\b|["']?[<\[(])"""
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_LOOKS_RANDOM = r"(?=[\w.~+/=\-]*\d|[\w.~+/=\-]*(?-i:[a-z][A-Z])|[\w.~+/=\-]{20})"

# None begins with a repetition: a message may be a megabyte of base64, and it would then be tried from each letter.
_PATTERNS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"data:[\w/+.\-;=]{0,200};base64,[A-Za-z0-9+/=%_\-]+", "data:***"),
        (r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{256,}={0,2}", "***"),
        (r"(?<![A-Za-z0-9])(hf|rpa|sk|gh[opsu])_(?:(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6,}|[a-z]{16,})", r"\1_***"),
        (r"(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{12,}", r"\1***"),
        (r"(?<![A-Za-z0-9])eyJ[\w\-]{8,}\.[\w\-]{4,}(?:\.[\w\-]*)?", "***"),
        (r"(?<![A-Za-z0-9])(bot)\d{6,}:[\w\-]{20,}", r"\1***"),
        (r"(?i)(authorization\\?[\"']?\s*[:=]\s*\\?[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;)}\]]+", r"\1***"),
        (rf"(?i)\b(bearer|basic)\s+{_LOOKS_RANDOM}[\w.~+/=\-]{{6,}}", r"\1 ***"),
        (rf"(?i)({_NAME}\\?[\"']\s*[:=]\s*){_NOTHING}(?:{_QUOTED}|[^\s,}}\]]+)", r'\1"***"'),
        (
            rf"(?i)({_NAME}|(?<![a-z])sig)(\s*=\s*|%3D){_NOTHING}(?:{_QUOTED}|[\"']?(?:(?!%26)[^\s\"'&,;)}}\]]){{3,}})",
            r"\1\2***",
        ),
        (rf"(?i)({_NAME}:\s*){_LOOKS_RANDOM}{_NOTHING}[^\s\"'&,;)}}\]]{{6,}}", r"\1***"),
        (rf"(?i)((?:api[_-]?key|passw(?:or)?d|passphrase):\s*){_NOTHING}[^\s\"'&,;)}}\]]{{3,}}", r"\1***"),
    )
)
_URLS = re.compile(r"://[^\s\"'<>]+")
_SECRET_FIELD = re.compile(rf"(?i){_NAME}$")
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|(?:API|ACCESS|SECRET|PRIVATE)_?KEY)(?:_ID|_\d+)?$"
)
_SECRET_PARAMETER = re.compile(r"(?i)token|key|sig|secret|pass|auth|cred|code|session|policy")
_SWITCHES = {"true", "false", "none", "null"}
_PATH = re.compile(r"(?:file://|(?<![\w:/.]))/(?:[\w.@+\-]+/)+([\w.@+\-]*)")

_tail: ContextVar[JobTail | None] = ContextVar("whisperx_worker_job_tail", default=None)
_known: Counter[str] = Counter()
_known_lock = threading.Lock()


class JobTail:
    """The last lines that one job logged."""

    def __init__(self, job_id: str, lines: int) -> None:
        self.job_id = job_id
        self._lines: deque[str] = deque(maxlen=lines)

    def add(self, text: str) -> None:
        """Keep a message's lines, and forget the oldest ones when there are too many."""
        for line in text.splitlines():
            self._lines.append(line if len(line) <= _LONGEST_TAIL_LINE else f"{line[:_LONGEST_TAIL_LINE]}…")

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
    hidden = [form for secret in secrets if len(secret) >= _SHORTEST_SECRET for form in _forms(secret)]
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


def secrets_of(data: object) -> list[str]:
    """What of a request may stand in no log, however deep it stands: values of fields named so, and parts of URLs."""
    found: list[str] = []
    left = [("", data)]
    while left:
        name, value = left.pop()
        if isinstance(value, Mapping):
            left += [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            left += [(name, item) for item in value]
        elif isinstance(value, str) and _SECRET_FIELD.search(name):
            found.append(value)
        elif isinstance(value, str) and "://" in value[:20]:
            found += secrets_of_url(value)
    return found


def secrets_of_url(url: str) -> list[str]:
    """What of a URL may not be told: its credentials, its query, each value in it, and its fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    credentials = parts.netloc.rpartition("@")[0].partition(":")
    found = [part for part in (*credentials[::2], parts.query, unquote(parts.query)) if part]
    for place in (parts.query, parts.fragment):
        for pair in place.split("&"):
            name, _, value = pair.rpartition("=")
            if len(value) >= _SHORTEST_ANONYMOUS_SECRET or _SECRET_PARAMETER.search(name):
                found += [value, unquote(value), unquote_plus(value)]
    return list(dict.fromkeys(found))


def secrets_of_environment() -> list[str]:
    """Values of the variables whose name says that they are secret."""
    return [
        value
        for name, value in os.environ.items()
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET and value.lower() not in _SWITCHES
    ]


def mask(text: str) -> str:
    """Text without secrets: those of running jobs, those of the environment, and whatever looks like one."""
    with _known_lock:
        known = sorted(_known, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, "***")
    text = _URLS.sub(_mask_urls, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _mask_urls(found: re.Match[str]) -> str:
    """One or more URLs without a blank between them, from the first `://` on: no credentials and no query."""
    masked = ""
    for piece in found[0].split("://")[1:]:
        host, slash, path = piece.partition("/")
        _, colon, port = host.partition(":")
        if "@" in host:
            rest = f"***@{host.rpartition('@')[2]}{slash}{path}"
        elif "@" in path and colon and not port.isdecimal():  # a password with a slash in it
            rest = f"***@{path.rpartition('@')[2]}"
        else:
            rest = piece
        address, *query = re.split(r"[?#]", rest, maxsplit=1)
        masked += f"://{address}"
        if any(query):
            return f"{masked}?***"
        masked += rest[len(address) :]
    return masked


def without_paths(text: str) -> str:
    """Text with each absolute path cut to its last part: a client need not know this machine."""
    return _PATH.sub(r"\1", text)


def for_client(text: str) -> str:
    """Text that may leave the worker: without secrets and without paths."""
    return without_paths(mask(text))


def _forms(secret: str) -> set[str]:
    """A secret as it looks when it is printed, quoted, or put into JSON or a URL."""
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)}


def _message(record: logging.LogRecord) -> str:
    """A record's text, also when its arguments do not fit: a plugin's slip must not fail its job."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  an argument's __str__ may raise anything
        return f"{record.msg!r} (logged with arguments that do not fit)"


class _Masked(logging.Formatter):
    """One line of the log, with its traceback; all but its time and its origin is masked."""

    def format(self, record: logging.LogRecord) -> str:
        tail = _tail.get()
        job = f"[{tail.job_id}] " if tail else ""
        parts = [_message(record)]
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return f"{self.formatTime(record)} {record.levelname} {job}{record.name}: " + mask("\n".join(parts))


class _TailHandler(logging.Handler):
    """Hands each record to the job that logged it, without its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        tail = _tail.get()
        if tail is not None and self.formatter is not None:
            time = self.formatter.formatTime(record)
            tail.add(f"{time} {record.levelname} {for_client(_message(record))}")


def start_logging(log_file: Path | None, *, console: bool) -> None:
    """Send every logger's lines to the log file (and the console), masked, and each job's lines to its tail.

    Args:
        log_file: Where everything goes; None writes no file.
        console: Whether lines also go to standard error.

    Raises:
        OSError: When the file cannot be written.
    """
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
        handler.setFormatter(_Masked())
        handler.whisperx_worker = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # Else a full disk makes logging print the message, unmasked, to standard error.
    logging.raiseExceptions = False
    with _known_lock:
        _known.update(form for secret in secrets_of_environment() for form in _forms(secret))


def stop_logging() -> None:
    """Take back what `start_logging` set up."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "whisperx_worker", False)]:
        root.removeHandler(handler)
        handler.close()
