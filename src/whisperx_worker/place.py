"""Where a job says that audio is: what can be seen to be wrong with a place without going there."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from urllib.parse import urlsplit

from whisperx_worker.fields import shown

_SHORTEST_BASE64 = 64
"""A recording has more; a person who writes less means a path."""


def wrong_place(field: str, place: str, *, local: bool) -> list[str]:
    """Why audio cannot be had from a place, if that can be seen without going there.

    Args:
        field: The field's name, for the message.
        place: URL, data URI, base64 or (where `local`) a path.
        local: Whether a path is allowed.
    """
    if place.startswith("data:"):
        return wrong_base64(field, place)
    if re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", place):
        return _wrong_url(field, place)
    if local and means_a_path(place):
        return [] if _is_file(place) else [f"{field}: there is no file {shown(place)}"]
    if not is_base64(place):
        return [f"{field} must be an http(s) URL, a data: URI or base64"]
    return []


def _wrong_url(field: str, url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return [f"{field} is not a valid URL"]
    if parts.scheme.lower() not in {"http", "https"}:
        return [f"{field} must be an http(s) URL, not {parts.scheme.lower()}:"]
    if not host or port == 0 or re.search(r"[\s\x00-\x1f\\]", url):
        return [f"{field} is not a valid URL"]
    if parts.username is not None or parts.password is not None:
        return [f"{field} must not carry a user name or a password in the URL"]
    return []


def wrong_base64(field: str, text: str) -> list[str]:
    """Why text, with or without a data URI's head, is no base64."""
    payload = text
    if text.startswith("data:"):
        header, comma, payload = text.partition(",")
        if not comma or not header.endswith(";base64"):
            return [f"{field}: a data: URI must look like data:audio/wav;base64,..."]
    if not payload.strip():
        return [f"{field} is empty"]
    return [] if is_base64(payload) else [f"{field} is not valid base64"]


def means_a_path(place: str) -> bool:
    """Whether a person who may name paths means one, rather than base64: a file that is there, or what is too short."""
    return _is_file(place) or len(place) < _SHORTEST_BASE64 or not is_base64(place)


def _is_file(place: str) -> bool:
    try:
        return Path(place).is_file()
    except OSError:
        return False


def is_base64(text: str) -> bool:
    """Whether text decodes as base64, line breaks allowed."""
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
