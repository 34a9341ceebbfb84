"""Embeddings of voices, as a speaker model makes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker.voices.calibration import Calibration

_REVISION_DIGITS = 12
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class VoiceEmbeddings:
    """Embeddings of several sounds, each of one voice."""

    vectors: NDArray[np.float32] = field(repr=False)
    """Shape (sounds, d), each of length 1; NaN for a sound that cannot be compared."""
    model: str
    """Name of the speaker model, without a path."""
    revision: str
    """Revision of its weights: only embeddings of one revision can be compared."""
    threshold: float
    """Cosine, -1..1, below which two voices are two people, where there is no calibration."""
    calibration: Calibration | None = field(default=None, repr=False)
    """Measured scores of this revision; None where none were measured."""


def file_revision(files: Iterable[Path]) -> str:
    """Return a short hash of the contents of a model's files, in their order.

    Raises:
        OSError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            size = 0
            while block := opened.read(_BLOCK_BYTES):
                digest.update(block)
                size += len(block)
        digest.update(size.to_bytes(8, "little"))
    return digest.hexdigest()[:_REVISION_DIGITS]
