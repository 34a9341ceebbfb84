"""Headers of WAV and AIFF that programs write wrong and other players read all the same, put right for ffmpeg."""

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
_MAX_KEPT_BYTES = 65_536
_PLACEHOLDER = 0x7FFF_0000
_MIN_REST_BYTES = 4_096
_STALE = "the file's header counts less sound than the file has; all of it was read"
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
    """A header to be read in place of a file's own."""

    head: bytes
    begins: int
    """Where the file goes on after it."""
    told: str | None = None
    """A warning's sentence, where something was guessed."""


def repair_of(file: FileIO) -> Repair | None:
    """Find out whether a header needs to be put right, and how.

    A chunk of an odd length is followed by a byte that some programs leave out, after which ffmpeg finds no sound.

    Args:
        file: Any file; it is not moved in.
    """
    start = os.pread(file.fileno(), _HEAD_BYTES, 0)
    order = _FORMS.get((start[:4], start[8:12]))
    if order is None:
        return None
    kept, irregular, sound = b"", False, None
    for place, name, size, skewed in _chunks(file, order):
        irregular |= skewed
        if name in _SOUND:
            sound = sound or place
            if order == "little":
                if _goes_on(file, place + _CHUNK_BYTES, size):
                    head = start + kept + b"data\xff\xff\xff\xff"
                    return Repair(head, place + _CHUNK_BYTES, _STALE)
                break
        elif name in _NEEDED and size <= _MAX_KEPT_BYTES:
            kept += os.pread(file.fileno(), _CHUNK_BYTES + size, place) + bytes(size % 2)
    if not irregular or sound is None:
        return None
    return Repair(start + kept, sound)


def _chunks(file: FileIO, order: _Order) -> Iterator[tuple[int, bytes, int, bool]]:
    """Place, name and size of each chunk, and whether the one before it lacked its last byte."""
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


def _goes_on(file: FileIO, begins: int, size: int) -> bool:
    """Say whether more sound than a WAV counts follows it: a recorder was stopped before it wrote the size again."""
    rest = os.pread(file.fileno(), _MIN_REST_BYTES + 1, begins + size)
    known = any(_ID.fullmatch(rest[place : place + 4]) or rest[place : place + 3] == b"TAG" for place in (0, 1))
    return 0 < size < _PLACEHOLDER and len(rest) > _MIN_REST_BYTES and any(rest) and not known


def _begins_chunk(file: FileIO, place: int, order: _Order, size_bytes: int) -> bool:
    """Say whether a chunk begins at an odd place, and none a byte later, where it should."""
    head = os.pread(file.fileno(), _CHUNK_BYTES + 1, place)

    def fits(start: int) -> bool:
        name, size = head[start : start + 4], int.from_bytes(head[start + 4 : start + 8], order)
        return bool(_ID.fullmatch(name)) and (name in _SOUND or place + start + _CHUNK_BYTES + size <= size_bytes + 1)

    return len(head) > _CHUNK_BYTES and fits(0) and not fits(1)
