"""Faults of a sample of one voice: too little speech, a second voice, clipping. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds

MIN_SPEECH_S: Seconds = 1.0
"""Speech below which a sample is refused."""
PIECE_S: Seconds = 1.5
"""Length of the pieces in which a sample is searched for a second voice."""
CLIPPED_LEVEL = 0.99
"""Level from which a value of sound is at full scale."""
MAX_CLIPPED_SHARE = 0.005
"""Share of sound at full scale above which a sample is refused."""
MIN_VOICE_GAP = 0.25
"""Lowest difference in cosine between pieces of one voice and pieces of two."""
_ROUNDS = 10


def pieces_of(speech: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return a sample's speech in pieces of equal length, to search them for a second voice."""
    return list(np.array_split(speech, max(1, round(len(speech) / SAMPLE_RATE_HZ / PIECE_S))))


def is_clipped(speech: NDArray[np.float32]) -> bool:
    """Return whether the peaks of speech were cut off."""
    return bool(len(speech)) and float((np.abs(speech) >= CLIPPED_LEVEL).mean()) > MAX_CLIPPED_SHARE


def has_two_voices(pieces: NDArray[np.float32], threshold: float) -> bool:
    """Return whether embeddings of pieces form two groups, of at least two each, that are two voices.

    They are split by 2-means from the two least similar ones. They are two voices where the groups' means are below
    the threshold, and pieces of different groups far less similar than pieces of one: short pieces of one voice may be
    below a threshold for longer ones.

    Args:
        pieces: Shape (n, d), each of length 1, all finite.
        threshold: Cosine below which two voices are two people.
    """
    cosines = pieces.astype(np.float64) @ pieces.astype(np.float64).T
    if len(pieces) < 4:  # noqa: PLR2004  each voice needs two
        return False
    first, second = np.unravel_index(cosines.argmin(), cosines.shape)
    is_second = cosines[second] > cosines[first]
    means = pieces[[first, second]].astype(np.float64)
    for _ in range(_ROUNDS):
        if not 2 <= is_second.sum() <= len(pieces) - 2:  # noqa: PLR2004
            return False
        means = np.stack([pieces[~is_second].sum(axis=0), pieces[is_second].sum(axis=0)]).astype(np.float64)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        nearer = pieces @ means.T
        is_second = nearer[:, 1] > nearer[:, 0]
    across = is_second[:, None] != is_second[None, :]
    within = ~across & ~np.eye(len(pieces), dtype=bool)
    if not (across.any() and within.any()):
        return False
    gap = cosines[within].mean() - cosines[across].mean()
    return bool(means[0] @ means[1] < threshold and gap > MIN_VOICE_GAP)
