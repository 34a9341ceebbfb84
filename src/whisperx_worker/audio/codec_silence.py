"""Packets in which a codec says that nobody speaks. They hold no sound, and that is no damage. Pure.

Telephones send next to nothing in a pause: now and then a description of the noise (SID), and otherwise an empty frame
(NO_DATA). ffmpeg's decoders of AMR refuse both as not implemented; its other decoders make silence or noise of theirs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["sound", "silence", "lost"]

FRAME_S = 0.02
"""Length of every frame of AMR; some containers count a packet of several as one."""


class _Amr(NamedTuple):
    """Frame types of one kind of AMR, as RFC 4867 numbers them in four bits of a frame's first byte."""

    sizes: tuple[int, ...]
    """Bytes of a frame by its type, the first byte included; of those that are not here, 1."""
    kinds: dict[int, Kind]
    """What a frame is by its type, where it is no sound."""


_AMR = {
    "amrnb": _Amr((13, 14, 16, 18, 20, 21, 27, 32, 6), {8: "silence", 15: "silence"}),
    "amrwb": _Amr((18, 24, 33, 37, 41, 47, 51, 59, 61, 6), {9: "silence", 14: "lost", 15: "silence"}),
}


def has_silence(codec: str) -> bool:
    """Say whether packets of a codec, as ffmpeg names it, are to be looked at."""
    return codec in _AMR


def parts_of(codec: str, content: bytes) -> list[tuple[bytes, Kind]]:
    """Split a packet into its frames.

    Args:
        codec: One that `has_silence`.
        content: The whole packet, of one frame or more.

    Returns:
        Each frame, and whether it holds sound, says silence, or says that the network lost it.

    >>> parts_of("amrnb", bytes([0x7C, 0x7C]))
    [(b'|', 'silence'), (b'|', 'silence')]
    """
    form, start = _AMR[codec], 0
    parts: list[tuple[bytes, Kind]] = []
    while start < len(content):
        kind = content[start] >> 3 & 15
        end = start + (form.sizes[kind] if kind < len(form.sizes) else 1)
        parts.append((content[start:end], form.kinds.get(kind, "sound")))
        start = end
    return parts
