"""Silence frames of AMR, which are no damage. Pure.

Telephones send next to nothing in a pause: now and then a description of the noise (SID), and otherwise an empty frame
(NO_DATA). ffmpeg's decoders of AMR refuse both as not implemented; its other decoders make silence or noise of theirs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["sound", "silence", "lost"]

FRAME_S = 0.02
"""Length of a frame of AMR; a packet may have several."""


class _Amr(NamedTuple):
    """Frame types of one kind of AMR, numbered as in RFC 4867."""

    sizes: tuple[int, ...]
    """Size of a frame in bytes by its type; 1 for other types."""
    kinds: dict[int, Kind]
    """Kind of the frame types without sound."""


_AMR = {
    "amrnb": _Amr((13, 14, 16, 18, 20, 21, 27, 32, 6), {8: "silence", 15: "silence"}),
    "amrwb": _Amr((18, 24, 33, 37, 41, 47, 51, 59, 61, 6), {9: "silence", 14: "lost", 15: "silence"}),
}


def has_silence(codec: str) -> bool:
    """Return whether packets of a codec, by its ffmpeg name, may have silence frames."""
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
