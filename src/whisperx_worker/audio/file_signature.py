"""Kind of a file by its first bytes, for messages and to refuse files without sound."""

from __future__ import annotations

from typing import NamedTuple


class FileKind(NamedTuple):
    """Kind of a file."""

    name: str
    """Name with its article, for a sentence."""
    sound: bool
    """Whether it may have sound."""


_SIGNATURES = (
    (b"%PDF-", FileKind("a PDF document", sound=False)),
    (b"PK\x03\x04", FileKind("a ZIP archive", sound=False)),
    (b"\x1f\x8b", FileKind("a gzip archive", sound=False)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", sound=False)),
    (b"Rar!\x1a\x07", FileKind("a RAR archive", sound=False)),
    (b"\x89PNG\r\n", FileKind("a picture", sound=False)),
    (b"\xff\xd8\xff", FileKind("a picture", sound=False)),
    (b"GIF8", FileKind("a picture", sound=False)),
    (b"\x7fELF", FileKind("a program", sound=False)),
    (b"RIFF", FileKind("a RIFF file such as WAV", sound=True)),
    (b"RF64", FileKind("WAV", sound=True)),
    (b"OggS", FileKind("Ogg", sound=True)),
    (b"fLaC", FileKind("FLAC", sound=True)),
    (b"ID3", FileKind("MP3", sound=True)),
    (b"\x1a\x45\xdf\xa3", FileKind("Matroska or WebM", sound=True)),
    (b"#!AMR", FileKind("AMR", sound=True)),
    (b"NIST_1A", FileKind("NIST SPHERE", sound=True)),
)
_TEXTS = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<", "an XML document"),
    (b"{", "JSON"),
    (b"[playlist]", "a playlist"),
    (b"[", "JSON"),
    (b"#extm3u", "a playlist"),
    (b"ffconcat", "a playlist"),
)
_BOM = b"\xef\xbb\xbf"
_CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\f\r\x1b")


def identify_file(head: bytes) -> FileKind | None:
    """Return the kind of a file by its first bytes; None when unknown.

    >>> identify_file(b"<!DOCTYPE html><title>Sign in</title>")
    FileKind(name='an HTML page', sound=False)
    """
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[4:8] == b"ftyp":
        return FileKind("MP4", sound=True)
    # In any encoding that the web uses, text has no control characters, and a few hundred bytes of sound have some.
    if not _CONTROLS.isdisjoint(head):
        return None
    start = head.removeprefix(_BOM).lstrip().lower()
    return FileKind(next((name for prefix, name in _TEXTS if start.startswith(prefix)), "plain text"), sound=False)
