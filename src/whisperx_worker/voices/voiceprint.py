"""Voiceprint: an embedding of a voice as an opaque text, with its model and a checksum.

The text is a prefix with the version, then base64 for URLs of: a head of 14 bytes (length of the names, dimension,
seconds of speech, CRC-32 of all the rest), the names of model and revision as UTF-8 with a newline between them, and
the embedding as float32, all little-endian. It is biometric data: it belongs in no log, warning or error.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.errors import BadInputError
from whisperx_worker.logs import redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds

VOICEPRINT_PREFIX = "voiceprint1_"
"""Start of every voiceprint of this version."""

_HEAD = struct.Struct("<HIfI")
_MAX_DIMENSION = 4_096
_LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Voiceprint:
    """Embedding of one voice."""

    embedding: NDArray[np.float32] = field(repr=False)
    """Shape (d,), of length 1."""
    model: str
    """Name of the speaker model, for people."""
    revision: str
    """Revision of its weights: only embeddings of one revision can be compared."""
    speech_s: Seconds
    """How much speech it was made of."""


def write_voiceprint(voiceprint: Voiceprint) -> str:
    """Return a voiceprint as text; in a job no fragment of it is logged."""
    names = f"{voiceprint.model}\n{voiceprint.revision}".encode()
    vector = voiceprint.embedding.astype("<f4").tobytes()
    facts = len(names), len(voiceprint.embedding), voiceprint.speech_s
    checksum = zlib.crc32(_HEAD.pack(*facts, 0) + names + vector)
    text = VOICEPRINT_PREFIX + base64.urlsafe_b64encode(_HEAD.pack(*facts, checksum) + names + vector).decode()
    redaction.hide_voiceprint(text)
    return text


def read_voiceprint(text: str) -> Voiceprint:
    """Read a voiceprint.

    Raises:
        BadInputError: It is none, of another version, or damaged; the sentence goes after its place in the request.
    """
    if not text.startswith(VOICEPRINT_PREFIX):
        version = text.startswith(VOICEPRINT_PREFIX.rstrip("1_"))
        raise BadInputError(
            "is a voiceprint of a version that this worker does not know" if version else "is no voiceprint"
        )
    try:
        content = base64.b64decode(text[len(VOICEPRINT_PREFIX) :].encode("ascii"), altchars=b"-_", validate=True)
        names_bytes, dimension, speech_s, checksum = _HEAD.unpack_from(content)
        names, vector = content[_HEAD.size : _HEAD.size + names_bytes], content[_HEAD.size + names_bytes :]
        sound = zlib.crc32(_HEAD.pack(names_bytes, dimension, speech_s, 0) + names + vector) == checksum
        model, _, revision = names.decode().partition("\n")
    except (ValueError, binascii.Error, struct.error):
        raise BadInputError("is damaged or cut off") from None
    embedding = np.frombuffer(vector, "<f4").astype(np.float32) if len(vector) == 4 * dimension else None
    if not sound or embedding is None or not 0 < dimension <= _MAX_DIMENSION:
        raise BadInputError("is damaged or cut off")
    if not (abs(float(np.linalg.norm(embedding)) - 1) < _LENGTH_TOLERANCE and 0 <= speech_s < math.inf):
        raise BadInputError("has no embedding of length 1")
    return Voiceprint(embedding, model, revision, float(speech_s))
