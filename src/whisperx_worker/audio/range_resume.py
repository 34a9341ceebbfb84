"""What has come of a body before its connection broke off, and whether an answer goes on from there. Pure.

Two versions of a file are never glued together: the server is told which version the part is of, and its answer must
name the same one, count as many bytes for the whole and begin where the part ends.
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
"""An answer that does not count the whole body is not gone on with: nothing shows that it is of the same one."""
_MIN_AGE_S = 1.0
"""A file that changed in the second of the answer may change again within it, and its date does not show that."""


class WrongPartError(Exception):
    """An answer holds another part of the body than was asked for."""


@dataclass
class Part:
    """The beginning of a body, which lives through the tries of one fetch."""

    size: int = 0
    """Bytes that are here."""
    version: str | None = None
    """ETag or date of what they are of; None where nothing can be added to them."""
    whole: int | None = None
    """Bytes that the whole body has, where that is known."""

    @property
    def kept(self) -> int:
        """Bytes that another answer can go on from."""
        return self.size if self.version else 0

    def headers(self) -> dict[str, str]:
        """Make the headers that ask for the rest; none where the body is asked for from its beginning."""
        return {"Range": f"bytes={self.size}-", "If-Range": self.version} if self.version and self.kept else {}

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Take an answer: `size` is where it goes on, 0 where it begins anew; an error leaves all as it is.

        Raises:
            WrongPartError: It is neither the rest nor the whole; the next answer must be the whole.
        """
        asked = bool(self.headers())
        if status == _UNSATISFIABLE and asked:
            self._forget()
            raise WrongPartError("the server does not have the rest of it")
        if status // 100 != 2:  # noqa: PLR2004 - 2xx
            return
        if status != _PARTIAL:
            self._forget()
            self.version, self.whole = _version_of(headers), _length_of(headers)
            return
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        start, end, whole = (int(number) for number in found.groups()) if found else (-1, -1, -1)
        same = self.whole in {None, whole} and self._same_version(headers, asked=asked)
        if start != self.size * asked or end + 1 != whole or not same:
            self._forget()
            raise WrongPartError("the server sent another part of it than was asked for")
        self.whole = whole

    def add(self, size: int) -> None:
        """Count bytes that have come."""
        self.size += size

    def _same_version(self, headers: Mapping[str, str], *, asked: bool) -> bool:
        if not asked:
            return True
        name = "ETag" if self.version and self.version.startswith('"') else "Last-Modified"
        return not _is_encoded(headers) and headers.get(name) == self.version

    def _forget(self) -> None:
        self.size, self.version, self.whole = 0, None, None


def _version_of(headers: Mapping[str, str]) -> str | None:
    """Give what names a body to the byte: an ETag that is not weak, else a date that is old enough."""
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
    """Give how many bytes a whole body has; None where the answer does not say so, or counts them encoded."""
    declared = headers.get("Content-Length", "")
    if _is_encoded(headers) or "Transfer-Encoding" in headers or not re.fullmatch(r"\d{1,18}", declared):
        return None
    return int(declared)


def _is_encoded(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}
