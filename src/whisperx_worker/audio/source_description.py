"""Description of an audio source for logs and errors: without credentials, query or content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from whisperx_worker.contract.audio_source import InlineAudio, LocalPath, PluginAddress, UrlSource

if TYPE_CHECKING:
    from whisperx_worker.contract.audio_source import AudioSource

_BYTES_PER_KB = 1024
_BYTES_PER_MB = 1024 * 1024
_SHOWABLE_NAME = re.compile(r"\w[\w .\-]{0,48}\.[A-Za-z0-9]{2,5}")
_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])(?:[\W_]*[A-Za-z0-9]){16}")
_MAX_NAME_LETTERS = 60


def describe_source(source: AudioSource) -> str:
    """Describe a source without a secret that it may contain.

    >>> describe_source(UrlSource("https://host.example/bot123:secret/talk.wav?token=secret"))
    'https://host.example/…/talk.wav'
    """
    match source:
        case UrlSource(url):
            return describe_url(url)
        case LocalPath():
            return f"the file {printable(source.path.name)}"
        case InlineAudio(text):
            return _describe_inline(text)
        case PluginAddress(_, scheme):
            return f"an address of the kind {scheme}:"


def describe_url(url: str) -> str:
    """Describe a URL by its host and, unless it may be secret, its file name.

    Some hosts put the secret into the path (bot tokens, share links), so no folder of a path is shown.
    """
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


def printable(name: str) -> str:
    """Return a file name, shortened, with a question mark for each control character."""
    return "".join(char if char.isprintable() else "?" for char in name[:_MAX_NAME_LETTERS])


def _describe_inline(text: str) -> str:
    if not text.startswith("data:"):
        return f"base64 ({_size_of_base64(text)})"
    header, _, payload = text.partition(",")
    media = re.match(r"data:([\w.+\-]+/[\w.+\-]+)", header[:100])
    return f"a data: URI ({media[1] if media else 'no type'}, {_size_of_base64(payload)})"


def _size_of_base64(payload: str) -> str:
    size = len(payload) * 3 // 4
    return f"{size / _BYTES_PER_MB:.1f} MB" if size >= _BYTES_PER_MB else f"{size / _BYTES_PER_KB:.1f} kB"
