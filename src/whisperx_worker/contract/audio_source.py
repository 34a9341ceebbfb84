"""Source of a job's audio: a URL, the audio itself or a local path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

from whisperx_worker.contract.base64_audio import MIN_LENGTH, base64_mistakes, is_base64
from whisperx_worker.contract.fields import shown
from whisperx_worker.contract.web_url import url_mistake

if TYPE_CHECKING:
    from collections.abc import Collection

_WEB = re.compile(r"[ \r\n]*https?://", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(//)?")
_MEDIA_SUFFIXES = frozenset(
    re.findall(
        r"\w+",
        "3g2 3ga 3gp aac ac3 aif aifc aiff alac amr ape asf au avi awb caf dat dts dvf eac3 flac flv gsm m2ts m4a m4b "
        "m4p m4r m4v mka mkv mov mp1 mp2 mp3 mp4 mpc mpe mpeg mpg mpga msv mts mxf nut oga ogg ogv ogx opus qt ra ram "
        "raw rec rf64 rm sln snd sph spx tak tta ts vob voc vox w64 wav wave weba webm wma wmv wv",
    )
)
"""Media suffixes; other text after a dot belongs to the name, such as a date or an initial."""


@dataclass(frozen=True)
class UrlSource:
    """A URL, of whatever scheme; only http(s) is valid."""

    url: str
    """Without the white space that copying leaves around it."""


@dataclass(frozen=True)
class InlineAudio:
    """The audio itself."""

    text: str = field(repr=False)
    """Base64, bare or in a `data:` URI."""


@dataclass(frozen=True)
class LocalPath:
    """A file of this machine, named by a person who uses it."""

    text: str
    """The path as it was written."""

    @property
    def path(self) -> Path:
        """Path of the file."""
        return Path(self.text)


@dataclass(frozen=True)
class PluginAddress:
    """An address of a scheme that a plugin fetches."""

    address: str = field(repr=False)
    """As the job has it."""
    scheme: str
    """In small letters."""


AudioSource: TypeAlias = UrlSource | InlineAudio | LocalPath | PluginAddress
"""Source of a recording or of a speaker's sample."""


def parse_source(text: str, *, local: bool, schemes: Collection[str] = ()) -> AudioSource:
    """Parse a URL, a `data:` URI, bare base64 or, where `local`, a path.

    Where paths are allowed, the name of an existing file is a path, whatever it looks like.

    Args:
        text: The text.
        local: Whether paths are allowed.
        schemes: Schemes of addresses that plugins fetch, in small letters.
    """
    if local and _is_file(text):
        return LocalPath(text)
    if text.startswith("data:"):
        return InlineAudio(text)
    scheme = _SCHEME.match(text)
    if scheme and scheme[2] and scheme[1].lower() in schemes:
        return PluginAddress(text, scheme[1].lower())
    if _WEB.match(text) or (scheme and (scheme[2] or not local or scheme[1].lower() in {"http", "https"})):
        return UrlSource(_trim(text))
    return LocalPath(text) if local and _resembles_path(text) else InlineAudio(text)


def source_stem(source: AudioSource) -> str:
    """Return the file name of a source without folders and media suffix, or "".

    >>> source_stem(UrlSource("https://host.example/calls/May%2012.wav?token=1"))
    'May 12'
    """
    match source:
        case InlineAudio():
            return ""
        case UrlSource(url) | PluginAddress(url):
            name = PurePosixPath(unquote(urlsplit(url).path)).name
        case LocalPath(text):
            name = PurePosixPath(text).name
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and stem and suffix.lower() in _MEDIA_SUFFIXES else name


def source_mistakes(name: str, source: AudioSource) -> list[str]:
    """Return the mistakes in a source that can be seen without opening it.

    Args:
        name: The field's name, for the message.
        source: As parsed from the field.
    """
    match source:
        case UrlSource(url):
            mistake = url_mistake(url)
            return [f"{name} {mistake}"] if mistake else []
        case LocalPath(text):
            if _is_file(text):
                return []
            path = source.path
            found = (
                "is a folder, not a recording" if path.is_dir() else "is no file" if path.exists() else "does not exist"
            )
            return [f"{name}: {shown(text)} {found}"]
        case PluginAddress():
            return []
        case InlineAudio(text) if text.startswith("data:"):
            return base64_mistakes(name, text)
        case InlineAudio(text):
            return [] if is_base64(text) else [f"{name} must be an http(s) URL, a data: URI or base64"]


def _trim(url: str) -> str:
    """Strip the white space around a web URL; URLs of other schemes stay as they are."""
    return url.strip(" \t\r\n") if _WEB.match(url) else url


def _resembles_path(text: str) -> bool:
    """Return whether text that is no URL is more likely a path than base64."""
    return len(text) < MIN_LENGTH or not is_base64(text)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:
        return False
