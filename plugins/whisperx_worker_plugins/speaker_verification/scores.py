"""Embeddings become similarities, and similarities become names. Pure: numpy, no model, no audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = "unknown"
"""What a voice is called that is nobody's: the contract's word."""

NEARLY_AS_SIMILAR = 0.1
"""A voice may get a person who is not the nearest, where they are no further behind than this."""

VOICES_APART = 0.25
"""Pieces of two voices are at least so much less similar than pieces of one."""


@dataclass(frozen=True)
class Naming:
    """What one voice is called."""

    person: int | None
    """Index of the enrolled person; None is a stranger."""
    similarity: float
    """Cosine with that person, or with the nearest one where it is a stranger, -1..1."""
    runner_up: float | None
    """The highest cosine with anybody else; None where only one person is enrolled."""
    taken: int | None = None
    """The person who is nearest, above the threshold, and already another voice's name."""


def mean_embedding(embeddings: NDArray[np.float32], weights: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """The direction that several embeddings of one voice have in common.

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
    """Cosine of every voice with every person.

    Args:
        voices: Shape (v, d), each of length 1.
        people: Shape (p, d), each of length 1.

    Returns:
        Shape (v, p), -1..1; NaN where an embedding is not finite.
    """
    cosines = voices.astype(np.float64) @ people.astype(np.float64).T
    return np.asarray(np.clip(cosines, -1.0, 1.0))


def name_each(scores: NDArray[np.float64], threshold: float) -> list[Naming]:
    """Call every voice by the nearest person, whoever else is called so.

    Args:
        scores: Shape (voices, people), people > 0, all finite.
        threshold: The lowest cosine that gives a name.
    """
    nearest = scores.argmax(axis=1)
    return [
        _naming(row, int(best) if row[best] >= threshold else None) for row, best in zip(scores, nearest, strict=True)
    ]


def name_once(scores: NDArray[np.float64], threshold: float) -> list[Naming]:
    """Call every voice by a person, no two by the same one: a person goes to the voice that is most like them.

    Pairs are taken by falling similarity. Only those count that reach the threshold and are at most `NEARLY_AS_SIMILAR`
    behind the voice's nearest person: a voice whose person is taken stays a stranger, and does not get the name of
    somebody it hardly sounds like.

    Args:
        scores: Shape (voices, people), people > 0, all finite.
        threshold: The lowest cosine that gives a name.
    """
    allowed = (scores >= threshold) & (scores >= scores.max(axis=1, keepdims=True) - NEARLY_AS_SIMILAR)
    given: dict[int, int] = {}
    for voice, person in sorted(np.argwhere(allowed).tolist(), key=lambda pair: -scores[pair[0], pair[1]]):
        if voice not in given and person not in given.values():
            given[voice] = person
    namings = []
    for voice, row in enumerate(scores):
        named, nearest = given.get(voice), int(row.argmax())
        taken = nearest if named is None or row[named] < row[nearest] else None
        namings.append(_naming(row, named, taken if row[nearest] >= threshold else None))
    return namings


def _naming(row: NDArray[np.float64], person: int | None, taken: int | None = None) -> Naming:
    shown = int(row.argmax()) if person is None else person
    others = np.delete(row, shown)
    return Naming(person, float(row[shown]), float(others.max()) if len(others) else None, taken)


def second_voice(pieces: NDArray[np.float32], threshold: float) -> bool:
    """Whether pieces of one recording fall into two groups that are two voices.

    The pieces are parted by 2-means, beginning with the two least similar ones. They are two voices where the groups'
    means are less similar than `threshold`, and pieces of different groups far less similar than pieces of one
    (`VOICES_APART`): short pieces of one voice may be below a threshold that was measured on longer ones.

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
    apart = cosines[within].mean() - cosines[across].mean()
    return bool(means[0] @ means[1] < threshold and apart > VOICES_APART)
