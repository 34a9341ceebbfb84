"""The audio of a job, wherever it is, becomes a file.

What a job names is a stranger's word: no private address is asked, no body is endless, and no part of a URL that might
be a secret gets further than this module.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from whisperx_worker.audio.public_http import RefusedError, ask
from whisperx_worker.audio.range_resume import Part, WrongPartError
from whisperx_worker.contract.audio_source import WRONG_DATA_URI, decode_base64, kind_of, payload_of, trimmed
from whisperx_worker.errors import NO_ROOM, BadInputError, FetchError
from whisperx_worker.runtime.runpod_sdk import import_runpod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whisperx_worker.contract.settings import Settings

log = logging.getLogger(__name__)

_BYTES_PER_MB = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_BYTES_PER_KB = 1024
_PAUSES_S = (0.5, 2.0)
"""Rests before tries in a row that bring nothing new; the first also follows a try that did."""
_MAX_TRIES = 100
"""Of one fetch, however much each of them brings."""
_CONNECT_S = 10.0
_LOOK_S = 0.1
"""How often the one who waits for a server looks whether the job is still wanted."""
_SERVER_ERROR = 500

_SHOWABLE_NAME = re.compile(r"\w[\w .\-]{0,48}\.[A-Za-z0-9]{2,5}")
_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])(?:[\W_]*[A-Za-z0-9]){16}")


def fetch(  # noqa: PLR0913  what is named has a default
    place: str,
    folder: Path,
    settings: Settings,
    *,
    local: bool,
    what: str = "the recording",
    check_cancelled: Callable[[], None] = lambda: None,
) -> Path:
    """Bring a job's audio here.

    Args:
        place: An http(s) URL, a `data:` URI, bare base64, or (where `local`) a path.
        folder: The job's own temporary folder; nothing is left in it when this fails.
        settings: `max_audio_mb`, `fetch_timeout_s` and `min_fetch_kb_per_s` bound the fetch.
        local: Whether a path is allowed.
        what: What the audio is, for the log.
        check_cancelled: Called ten times a second while a server is waited for; what it raises ends the fetch at once.

    Returns:
        A file in `folder`; a local file is used where it lies.

    Raises:
        BadInputError: What the job carries is empty, too large or not base64, or the path is no file.
        FetchError: The URL is refused, or its server failed.
    """
    log.info("%s: %s", what, describe_place(place, local=local))
    kind = kind_of(place, local=local)
    if kind == "url":
        return _download(trimmed(place), folder, settings, check_cancelled)
    if kind == "path":
        return _in_place(place, settings)
    return _unpack(place, folder, settings)


def describe_place(place: str, *, local: bool = False) -> str:
    """Where audio comes from, in words that may be logged: never a query, a credential or the audio itself.

    >>> describe_place("https://host.example/bot123:secret/talk.wav?token=secret")
    'https://host.example/…/talk.wav'
    """
    kind = kind_of(place, local=local)
    if kind == "url":
        return _describe_url(trimmed(place))
    if kind == "path":
        return f"the file {_printable(Path(place).name)}"
    if not place.startswith("data:"):
        return f"base64 ({_size_of_base64(place)})"
    header, _, payload = place.partition(",")
    media = re.match(r"data:([\w.+\-]+/[\w.+\-]+)", header[:100])
    return f"a data: URI ({media[1] if media else 'no type'}, {_size_of_base64(payload)})"


def _describe_url(url: str) -> str:
    # Some hosts put the secret into the path (bot tokens, share links), so of a path only a file's name is shown, and
    # that only when it cannot be a key itself. Folders say little that the client does not know.
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "a URL that is not valid"
    if not host or not re.fullmatch(r"[\w.\-:]{1,253}", host):
        return "a URL that is not valid"
    if parts.scheme not in {"http", "https"}:
        return f"a URL of the kind {parts.scheme[:20]}:"
    authority = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    pieces = [piece for piece in parts.path.split("/") if piece]
    if not pieces:
        return f"{parts.scheme}://{authority}"
    name = unquote(pieces[-1])
    shown = name if _SHOWABLE_NAME.fullmatch(name) and not _TOKEN.search(name) else "…"
    folders = "…/" if len(pieces) > 1 and shown != "…" else ""
    return f"{parts.scheme}://{authority}/{folders}{shown}"


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:60])


def _size_of_base64(payload: str) -> str:
    size = len(payload) * 3 // 4
    return f"{size / _BYTES_PER_MB:.1f} MB" if size >= _BYTES_PER_MB else f"{size / 1024:.1f} kB"


def _in_place(place: str, settings: Settings) -> Path:
    path = Path(place)
    if not path.is_file():
        raise BadInputError(f"there is no file {_printable(path.name)}")
    if path.stat().st_size > _most_bytes(settings):
        raise BadInputError(f"the file is larger than {settings.max_audio_mb:g} MB")
    return path


def _unpack(place: str, folder: Path, settings: Settings) -> Path:
    payload = payload_of(place)
    if payload is None:
        raise BadInputError(WRONG_DATA_URI)
    if len(payload) * 3 // 4 > _most_bytes(settings) + _CHUNK_BYTES:
        raise BadInputError(f"the audio in base64 is larger than {settings.max_audio_mb:g} MB")
    try:
        content = decode_base64(payload)
    except ValueError:
        raise BadInputError("the audio is not valid base64") from None
    if not content:
        raise BadInputError("the audio in base64 is empty")
    if len(content) > _most_bytes(settings):
        raise BadInputError(f"the audio in base64 is larger than {settings.max_audio_mb:g} MB")
    with _new_file(folder) as (path, number), _opened(number) as write:
        write(content)
    return path


def _most_bytes(settings: Settings) -> int:
    return int(settings.max_audio_mb * _BYTES_PER_MB)


@contextlib.contextmanager
def _new_file(folder: Path) -> Iterator[tuple[Path, int]]:
    """A file in `folder` and its number, open for writing; the file goes away when the body raises."""
    number, name = tempfile.mkstemp(prefix="audio-", dir=folder)
    path = Path(name)
    try:
        yield path, number
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(number)


@contextlib.contextmanager
def _opened(number: int) -> Iterator[Callable[[bytes], object]]:
    """Give what writes to an open file; its number stays open."""

    def write(content: bytes) -> None:
        try:
            written = file.write(content)
        except OSError:
            written = None
        if written != len(content):  # a disk that is nearly full takes a part
            raise FetchError(NO_ROOM)

    # Unbuffered, so that a full disk shows in `write` and not when the file is closed.
    with os.fdopen(os.dup(number), "wb", buffering=0) as file:
        yield write


class _Failure(Exception):  # noqa: N818 - never leaves this module
    """One try failed."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        """Whether another try may help."""


def _download(url: str, folder: Path, settings: Settings, check_cancelled: Callable[[], None]) -> Path:
    # urllib3 logs whole URLs: each request at DEBUG, and a malformed header at WARNING.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    import_runpod()
    part, furthest = Part(), 0
    pauses = iter(_PAUSES_S)
    with _new_file(folder) as (path, number):
        for tries_left in reversed(range(_MAX_TRIES)):
            try:
                _try_once(_Try(url, number, part, settings), check_cancelled)
            except _Failure as failure:
                if part.kept > furthest:
                    furthest, pauses = part.kept, iter(_PAUSES_S)
                pause_s = next(pauses, None)
                if not failure.again or pause_s is None or not tries_left:
                    raise FetchError(f"the audio could not be fetched from {_describe_url(url)}: {failure}") from None
            else:
                break
            _rest(pause_s, check_cancelled)
        return path


def _rest(pause_s: float, check_cancelled: Callable[[], None]) -> None:
    latest_s = time.monotonic() + pause_s
    while time.monotonic() < latest_s:
        check_cancelled()
        time.sleep(_LOOK_S)


def _try_once(trying: _Try, check_cancelled: Callable[[], None]) -> None:
    """Fetch in a thread of its own.

    A server that sends its headers byte by byte never runs into a socket's timeout, and one that falls silent does so
    late. The thread is left behind when nobody waits for it any more; it ends with its socket, and its file is gone.
    """
    thread = threading.Thread(target=trying.run, name="fetch", daemon=True)
    thread.start()
    latest_s = time.monotonic() + 2 * trying.settings.fetch_timeout_s
    try:
        while thread.is_alive():
            check_cancelled()
            if not trying.answered and time.monotonic() > latest_s:
                raise _Failure(f"the server did not answer in {trying.settings.fetch_timeout_s:g} s")
            thread.join(_LOOK_S)
    finally:
        trying.wanted = False
    trying.done.result()


@dataclass(eq=False)
class _Try:
    """One try to fetch a URL, in its own thread."""

    url: str
    number: int
    """Of the open file that takes the body."""
    part: Part
    settings: Settings
    done: Future[None] = field(default_factory=Future)
    answered: bool = False
    """Whether the headers are here."""
    wanted: bool = True

    def run(self) -> None:
        try:
            with _opened(self.number) as write, _explained(self.settings):
                self._fetch(write)
            self.done.set_result(None)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            self.done.set_exception(error)

    def _fetch(self, write: Callable[[bytes], object]) -> None:
        timeout_s = self.settings.fetch_timeout_s
        timeouts = (min(_CONNECT_S, timeout_s), timeout_s)
        answer = ask(self.url, timeouts, lambda: self.wanted, self.part.headers())
        with contextlib.closing(answer) as response:
            self.answered = True
            self._stop_if_unwanted()
            self.part.begin(response.status_code, response.headers)
            status = response.status_code
            if status // 100 != 2:  # noqa: PLR2004 - 2xx
                raise _Failure(f"the server answered {status}", again=status >= _SERVER_ERROR)
            os.truncate(self.number, self.part.size)
            os.lseek(self.number, self.part.size, os.SEEK_SET)
            for piece in _as_it_comes(response, self.settings, self.part.size):
                self._stop_if_unwanted()
                write(piece)
                self.part.add(len(piece))
            if not self.part.size:
                raise _Failure("the server sent nothing")
            if self.part.whole not in {None, self.part.size}:
                raise _Failure("the connection broke off", again=True)

    def _stop_if_unwanted(self) -> None:
        if not self.wanted:
            raise _Failure("nobody waits for it any more")


def _as_it_comes(response: Any, settings: Settings, here: int) -> Iterator[bytes]:  # noqa: ANN401
    """Pieces of a body as they arrive, so that one that drips can be given up.

    `requests` waits for a whole chunk, and each byte sets the socket's timeout back.

    Args:
        response: A requests.Response.
        settings: For the largest body and the slowest pace.
        here: Bytes that came before.

    Raises:
        _Failure: When it comes too slowly, or is larger than it may be.
    """
    most, too_large = _most_bytes(settings), f"it is larger than {settings.max_audio_mb:g} MB"
    declared = response.headers.get("Content-Length", "")
    if re.fullmatch(r"\d{1,18}", declared) and here + int(declared) > most:
        raise _Failure(too_large)
    began, total = time.monotonic(), 0
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        total += len(chunk)
        if here + total > most:
            raise _Failure(too_large)
        yield chunk
        pace = settings.min_fetch_kb_per_s * _BYTES_PER_KB
        if pace and time.monotonic() - began > settings.fetch_timeout_s + total / pace:
            raise _Failure(f"the server sends less than {settings.min_fetch_kb_per_s:g} kB per second")


@contextlib.contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    """Whatever the libraries raise leaves as a `_Failure` with a reason that is fit for a client."""
    import requests
    import urllib3.exceptions as low

    try:
        yield
    except WrongPartError as error:
        raise _Failure(str(error), again=True) from None
    except RefusedError as error:
        raise _Failure(str(error), again=error.again) from None
    except (requests.Timeout, low.TimeoutError):
        raise _Failure(f"the server did not answer in {settings.fetch_timeout_s:g} s") from None
    except (requests.exceptions.SSLError, low.SSLError):
        raise _Failure("no trusted connection could be made") from None
    except (requests.exceptions.ContentDecodingError, low.DecodeError):
        raise _Failure("its Content-Encoding cannot be undone") from None
    except requests.ConnectionError as error:
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        never = isinstance(reason, low.NewConnectionError)
        raise _Failure("no connection could be made" if never else "the connection broke off", again=True) from None
    except (requests.exceptions.InvalidURL, low.LocationValueError, ValueError):
        raise _Failure("it is not a valid URL") from None
    except (requests.RequestException, low.HTTPError):
        raise _Failure("the connection broke off", again=True) from None
