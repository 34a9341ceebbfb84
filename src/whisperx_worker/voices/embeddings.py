"""Embeddings of voices, as a speaker model makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
