"""Means and similarities of embeddings. Pure: numpy, no model, no audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_VOICE_GAP = 0.25
"""Lowest difference in similarity between pieces of one voice and pieces of two."""


def mean_embedding(embeddings: NDArray[np.float32], weights: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """Return the mean direction of several embeddings of one voice.

    Args:
        embeddings: Shape (n, d), each of length 1; rows that are not finite do not count.
        weights: Shape (n,), how much each counts, such as seconds; else all the same.

    Returns:
        Shape (d,), of length 1; NaN where no row counts or they cancel each other out.
    """
    finite = np.isfinite(embeddings).all(axis=1)
    chosen = np.ones(len(embeddings)) if weights is None else weights
    total = np.asarray((embeddings[finite] * chosen[finite, None]).sum(axis=0), np.float64)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length if length > 1e-6 else np.full_like(total, np.nan), np.float32)  # noqa: PLR2004


def similarities(voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of every voice with every person.

    Args:
        voices: Shape (v, d), each of length 1.
        people: Shape (p, d), each of length 1.

    Returns:
        Shape (v, p), -1..1; NaN where an embedding is not finite.
    """
    cosines = voices.astype(np.float64) @ people.astype(np.float64).T
    return np.asarray(np.clip(cosines, -1.0, 1.0))


def has_two_voices(pieces: NDArray[np.float32], threshold: float) -> bool:
    """Return whether pieces of one recording form two groups that are two voices.

    The pieces are split by 2-means, beginning with the two least similar ones. They are two voices where the groups'
    means are less similar than `threshold`, and pieces of different groups far less similar than pieces of one
    (`MIN_VOICE_GAP`): short pieces of one voice may be below a threshold that was measured on longer ones.

    Args:
        pieces: Shape (n, d), each of length 1, all finite. Fewer than 4 can never be two voices: each needs two.
        threshold: Similarity below which two voices are two people.
    """
    if len(pieces) < 4:  # noqa: PLR2004
        return False
    cosines = pieces.astype(np.float64) @ pieces.astype(np.float64).T
    first, second = np.unravel_index(cosines.argmin(), cosines.shape)
    is_second = cosines[second] > cosines[first]
    for _ in range(10):
        if not 2 <= is_second.sum() <= len(pieces) - 2:  # noqa: PLR2004
            return False
        means = np.stack([mean_embedding(pieces[~is_second]), mean_embedding(pieces[is_second])])
        nearer = similarities(pieces, means)
        is_second = nearer[:, 1] > nearer[:, 0]
    if not 2 <= is_second.sum() <= len(pieces) - 2:  # noqa: PLR2004
        return False
    across = is_second[:, None] != is_second[None, :]
    within = ~across & ~np.eye(len(pieces), dtype=bool)
    gap = cosines[within].mean() - cosines[across].mean()
    return bool(means[0] @ means[1] < threshold and gap > MIN_VOICE_GAP)
