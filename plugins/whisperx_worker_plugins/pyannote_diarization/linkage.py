"""Centroid linkage in memory that grows with the number of points, not with its square. Pure: numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ROWS_AT_ONCE = 512
"""Rows of a matrix of all with all that are there at once."""
_STEPS_BETWEEN_REPORTS = 256


def centroid_labels(
    points: NDArray[np.float32], threshold: float, on_step: Callable[[], None] = lambda: None
) -> NDArray[np.int64]:
    """Cluster by centroid linkage, cut at a distance.

    The two clusters with the nearest centroids become one until no two are within the threshold. SciPy's `linkage` by
    centroids and `fcluster` by distance give the same, and keep the distances of all pairs. Here distances are computed
    when they are needed: of a new centroid to all others, and anew for a cluster whose nearest one may have changed.
    Other threads run meanwhile.

    Args:
        points: Shape (n, d), n > 0, all finite, of length 1.
        threshold: Distance above which two clusters stay apart.
        on_step: Called often; what it raises ends the work.

    Returns:
        Shape (n,): clusters, numbered from 0.

    Raises:
        ValueError: When a number is not finite.
    """
    if not np.isfinite(points).all():
        raise ValueError("points to cluster must be finite")
    merging = _Merging.of(np.array(points, np.float32))
    own = np.arange(len(points))
    parents = own.copy()
    step = 0
    while len(merging.size) > 1:
        if step % _STEPS_BETWEEN_REPORTS == 0:
            on_step()
            if merging.alive < 0.75 * len(merging.size):
                own = own[merging.compact()]
        step += 1
        pair = merging.next_pair(threshold**2)
        if pair is None:
            break
        parents[own[pair[0]]] = own[pair[1]]
        merging.merge(*pair)
    while (parents[parents] != parents).any():
        parents = parents[parents]
    return np.asarray(np.unique(parents, return_inverse=True)[1].reshape(-1), np.int64)


@dataclass
class _Merging:
    """Clusters that are being merged. A cluster that is gone is infinitely far from all."""

    centroid: NDArray[np.float32]
    """Shape (clusters, d)."""
    square: NDArray[np.float32]
    """Shape (clusters,): squared length of each centroid; infinite where it is gone."""
    size: NDArray[np.float32]
    nearest: NDArray[np.int64]
    """A cluster to which each is near."""
    nearest_d: NDArray[np.float32]
    """Squared distance to it."""
    others_d: NDArray[np.float32]
    """No other cluster is nearer than this, squared; it may be too low, never too high."""
    alive: int

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> _Merging:
        """Every point a cluster."""
        count = len(points)
        square = np.einsum("nd,nd->n", points, points)
        merging = cls(
            points, square, np.ones(count, np.float32), np.zeros(count, np.int64), np.zeros(count, np.float32),
            np.zeros(count, np.float32), count,
        )  # fmt: skip
        for first in range(0, count, _ROWS_AT_ONCE):
            rows = np.arange(first, min(first + _ROWS_AT_ONCE, count))
            merging.look(rows)
        return merging

    def distances(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Squared distances, shape (rows, clusters); infinite to itself and to what is gone."""
        found = np.asarray(self.centroid[rows] @ self.centroid.T, np.float32)
        found *= -2
        found += self.square
        found += self.square[rows, None]
        np.maximum(found, 0, out=found)
        found[np.arange(len(rows)), rows] = np.inf
        return found

    def look(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Find the nearest of some clusters anew; what `distances` gives, without the nearest."""
        found = self.distances(rows)
        self.nearest[rows] = nearest = found.argmin(axis=1)
        place = np.arange(len(rows)), nearest
        self.nearest_d[rows] = found[place]
        kept = found[place]
        found[place] = np.inf
        self.others_d[rows] = found.min(axis=1)
        found[place] = kept
        return found

    def next_pair(self, most_d: float) -> tuple[int, int] | None:
        """The two nearest clusters, if they are no further apart than this, squared."""
        while True:
            least = np.minimum(self.nearest_d, self.others_d)
            row = int(least.argmin())
            if not least[row] <= most_d:
                return None
            if self.nearest_d[row] <= self.others_d[row]:
                return row, int(self.nearest[row])
            self.look(np.array([row]))

    def merge(self, gone: int, kept: int) -> None:
        """Make two clusters one."""
        total = self.size[gone] + self.size[kept]
        share = self.size[gone] / total
        self.centroid[kept] += share * (self.centroid[gone] - self.centroid[kept])
        self.size[kept] = total
        self.square[kept] = self.centroid[kept] @ self.centroid[kept]
        self.square[gone] = self.nearest_d[gone] = self.others_d[gone] = np.inf
        self.alive -= 1
        found = self.look(np.array([kept]))[0]
        was_near = (self.nearest == gone) | (self.nearest == kept)
        # What was nearest is now one of the others, where the new cluster takes its place.
        others_d = np.where(was_near, self.others_d, np.minimum(self.others_d, np.maximum(self.nearest_d, found)))
        nearer = was_near | (found < self.nearest_d)
        others_d[kept], nearer[[kept, gone]] = self.others_d[kept], False
        self.others_d = np.where(np.isinf(self.square), np.inf, others_d).astype(np.float32)
        self.nearest[nearer] = kept
        self.nearest_d[nearer] = found[nearer]

    def compact(self) -> NDArray[np.int64]:
        """Drop what is gone; the former index of each cluster that stays, shape (clusters,)."""
        stays = np.flatnonzero(np.isfinite(self.square))
        place = np.zeros(len(self.square), np.int64)
        place[stays] = np.arange(len(stays))
        self.nearest = place[self.nearest[stays]]
        for name in ("centroid", "square", "size", "nearest_d", "others_d"):
            setattr(self, name, getattr(self, name)[stays])
        return stays
