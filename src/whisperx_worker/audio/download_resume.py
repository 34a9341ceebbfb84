"""Resumption of a broken-off download by HTTP range requests. Pure.

Two versions of a file are never joined: the request names the version of the received part, and the response must name
the same one, declare the same total size and begin where the part ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTIAL, _UNSATISFIABLE = 206, 416
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
"""Header with the total size, which shows that the response is of the same body."""
_MIN_AGE_S = 1.0
"""Age from which a date identifies a version: within a second a file may change again."""


class WrongRangeError(Exception):
    """Response with another range of the body than was requested."""


@dataclass
class PartialBody:
    """Received beginning of a body, shared by the tries of one download."""

    size: int = 0
    """Bytes received."""
    version: str | None = None
    """ETag or date of the body; None when the download cannot be resumed."""
    whole: int | None = None
    """Size of the whole body in bytes, when known."""

    @property
    def reusable_bytes(self) -> int:
        """Bytes from which another response can continue."""
        return self.size if self.version else 0

    def headers(self) -> dict[str, str]:
        """Return the headers that request the rest; none when the body is requested from its beginning."""
        return (
            {"Range": f"bytes={self.size}-", "If-Range": self.version} if self.version and self.reusable_bytes else {}
        )

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Accept response headers, and reset `size` to 0 for a whole body.

        The status of an error changes nothing.

        Raises:
            WrongRangeError: It is neither the rest nor the whole; the next response must be the whole.
        """
        ranged = bool(self.headers())
        if status == _UNSATISFIABLE and ranged:
            self._reset()
            raise WrongRangeError("the server does not have the rest of it")
        if status // 100 != 2:  # noqa: PLR2004 - 2xx
            return
        if status != _PARTIAL:
            self._reset()
            self.version, self.whole = _version_of(headers), _length_of(headers)
            return
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        start, end, whole = (int(number) for number in found.groups()) if found else (-1, -1, -1)
        same = self.whole in {None, whole} and self._same_version(headers, ranged=ranged)
        if start != self.size * ranged or end + 1 != whole or not same:
            self._reset()
            raise WrongRangeError("the server sent another part of it than was asked for")
        self.whole = whole

    def add(self, size: int) -> None:
        """Count received bytes."""
        self.size += size

    def _same_version(self, headers: Mapping[str, str], *, ranged: bool) -> bool:
        if not ranged:
            return True
        name = "ETag" if self.version and self.version.startswith('"') else "Last-Modified"
        return not _is_encoded(headers) and headers.get(name) == self.version

    def _reset(self) -> None:
        self.size, self.version, self.whole = 0, None, None


def _version_of(headers: Mapping[str, str]) -> str | None:
    """Return what identifies a body exactly: a strong ETag, else a date that is old enough."""
    if _is_encoded(headers) or headers.get("Accept-Ranges", "").strip().lower() == "none":
        return None
    tag = headers.get("ETag", "").strip()
    if re.fullmatch(r'"[\x21\x23-\x7e]{1,1000}"', tag):
        return tag
    try:
        changed, answered = (parsedate_to_datetime(headers[name]) for name in ("Last-Modified", "Date"))
        old = (answered - changed).total_seconds() >= _MIN_AGE_S
    except (KeyError, TypeError, ValueError):
        return None
    return headers["Last-Modified"] if old and headers["Last-Modified"].isprintable() else None


def _length_of(headers: Mapping[str, str]) -> int | None:
    """Return the size of a whole body in bytes; None when unknown or encoded."""
    declared = headers.get("Content-Length", "")
    if _is_encoded(headers) or "Transfer-Encoding" in headers or not re.fullmatch(r"\d{1,18}", declared):
        return None
    return int(declared)


def _is_encoded(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}
