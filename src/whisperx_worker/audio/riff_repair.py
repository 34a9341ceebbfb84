"""Repair of wrong WAV and AIFF headers that other players read, for ffmpeg."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

_Order = Literal["little", "big"]
_HEAD_BYTES = 12
_CHUNK_BYTES = 8
_MAX_CHUNKS = 1_000
_MAX_COPIED_BYTES = 65_536
_MAX_SIZE = 0xFFFF_FFFF
_PLACEHOLDER = 0x7FFF_0000
_MIN_REST_BYTES = 4_096
_STALE = "the file's header counts less sound than the file has; all of it was read"
_MANY = "the file has its sound in {} chunks of data; they were read one after another"
_ID = re.compile(rb"[A-Za-z][\x20-\x7e]{3}")
_NEEDED = frozenset({b"fmt ", b"fact", b"ds64", b"COMM", b"FVER"})
_SOUND = frozenset({b"data", b"SSND"})
_FORMS: dict[tuple[bytes, bytes], _Order] = {
    (b"RIFF", b"WAVE"): "little",
    (b"RF64", b"WAVE"): "little",
    (b"FORM", b"AIFF"): "big",
    (b"FORM", b"AIFC"): "big",
}


@dataclass(frozen=True)
class Repair:
    """Replacement of a file's header, and the pieces of the file after it."""

    head: bytes
    pieces: tuple[tuple[int, int], ...]
    """Start and end of each piece in the file."""
    warning: str | None = None
    """Sentence of a warning when the repair is a guess."""


def find_repair(file: FileIO) -> Repair | None:
    """Return the repair that a header needs, or None.

    A chunk of odd length is followed by a byte that some programs omit, after which ffmpeg finds no sound. Of several
    sound chunks in a WAV ffmpeg reads only the last one.

    Args:
        file: Any file; its position is not changed.
    """
    start = os.pread(file.fileno(), _HEAD_BYTES, 0)
    order = _FORMS.get((start[:4], start[8:12]))
    if order is None:
        return None
    size_bytes = os.fstat(file.fileno()).st_size
    copied, irregular, block_bytes = b"", False, 1
    sounds: list[tuple[int, int]] = []
    for place, name, size, skewed in _chunks(file, order):
        irregular |= skewed and not (sounds and order == "little")
        begins = place + _CHUNK_BYTES
        if name in _SOUND:
            if order == "little" and not sounds and _has_more_sound(file, begins, size):
                return Repair(start + copied + b"data\xff\xff\xff\xff", ((begins, size_bytes),), _STALE)
            sounds.append((begins, min(begins + size, size_bytes)))
        elif name in _NEEDED and size <= _MAX_COPIED_BYTES and not (sounds and order == "little"):
            content = os.pread(file.fileno(), size, begins)
            copied += os.pread(file.fileno(), _CHUNK_BYTES, place) + content + bytes(size % 2)
            if name == b"fmt ":
                block_bytes = int.from_bytes(content[12:14], "little") or 1
    if order == "little" and len(sounds) > 1:
        return _join(start + copied, sounds, block_bytes)
    if not irregular or not sounds:
        return None
    return Repair(start + copied, ((sounds[0][0] - _CHUNK_BYTES, size_bytes),))


def _join(head: bytes, sounds: list[tuple[int, int]], block_bytes: int) -> Repair:
    """Join sound chunks without their incomplete last frames, which would swap channels."""
    pieces = tuple((begins, ends - (ends - begins) % block_bytes) for begins, ends in sounds)
    total = min(sum(ends - begins for begins, ends in pieces), _MAX_SIZE)
    return Repair(head + b"data" + total.to_bytes(4, "little"), pieces, _MANY.format(len(sounds)))


def _chunks(file: FileIO, order: _Order) -> Iterator[tuple[int, bytes, int, bool]]:
    """Yield place, name and size of each chunk, and whether the previous one lacks its padding."""
    size_bytes, place, skewed = os.fstat(file.fileno()).st_size, _HEAD_BYTES, False
    for _ in range(_MAX_CHUNKS):
        head = os.pread(file.fileno(), _CHUNK_BYTES, place)
        if len(head) < _CHUNK_BYTES or not _ID.fullmatch(head[:4]):
            return
        size = int.from_bytes(head[4:], order)
        yield place, head[:4], size, skewed
        after = place + _CHUNK_BYTES + size
        skewed = bool(size % 2) and _begins_chunk(file, after, order, size_bytes)
        place = after + size % 2 - skewed


def _has_more_sound(file: FileIO, begins: int, size: int) -> bool:
    """Return whether more sound than declared follows, as after a recorder that was stopped."""
    rest = os.pread(file.fileno(), _MIN_REST_BYTES + 1, begins + size)
    known = any(_ID.fullmatch(rest[place : place + 4]) or rest[place : place + 3] == b"TAG" for place in (0, 1))
    return 0 < size < _PLACEHOLDER and len(rest) > _MIN_REST_BYTES and any(rest) and not known


def _begins_chunk(file: FileIO, place: int, order: _Order, size_bytes: int) -> bool:
    """Return whether a chunk begins at an odd place instead of a byte later."""
    head = os.pread(file.fileno(), _CHUNK_BYTES + 1, place)

    def fits(start: int) -> bool:
        name, size = head[start : start + 4], int.from_bytes(head[start + 4 : start + 8], order)
        return bool(_ID.fullmatch(name)) and (name in _SOUND or place + start + _CHUNK_BYTES + size <= size_bytes + 1)

    # `data` and a size that begins with a letter look like a chunk `ata?` too.
    return len(head) > _CHUNK_BYTES and fits(0) and (head[:4] in _SOUND or not fits(1))
