"""Where a job says that audio is: what can be seen to be wrong with a place without going there."""

from __future__ import annotations

import base64
import re
import string
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from whisperx_worker.contract.validation import shown

WRONG_DATA_URI = "a data: URI must look like data:audio/wav;base64,..."
_SHORTEST_BASE64 = 64
"""A recording has more; a person who writes less means a path."""
_LETTERS = f"{string.ascii_letters}{string.digits}+/".encode()
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_MOST_PADDING = 2
_LAST_SYSTEM_PORT = 1023
_WEB_PORTS = frozenset({80, 443})
"""The only ones up to the last system port where the web is."""
_OTHER_SERVICES = frozenset({1433, 1521, 2049, 2375, 3306, 3389, 5432, 5900, 6379, 11211, 27017})
"""Databases, file systems and remote control. Object stores are on other ports, such as 8333 and 9000."""
_SHORT_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]{0,7}")
"""What stands before the colon of anything longer may be half of a token."""


_WEB = re.compile(r"[ \r\n]*https?://", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(//)?")
_BASE64_HEAD = re.compile(r"data:[^,]{0,1000}?;\s*base64\s*", re.IGNORECASE)
_MEDIA = frozenset(
    re.findall(
        r"\w+",
        "3g2 3ga 3gp aac ac3 aif aifc aiff alac amr ape asf au avi awb caf dat dts dvf eac3 flac flv gsm m2ts m4a m4b "
        "m4p m4r m4v mka mkv mov mp1 mp2 mp3 mp4 mpc mpe mpeg mpg mpga msv mts mxf nut oga ogg ogv ogx opus qt ra ram "
        "raw rec rf64 rm sln snd sph spx tak tta ts vob voc vox w64 wav wave weba webm wma wmv wv",
    )
)
"""Endings of files of sound and video. What else stands behind a dot belongs to the name: dates, versions, initials."""

Kind = Literal["url", "path", "base64"]


def kind_of(place: str, *, local: bool) -> Kind:
    """What a place is: an address, a path (where `local`), or the audio itself in base64 or a `data:` URI.

    Where paths are allowed, a file that is there is a file, whatever its name looks like.
    """
    if local and _is_file(place):
        return "path"
    if place.startswith("data:"):
        return "base64"
    scheme = _SCHEME.match(place)
    if _WEB.match(place) or (scheme and (scheme[2] or not local or scheme[1].lower() in {"http", "https"})):
        return "url"
    return "path" if local and means_a_path(place) else "base64"


def trimmed(place: str) -> str:
    """Take the white space off a web address that copying leaves around it; anything else stays as it is."""
    return place.strip(" \t\r\n") if _WEB.match(place) else place


def stem_of(place: str, *, local: bool) -> str:
    """Name of what a place holds, without folders and the ending of a file of sound; "" where it has none.

    >>> stem_of("https://host.example/calls/May%2012.wav?token=1", local=False)
    'May 12'
    """
    kind = kind_of(place, local=local)
    if kind == "base64":
        return ""
    name = PurePosixPath(unquote(urlsplit(trimmed(place)).path) if kind == "url" else place).name
    stem, dot, ending = name.rpartition(".")
    return stem if dot and stem and ending.lower() in _MEDIA else name


def wrong_place(field: str, place: str, *, local: bool) -> list[str]:
    """Why audio cannot be had from a place, if that can be seen without going there.

    Args:
        field: The field's name, for the message.
        place: URL, data URI, base64 or (where `local`) a path.
        local: Whether a path is allowed.
    """
    kind = kind_of(place, local=local)
    if kind == "url":
        wrong = wrong_url(trimmed(place))
        return [f"{field} {wrong}"] if wrong else []
    if kind == "path":
        if _is_file(place):
            return []
        found = "is a folder, not a recording" if Path(place).is_dir() else "does not exist"
        return [f"{field}: {shown(place)} {found}"]
    if place.startswith("data:"):
        return wrong_base64(field, place)
    return [] if is_base64(place) else [f"{field} must be an http(s) URL, a data: URI or base64"]


def wrong_url(url: str) -> str | None:
    """What is wrong with an address on the web, to be read after what has it; None where nothing can be seen.

    Ports up to 1023 are refused, save 80 and 443, and so are those of databases and the like: a job must not make the
    worker talk to a service that is no web server.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a valid URL"
    if parts.scheme not in {"http", "https"}:
        return "must be an http(s) URL" + (f", not {parts.scheme}:" if _SHORT_SCHEME.fullmatch(parts.scheme) else "")
    if (
        not host
        or re.search(r"(?! )[\s\x00-\x1f\x7f\\]", url)
        or re.search(r"[^\w.\-:]", host)
        or parts.netloc.endswith(":")
    ):
        return "is not a valid URL"
    if parts.username is not None or parts.password is not None:
        return "must not carry a user name or a password in the URL"
    if port is not None and (port <= _LAST_SYSTEM_PORT or port in _OTHER_SERVICES) and port not in _WEB_PORTS:
        return f"must not name port {port}, which is not for the web"
    return None


def wrong_base64(field: str, text: str) -> list[str]:
    """Why text, with or without a data URI's head, is no base64."""
    payload = payload_of(text)
    if payload is None:
        return [f"{field}: {WRONG_DATA_URI}"]
    if not payload.strip():
        return [f"{field} is empty"]
    return [] if is_base64(payload) else [f"{field} is not valid base64"]


def payload_of(text: str) -> str | None:
    """The base64 of a `data:` URI, or text without such a head as it is; None for a head of another form."""
    if not text.startswith("data:"):
        return text
    header, comma, payload = text.partition(",")
    if not comma or not _BASE64_HEAD.fullmatch(header):
        return None
    return unquote(payload) if "%" in payload else payload


def means_a_path(place: str) -> bool:
    """Whether a person who may name paths means one, rather than base64: a file that is there, or what is too short."""
    return _is_file(place) or len(place) < _SHORTEST_BASE64 or not is_base64(place)


def _is_file(place: str) -> bool:
    try:
        return Path(place).is_file()
    except OSError:
        return False


def is_base64(text: str) -> bool:
    """Whether text decodes as base64. It may be megabytes, so no regular expression reads it.

    Line breaks are allowed, and in what is too long for a name or a path also `-_` for `+/` and no padding.
    """
    if not text.isascii():
        return False
    padded = without_line_breaks(text)
    letters = padded.rstrip(b"=")
    if len(padded) >= _SHORTEST_BASE64:
        letters = letters.translate(_URL_SAFE)
        whole = len(padded) % 4 == 0 or (padded[-1:] != b"=" and len(letters) % 4 != 1)
    else:
        whole = len(padded) % 4 == 0
    return whole and len(padded) - len(letters) <= _MOST_PADDING and not letters.translate(None, _LETTERS)


def decode_base64(text: str) -> bytes:
    """Decode what `is_base64` takes.

    Raises:
        ValueError: It is something else.
    """
    if not is_base64(text):
        raise ValueError("not base64")
    letters = without_line_breaks(text).rstrip(b"=").translate(_URL_SAFE)
    return base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)


def without_line_breaks(text: str) -> bytes:
    """ASCII text without white space.

    Raises:
        UnicodeEncodeError: When it has other letters.
    """
    return b"".join(text.encode("ascii").split())
