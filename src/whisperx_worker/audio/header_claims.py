"""Length and size that a file's header declares, and their plausibility."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import FileIO

    from whisperx_worker.types import Seconds

_US_PER_S = 1_000_000
_EXACT = frozenset({"aiff", "au", "caf", "flac", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "w64", "wav"})
"""Containers with a declared duration; for others ffmpeg estimates it from the bit rate."""
_MIN_BITS_PER_S = {"mp2": 8_000, "mp3": 8_000, "mp3float": 8_000, "alac": 1_000, "flac": 1_000, "wavpack": 1_000}
_MIN_BITS_PER_S_ELSE = 4_000
"""Bit rate of speech in any codec; a file with a higher one may have its declared length."""
_CUT_OFF_S = 0.3
_CUT_OFF_SHARE = 0.005
_ID3_HEAD_BYTES = 10
_HEAD_BYTES = 4096
_WAV_PLACEHOLDER = 0x7FFF_0000
"""Size from which a WAV header is a placeholder, as programs write it into a pipe."""
_XING_HAS_FRAMES, _XING_HAS_BYTES = 1, 2
_OGG_MARK = b"OggS\0"
_OGG_HEAD_BYTES = 27
_OGG_LAST_PAGE = 4
_MAX_OGG_PAGE_BYTES = 65_307
_MAX_BOXES = 10_000


@dataclass(frozen=True)
class Claim:
    """Declaration of a file about one of its tracks."""

    end_s: Seconds | None
    """Declared end; None when there is none or it is implausible."""
    possible: bool
    """Whether the size of the file allows for the end."""
    missing_bytes: int | None
    """Bytes missing from the declared size; None when none is declared."""
    missing_s: Seconds = 0.0
    unfinished: bool = False
    """Whether the end mark of the container is missing."""

    def cut_off_from(self, duration_s: Seconds, *, damaged: bool) -> Seconds | None:
        """Return the full length of a track that seems to be cut off, else None.

        Args:
            duration_s: Decoded length.
            damaged: Whether its end cannot be decoded.
        """
        whole_s = max(self.end_s or 0.0, duration_s + self.missing_s)
        if whole_s - duration_s <= max(_CUT_OFF_S, whole_s * _CUT_OFF_SHARE):
            return None
        if self.missing_bytes is None:
            return whole_s if self.possible or damaged else None
        return whole_s if self.missing_bytes else None


def read_claim(container: Any, stream: Any, file: FileIO, max_s: Seconds) -> Claim:  # noqa: ANN401 - av types
    """Read the declaration of a file about a track, and judge its plausibility.

    Args:
        container: An av.InputContainer.
        stream: One of its audio streams.
        file: The same file.
        max_s: Longest recording that is taken; an impossible longer end is ignored.
    """
    size_bytes = os.fstat(file.fileno()).st_size
    missing_bytes = _missing_bytes(file, size_bytes)
    end_s = _declared_s(container, stream, file)
    bits_per_s = _min_bits_per_s(stream.codec_context)
    possible = end_s is not None and 8 * size_bytes >= end_s * bits_per_s
    # For plain samples ffmpeg reports the length of what is there.
    plain = stream.codec_context.name.startswith(("pcm_", "adpcm_"))
    missing_s = 8 * (missing_bytes or 0) / (stream.codec_context.bit_rate or float("inf")) if plain else 0.0
    nonsense = end_s is not None and end_s > max_s and not possible
    return Claim(
        None if nonsense else end_s,
        possible,
        missing_bytes,
        missing_s if missing_s <= max_s else 0.0,
        container.format.name == "ogg" and not _ends_with_last_page(file, size_bytes),
    )


def _min_bits_per_s(codec: Any) -> float:  # noqa: ANN401 - an av.AudioCodecContext
    name = codec.name
    if name.startswith("pcm_") and codec.bit_rate:
        return float(codec.bit_rate) * 0.99
    return _MIN_BITS_PER_S.get(name, _MIN_BITS_PER_S_ELSE)


def _declared_s(container: Any, stream: Any, file: FileIO) -> Seconds | None:  # noqa: ANN401 - av types
    """Return the declared end of a track, or None when ffmpeg only estimates it."""
    if container.format.name not in _EXACT and not (container.format.name == "mp3" and _xing(file)):
        return None
    zero_s = (container.start_time or 0) / _US_PER_S
    if stream.duration is not None and stream.time_base is not None:
        begins_s = float((stream.start_time or 0) * stream.time_base) - zero_s
        return max(0.0, begins_s) + float(stream.duration * stream.time_base)
    if container.duration is not None and not container.streams.video:
        return float(container.duration / _US_PER_S)
    return None


def _missing_bytes(file: FileIO, size_bytes: int) -> int | None:
    """Return the bytes missing from the declared size of a file, or None."""
    head = os.pread(file.fileno(), _HEAD_BYTES, 0)
    whole: int | None = None
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        claimed = int.from_bytes(head[4:8], "little") + 8
        whole = claimed if claimed < _WAV_PLACEHOLDER else None
    elif head[:4] == b"FORM":
        whole = int.from_bytes(head[4:8], "big") + 8
    elif head[:4] == b"\x1a\x45\xdf\xa3":
        whole = _matroska_bytes(head)
    elif head[4:8] == b"ftyp":
        whole = _boxes_bytes(file, size_bytes)
    else:
        begins, counted = _xing(file) or (0, 0)
        whole = begins + counted if counted else None
    return None if whole is None else max(0, whole - size_bytes)


def _ends_with_last_page(file: FileIO, size_bytes: int) -> bool:
    """Return whether an Ogg file ends with a whole page flagged as the last.

    A file with other data at its end counts as such, since the page is then not searched for.
    """
    begins = max(0, size_bytes - 2 * _MAX_OGG_PAGE_BYTES)
    tail = os.pread(file.fileno(), size_bytes - begins, begins)
    if _OGG_MARK not in tail:
        return True
    page = tail[tail.rfind(_OGG_MARK) :]
    if len(page) < _OGG_HEAD_BYTES:
        return False
    segments = page[_OGG_HEAD_BYTES : _OGG_HEAD_BYTES + page[26]]
    whole = len(segments) == page[26] and len(page) >= _OGG_HEAD_BYTES + len(segments) + sum(segments)
    return whole and bool(page[5] & _OGG_LAST_PAGE)


def _matroska_bytes(head: bytes) -> int | None:
    """Return the declared end of a Matroska segment, or None."""
    place = 4
    header, place = _number(head, place)
    place += header or 0
    if head[place : place + 4] != b"\x18\x53\x80\x67":
        return None
    size, place = _number(head, place + 4)
    return None if size is None else place + size


def _number(content: bytes, place: int) -> tuple[int | None, int]:
    """Return an EBML number, None for "unknown", and the place after it."""
    first = content[place] if place < len(content) else 0
    length = 9 - first.bit_length()
    value = int.from_bytes(content[place : place + length], "big") & (1 << 7 * length) - 1
    return (None if value == (1 << 7 * length) - 1 else value), place + length


def _boxes_bytes(file: FileIO, size_bytes: int) -> int:
    """Return the end of the last box of an MP4 file."""
    place = 0
    for _ in range(_MAX_BOXES):
        head = os.pread(file.fileno(), 16, place)
        if len(head) < 8:  # noqa: PLR2004 - size and name
            break
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # noqa: PLR2004 - 0 is "to the end of the file"
            return size_bytes
        place += size
    return place


def _xing(file: FileIO) -> tuple[int, int] | None:
    """Return the place of an MP3's first frame and the bytes that it declares, or None."""
    head = os.pread(file.fileno(), _ID3_HEAD_BYTES, 0)
    begins = 0
    if head[:3] == b"ID3":  # seven bits to a byte
        begins = _ID3_HEAD_BYTES + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10])))
    frame = os.pread(file.fileno(), _HEAD_BYTES, begins)
    if (place := frame.find(b"VBRI")) >= 0:
        return begins, int.from_bytes(frame[place + 10 : place + 14], "big")
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if place < 0:
        return None
    flags, place = int.from_bytes(frame[place + 4 : place + 8], "big"), place + 8
    place += 4 if flags & _XING_HAS_FRAMES else 0
    return begins, int.from_bytes(frame[place : place + 4], "big") if flags & _XING_HAS_BYTES else 0
