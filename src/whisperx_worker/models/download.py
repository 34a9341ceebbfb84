"""Downloads with retries, resumption and checksums."""

from __future__ import annotations

import hashlib
import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from whisperx_worker.errors import ModelNotFoundError
from whisperx_worker.models.hub import NO_ROOM, is_offline
from whisperx_worker.models.lock_file import LockedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

T = TypeVar("T")

WAITS_S = (1.0, 4.0, 15.0)
"""Before each further try of a download that broke off. It goes on where it stopped."""

_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 20


def patiently(call: Callable[[], T]) -> T:
    """Retry a call that the network or an overloaded server broke off."""
    for wait_s in WAITS_S:
        try:
            return call()
        except OSError as error:
            if not _may_pass(error):
                raise
            log.warning("the download broke off (%s); trying again in %g s", type(error).__name__, wait_s)
            time.sleep(wait_s)
    return call()


def fetch_url(url: str, file: Path) -> LockedFile:
    """Download a file by URL.

    Returns:
        Its size and checksum.

    Raises:
        ModelNotFoundError: When the server refuses it, or the connection is lost for good.
        OSError: When it cannot be written.
    """
    import requests

    try:
        patiently(lambda: _go_on(url, file))
    except requests.RequestException as error:
        raise ModelNotFoundError(f"{url} could not be downloaded ({type(error).__name__})") from None
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return LockedFile(file.stat().st_size, sha256=digest.hexdigest())


def _go_on(url: str, file: Path) -> None:
    """Download the rest of a file.

    Raises:
        requests.RequestException: When it is not whole then.
    """
    import requests

    done = file.stat().st_size if file.is_file() else 0
    headers = {"Range": f"bytes={done}-", "Accept-Encoding": "identity"} if done else {"Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
        response.raise_for_status()
        goes_on = done and response.status_code == HTTPStatus.PARTIAL_CONTENT
        size = (done if goes_on else 0) + int(response.headers["Content-Length"])
        with file.open("ab" if goes_on else "wb") as part:
            for block in response.iter_content(_BLOCK_BYTES):
                part.write(block)
    if file.stat().st_size != size:
        raise requests.ConnectionError(f"{file.stat().st_size} of {size} bytes came")


def _may_pass(error: BaseException) -> bool:
    """Return whether another try may succeed.

    The hub's client has one exception for a lost connection, an overloaded hub and a refusal, where it looks for files
    that it has already: only the cause tells them apart.
    """
    import requests
    from huggingface_hub.errors import LocalEntryNotFoundError

    if is_offline(error):
        return False
    if isinstance(error, LocalEntryNotFoundError):
        return error.__cause__ is None or _may_pass(error.__cause__)
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code if error.response is not None else 0
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    # A file that ended too early is a plain OSError of the client's.
    return isinstance(error, OSError) and error.errno not in NO_ROOM
