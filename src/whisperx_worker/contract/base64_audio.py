"""Base64 of audio, with or without the head of a `data:` URI. Pure."""

from __future__ import annotations

import base64
import re
import string
from urllib.parse import unquote

WRONG_DATA_URI = "a data: URI must look like data:audio/wav;base64,..."
MIN_LENGTH = 64
"""Characters of the shortest recording; a person who writes less means a path."""
_LETTERS = f"{string.ascii_letters}{string.digits}+/".encode()
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_MAX_PADDING = 2
_DATA_HEAD = re.compile(r"data:[^,]{0,1000}?;\s*base64\s*", re.IGNORECASE)


def base64_mistakes(field: str, text: str) -> list[str]:
    """Return the mistakes in base64 text, each as a sentence that names the field."""
    payload = payload_of(text)
    if payload is None:
        return [f"{field}: {WRONG_DATA_URI}"]
    if not payload.strip():
        return [f"{field} is empty"]
    return [] if is_base64(payload) else [f"{field} is not valid base64"]


def payload_of(text: str) -> str | None:
    """Return text without the head of a `data:` URI; None when the head has another form."""
    if not text.startswith("data:"):
        return text
    header, comma, payload = text.partition(",")
    if not comma or not _DATA_HEAD.fullmatch(header):
        return None
    return unquote(payload) if "%" in payload else payload


def is_base64(text: str) -> bool:
    """Return whether text decodes as base64.

    Line breaks are allowed, and in text too long for a name or a path also `-_` for `+/` and no padding. No regular
    expression is used, since the text may have megabytes.
    """
    if not text.isascii():
        return False
    padded = _without_white_space(text)
    letters = padded.rstrip(b"=")
    if len(padded) >= MIN_LENGTH:
        letters = letters.translate(_URL_SAFE)
        whole = len(padded) % 4 == 0 or (padded[-1:] != b"=" and len(letters) % 4 != 1)
    else:
        whole = len(padded) % 4 == 0
    return whole and len(padded) - len(letters) <= _MAX_PADDING and not letters.translate(None, _LETTERS)


def decode_base64(text: str) -> bytes:
    """Decode text that `is_base64` accepts.

    Raises:
        ValueError: It is no such text.
    """
    if not is_base64(text):
        raise ValueError("not base64")
    letters = _without_white_space(text).rstrip(b"=").translate(_URL_SAFE)
    return base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)


def _without_white_space(text: str) -> bytes:
    """Return ASCII text without white space.

    Raises:
        UnicodeEncodeError: When it has other letters.
    """
    return b"".join(text.encode("ascii").split())
