"""Scores of two voices that hold across bands: the cosine without what differs between recording conditions.

Embeddings are taken from their mean, and the directions are removed in which one person's recordings of two conditions
differ most (nuisance attribute projection: Solomonoff, Quillen, Campbell, "Channel compensation for SVM speaker
recognition", 2004). The cosine then counts from the mean of the nearest embeddings of other people, where these are
nearer than any of the measured people had them: voices in a crowd, such as changes of one voice, need more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTIONS = 4
"""Number of directions that are removed."""
NEAREST = 20
"""Number of nearest embeddings of the cohort that a crowd is measured by."""
_MIN_LENGTH = 1e-6
_MIN_REST = 0.02
"""Lowest distance of a crowd's cosine from 1."""


@dataclass(frozen=True, eq=False)
class ScoreSpace:
    """Space in which voices are compared."""

    centre: NDArray[np.float64] = field(repr=False)
    """Shape (d,): mean of the conditions' means."""
    directions: NDArray[np.float64] = field(repr=False)
    """Shape (r, d), orthonormal: what is removed."""
    cohort: NDArray[np.float64] = field(repr=False)
    """Shape (c, d), projected, each of length 1: people without names."""
    crowd: float
    """Highest mean cosine of a measured recording with its nearest ones of other people."""

    def project(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return embeddings in this space, shape (n, d), each of length 1."""
        moved = np.asarray(vectors, np.float64) - self.centre
        return _of_length_one(moved - moved @ self.directions.T @ self.directions)

    def scores(self, voices: NDArray[np.floating], people: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the score of every voice with every person.

        Args:
            voices: Shape (v, d), each of length 1.
            people: Shape (p, d), each of length 1.

        Returns:
            Shape (v, p), at most 1.
        """
        left, right = self.project(voices), self.project(people)
        cosines = left @ right.T
        starts = self._starts(left)[:, None], self._starts(right)[None, :]
        return np.asarray(sum((cosines - start) / (1 - start) for start in starts) / 2)

    def _starts(self, projected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the cosine from which each embedding's scores count, shape (n,)."""
        return np.clip(_nearness(projected @ self.cohort.T), self.crowd, 1 - _MIN_REST)


def fit(
    embeddings: NDArray[np.floating],
    people: NDArray[np.intp],
    conditions: NDArray[np.intp],
    others: NDArray[np.floating] | None = None,
) -> ScoreSpace:
    """Return the space of recordings of known people.

    Args:
        embeddings: Shape (n, d), each of length 1.
        people: Shape (n,): the person of each.
        conditions: Shape (n,): the condition of each, such as its band.
        others: Shape (m, d): more of the cohort, such as synthetic people.
    """
    vectors = np.asarray(embeddings, np.float64)
    centre = np.mean([vectors[conditions == one].mean(axis=0) for one in np.unique(conditions)], axis=0)
    space = ScoreSpace(centre, _directions(vectors, people, conditions), np.empty((0, vectors.shape[1])), 0.0)
    cohort = space.project(vectors if others is None else np.concatenate([vectors, others]))
    cosines = cohort[: len(vectors)] @ cohort.T
    cosines[:, : len(vectors)][people[:, None] == people[None, :]] = -1.0
    crowd = min(float(_nearness(cosines).max()), 1 - _MIN_REST)
    return ScoreSpace(space.centre, space.directions, cohort, crowd)


def _directions(
    vectors: NDArray[np.float64], people: NDArray[np.intp], conditions: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the directions in which the conditions of one person differ most, shape (r, d)."""
    differences = []
    for person in np.unique(people):
        means = [
            vectors[(people == person) & (conditions == one)].mean(axis=0)
            for one in np.unique(conditions[people == person])
        ]
        differences += [mean - means[0] for mean in means[1:]]
    if not differences:
        return np.empty((0, vectors.shape[1]))
    count = min(DIRECTIONS, len(differences) // 2, vectors.shape[1] // 4)
    return np.asarray(np.linalg.svd(np.stack(differences), full_matrices=False)[2][:count])


def _nearness(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the highest cosines of each row."""
    return np.asarray(np.sort(cosines, axis=1)[:, -NEAREST:].mean(axis=1))


def _of_length_one(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _MIN_LENGTH))
