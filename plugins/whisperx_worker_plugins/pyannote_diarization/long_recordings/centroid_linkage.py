"""Centroid linkage in memory that is linear in the number of points. Pure: numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ROWS_PER_BLOCK = 512
"""Rows of the distance matrix in memory at one time."""
_STEPS_BETWEEN_CALLS = 256


def centroid_labels(
    points: NDArray[np.float32], threshold: float, on_step: Callable[[], None] = lambda: None
) -> NDArray[np.int64]:
    """Cluster by centroid linkage, cut at a distance.

    The two clusters with the nearest centroids are merged until no two are within the threshold. SciPy's `linkage` by
    centroids and `fcluster` by distance give the same, and keep the distances of all pairs. Here distances are computed
    when they are needed: of a new centroid to all others, and anew for a cluster whose nearest one may have changed.
    Other threads run meanwhile.

    Args:
        points: Shape (n, d), n > 0, all finite, of length 1.
        threshold: Distance above which two clusters are not merged.
        on_step: Called often; an exception of it ends the work.

    Returns:
        Shape (n,): clusters, numbered from 0.

    Raises:
        ValueError: When a number is not finite.
    """
    if not np.isfinite(points).all():
        raise ValueError("points to cluster must be finite")
    clusters = _Clusters.of_points(np.array(points, np.float32))
    index = np.arange(len(points))
    parents = index.copy()
    step = 0
    while len(clusters.size) > 1:
        if step % _STEPS_BETWEEN_CALLS == 0:
            on_step()
            if clusters.alive < 0.75 * len(clusters.size):
                index = index[clusters.compact()]
        step += 1
        pair = clusters.nearest_pair(threshold**2)
        if pair is None:
            break
        parents[index[pair[0]]] = index[pair[1]]
        clusters.merge(*pair)
    while (parents[parents] != parents).any():
        parents = parents[parents]
    return np.asarray(np.unique(parents, return_inverse=True)[1].reshape(-1), np.int64)


@dataclass
class _Clusters:
    """Clusters that are being merged; an absorbed one is infinitely far from all."""

    centroid: NDArray[np.float32]
    """Shape (clusters, d)."""
    square: NDArray[np.float32]
    """Shape (clusters,): squared length of each centroid; infinite where it is absorbed."""
    size: NDArray[np.float32]
    nearest: NDArray[np.int64]
    """Index of a near cluster of each."""
    nearest_d: NDArray[np.float32]
    """Squared distance to it."""
    others_d: NDArray[np.float32]
    """Lower bound of the squared distance to any other cluster."""
    alive: int

    @classmethod
    def of_points(cls, points: NDArray[np.float32]) -> _Clusters:
        """Return one cluster per point."""
        count = len(points)
        square = np.einsum("nd,nd->n", points, points)
        clusters = cls(
            points, square, np.ones(count, np.float32), np.zeros(count, np.int64), np.zeros(count, np.float32),
            np.zeros(count, np.float32), count,
        )  # fmt: skip
        for first in range(0, count, _ROWS_PER_BLOCK):
            rows = np.arange(first, min(first + _ROWS_PER_BLOCK, count))
            clusters.update_nearest(rows)
        return clusters

    def distances(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return squared distances, shape (rows, clusters); infinite to itself and to absorbed ones."""
        squared = np.asarray(self.centroid[rows] @ self.centroid.T, np.float32)
        squared *= -2
        squared += self.square
        squared += self.square[rows, None]
        np.maximum(squared, 0, out=squared)
        squared[np.arange(len(rows)), rows] = np.inf
        return squared

    def update_nearest(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Find the nearest clusters of some anew, and return their `distances`."""
        squared = self.distances(rows)
        self.nearest[rows] = nearest = squared.argmin(axis=1)
        cells = np.arange(len(rows)), nearest
        self.nearest_d[rows] = squared[cells]
        lowest = squared[cells]
        squared[cells] = np.inf
        self.others_d[rows] = squared.min(axis=1)
        squared[cells] = lowest
        return squared

    def nearest_pair(self, max_d: float) -> tuple[int, int] | None:
        """Return the two nearest clusters; None where their squared distance is above `max_d`."""
        while True:
            lower_bound = np.minimum(self.nearest_d, self.others_d)
            row = int(lower_bound.argmin())
            if not lower_bound[row] <= max_d:
                return None
            if self.nearest_d[row] <= self.others_d[row]:
                return row, int(self.nearest[row])
            self.update_nearest(np.array([row]))

    def merge(self, absorbed: int, target: int) -> None:
        """Merge one cluster into another."""
        total = self.size[absorbed] + self.size[target]
        share = self.size[absorbed] / total
        self.centroid[target] += share * (self.centroid[absorbed] - self.centroid[target])
        self.size[target] = total
        self.square[target] = self.centroid[target] @ self.centroid[target]
        self.square[absorbed] = self.nearest_d[absorbed] = self.others_d[absorbed] = np.inf
        self.alive -= 1
        squared = self.update_nearest(np.array([target]))[0]
        was_near = (self.nearest == absorbed) | (self.nearest == target)
        # The former nearest is now one of the others, and the new cluster takes its place.
        others_d = np.where(was_near, self.others_d, np.minimum(self.others_d, np.maximum(self.nearest_d, squared)))
        nearer = was_near | (squared < self.nearest_d)
        others_d[target], nearer[[target, absorbed]] = self.others_d[target], False
        self.others_d = np.where(np.isinf(self.square), np.inf, others_d).astype(np.float32)
        self.nearest[nearer] = target
        self.nearest_d[nearer] = squared[nearer]

    def compact(self) -> NDArray[np.int64]:
        """Drop absorbed clusters, and return the former index of each other one, shape (clusters,)."""
        remaining = np.flatnonzero(np.isfinite(self.square))
        new_index = np.zeros(len(self.square), np.int64)
        new_index[remaining] = np.arange(len(remaining))
        self.nearest = new_index[self.nearest[remaining]]
        for name in ("centroid", "square", "size", "nearest_d", "others_d"):
            setattr(self, name, getattr(self, name)[remaining])
        return remaining
