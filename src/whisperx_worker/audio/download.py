"""Download of a URL with time limits, retries and resumption.

The URL comes from a client: only public addresses are connected to, the size is bounded, and no part of the URL that
may be a secret is logged or returned.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whisperx_worker.audio.download_resume import PartialBody, WrongRangeError
from whisperx_worker.audio.job_file import new_file, open_writer
from whisperx_worker.audio.size_limit import max_audio_bytes, too_large
from whisperx_worker.audio.source_description import describe_url
from whisperx_worker.audio.ssrf_guard import SsrfRefusedError, get_public
from whisperx_worker.errors import FetchError
from whisperx_worker.runtime.runpod_sdk import import_runpod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from whisperx_worker.contract.settings import Settings

_CHUNK_BYTES = 256 * 1024
_BYTES_PER_KB = 1024
_PAUSES_S = (0.5, 2.0)
"""Pauses after tries without new bytes; the first also follows a try with new bytes."""
_MAX_TRIES = 100
"""Of one download, however many bytes each of them adds."""
_CONNECT_S = 10.0
_POLL_S = 0.1
"""Interval at which the waiting thread checks for cancellation."""
_SERVER_ERROR = 500


class _DownloadError(Exception):
    """Failure of one try; never leaves this module."""

    def __init__(self, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable
        """Whether another try may help."""


def download(url: str, folder: Path, settings: Settings, check_cancelled: Callable[[], None]) -> Path:
    """Download a URL into a file of `folder`.

    Raises:
        FetchError: The URL is refused, or its server failed. The sentence has no query and no credentials.
    """
    # urllib3 logs whole URLs: each request at DEBUG, and a malformed header at WARNING.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    import_runpod()
    part, max_size = PartialBody(), 0
    pauses = iter(_PAUSES_S)
    with new_file(folder) as (path, descriptor):
        for tries_left in reversed(range(_MAX_TRIES)):
            try:
                _run_try(_Try(url, descriptor, part, settings), check_cancelled)
            except _DownloadError as failure:
                if part.reusable_bytes > max_size:
                    max_size, pauses = part.reusable_bytes, iter(_PAUSES_S)
                pause_s = next(pauses, None)
                if not failure.retryable or pause_s is None or not tries_left:
                    raise FetchError(f"the audio could not be fetched from {describe_url(url)}: {failure}") from None
            else:
                break
            _wait(pause_s, check_cancelled)
        return path


def _wait(pause_s: float, check_cancelled: Callable[[], None]) -> None:
    deadline_s = time.monotonic() + pause_s
    while time.monotonic() < deadline_s:
        check_cancelled()
        time.sleep(_POLL_S)


def _run_try(attempt: _Try, check_cancelled: Callable[[], None]) -> None:
    """Run a try in its own thread.

    A server that sends its headers byte by byte never runs into a socket's timeout, and one that falls silent does so
    late. The thread of a cancelled try ends later, with its socket; its file is deleted by then.
    """
    thread = threading.Thread(target=attempt.run, name="fetch", daemon=True)
    thread.start()
    deadline_s = time.monotonic() + 2 * attempt.settings.fetch_timeout_s
    try:
        while thread.is_alive():
            check_cancelled()
            if not attempt.answered and time.monotonic() > deadline_s:
                raise _DownloadError(f"the server did not answer in {attempt.settings.fetch_timeout_s:g} s")
            thread.join(_POLL_S)
    finally:
        attempt.cancelled = True
    attempt.done.result()


@dataclass(eq=False)
class _Try:
    """One try to fetch a URL, in its own thread."""

    url: str
    descriptor: int
    """Of the open file for the body."""
    part: PartialBody
    settings: Settings
    done: Future[None] = field(default_factory=Future)
    answered: bool = False
    """Whether the headers have arrived."""
    cancelled: bool = False

    def run(self) -> None:
        """Download, and store the outcome in `done`."""
        try:
            with open_writer(self.descriptor) as write, _as_download_errors(self.settings):
                self._fetch(write)
            self.done.set_result(None)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            self.done.set_exception(error)

    def _fetch(self, write: Callable[[bytes], object]) -> None:
        timeout_s = self.settings.fetch_timeout_s
        timeouts = (min(_CONNECT_S, timeout_s), timeout_s)
        answer = get_public(self.url, timeouts, lambda: not self.cancelled, self.part.headers())
        with contextlib.closing(answer) as response:
            self.answered = True
            self._stop_if_cancelled()
            self.part.begin(response.status_code, response.headers)
            status = response.status_code
            if status // 100 != 2:  # noqa: PLR2004 - 2xx
                raise _DownloadError(f"the server answered {status}", retryable=status >= _SERVER_ERROR)
            os.truncate(self.descriptor, self.part.size)
            os.lseek(self.descriptor, self.part.size, os.SEEK_SET)
            for piece in _body_pieces(response, self.settings, self.part.size):
                self._stop_if_cancelled()
                write(piece)
                self.part.add(len(piece))
            if not self.part.size:
                raise _DownloadError("the server sent nothing")
            if self.part.whole not in {None, self.part.size}:
                raise _DownloadError("the connection broke off", retryable=True)

    def _stop_if_cancelled(self) -> None:
        if self.cancelled:
            raise _DownloadError("nobody waits for it any more")


def _body_pieces(response: Any, settings: Settings, start: int) -> Iterator[bytes]:  # noqa: ANN401
    """Yield pieces of a body as they arrive, so that a slow server is noticed.

    `requests` waits for a whole chunk, and each byte sets the socket's timeout back.

    Args:
        response: A requests.Response.
        settings: For the largest body and the slowest rate.
        start: Size of the part of the body that was received before.

    Raises:
        _DownloadError: When it arrives too slowly or is too large.
    """
    limit = max_audio_bytes(settings)
    declared = response.headers.get("Content-Length", "")
    if re.fullmatch(r"\d{1,18}", declared) and start + int(declared) > limit:
        raise _DownloadError(too_large("it", settings))
    began_s, total = time.monotonic(), 0
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        total += len(chunk)
        if start + total > limit:
            raise _DownloadError(too_large("it", settings))
        yield chunk
        min_bytes_per_s = settings.min_fetch_kb_per_s * _BYTES_PER_KB
        if min_bytes_per_s and time.monotonic() - began_s > settings.fetch_timeout_s + total / min_bytes_per_s:
            raise _DownloadError(f"the server sends less than {settings.min_fetch_kb_per_s:g} kB per second")


@contextlib.contextmanager
def _as_download_errors(settings: Settings) -> Iterator[None]:
    """Raise the libraries' errors as `_DownloadError` with a reason that a client may read."""
    import requests
    import urllib3.exceptions as low

    try:
        yield
    except WrongRangeError as error:
        raise _DownloadError(str(error), retryable=True) from None
    except SsrfRefusedError as error:
        raise _DownloadError(str(error), retryable=error.retryable) from None
    except (requests.Timeout, low.TimeoutError):
        raise _DownloadError(f"the server did not answer in {settings.fetch_timeout_s:g} s") from None
    except (requests.exceptions.SSLError, low.SSLError):
        raise _DownloadError("no trusted connection could be made") from None
    except (requests.exceptions.ContentDecodingError, low.DecodeError):
        raise _DownloadError("its Content-Encoding cannot be undone") from None
    except requests.ConnectionError as error:
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        unconnected = isinstance(reason, low.NewConnectionError)
        raise _DownloadError(
            "no connection could be made" if unconnected else "the connection broke off", retryable=True
        ) from None
    except (requests.exceptions.InvalidURL, low.LocationValueError, ValueError):
        raise _DownloadError("it is not a valid URL") from None
    except (requests.RequestException, low.HTTPError):
        raise _DownloadError("the connection broke off", retryable=True) from None
