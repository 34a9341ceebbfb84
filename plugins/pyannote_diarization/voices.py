"""Voices become speakers: agglomerative clustering by cosine, with pairs that must stay apart. Pure: numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

APART = 3.0
"""Taken from the affinity of two groups that must stay apart: they are joined after all others, if at all."""


@dataclass(frozen=True, eq=False)
class Voices:
    """Stretches of speech, each of one voice."""

    embeddings: NDArray[np.float32]
    """Shape (n, d): one per stretch, of any length above 0."""
    lengths: NDArray[np.float64]
    """Shape (n,): how much speech is behind each, in any unit."""
    apart: NDArray[np.bool_]
    """Shape (n, n), symmetric: pairs that are not one person."""

    def weighted(self) -> NDArray[np.float32]:
        """Shape (n, d): the embeddings, each as long as there is speech behind it."""
        unit = self.embeddings / np.linalg.norm(self.embeddings, axis=1, keepdims=True)
        return np.asarray(unit * self.lengths[:, None], np.float32)


@dataclass(frozen=True)
class Join:
    """Two groups become one."""

    kept: int
    """Index of the member that the group is called by from now on."""
    gone: int
    affinity: float
    """Cosine of their means, less `APART` where they must stay apart."""


@dataclass(frozen=True)
class Bounds:
    """How many speakers there may be, and what makes one."""

    threshold: float
    """Groups whose affinity is below it are different people."""
    least: float
    """Who speaks less is no speaker of their own, where anybody speaks more; in the unit of `Voices.lengths`."""
    fewest: int = 1
    most: int | None = None
    """None is any number."""


def joins(voices: Voices) -> list[Join]:
    """Join the two most similar groups, again and again, until one is left.

    A group's mean is the sum of its members' embeddings, each counting as much as it is long. The most similar other of
    every group is remembered, which makes it O(n²) in most cases.

    Returns:
        All n - 1 joins in order.
    """
    sums, apart = voices.weighted(), voices.apart.copy()
    unit = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    affinity = unit @ unit.T - APART * apart
    np.fill_diagonal(affinity, -np.inf)
    nearest = affinity.argmax(axis=1)
    made = []
    for _ in range(len(sums) - 1):
        kept = int(affinity[np.arange(len(sums)), nearest].argmax())
        gone = int(nearest[kept])
        made.append(Join(kept, gone, float(affinity[kept, gone])))
        sums[kept] += sums[gone]
        unit[kept] = sums[kept] / max(float(np.linalg.norm(sums[kept])), 1e-9)
        apart[kept] |= apart[gone]
        apart[:, kept] = apart[kept]
        row = np.where(np.isinf(affinity[kept]), -np.inf, unit @ unit[kept] - APART * apart[kept])
        row[gone] = -np.inf
        affinity[kept] = affinity[:, kept] = row
        affinity[gone] = affinity[:, gone] = -np.inf
        stale = (nearest == kept) | (nearest == gone)
        stale[[kept, gone]] = True
        nearest = np.where(row > affinity[np.arange(len(sums)), nearest], kept, nearest)
        nearest[stale] = affinity[stale].argmax(axis=1)
    return made


def speakers(voices: Voices, bounds: Bounds) -> NDArray[np.intp]:
    """Who speaks each stretch.

    Args:
        voices: The stretches.
        bounds: How many speakers there may be; where the stretches do not allow it, there are as many as can be.

    Returns:
        Shape (n,): numbers of speakers, from 0 without a gap.
    """
    if not len(voices.lengths):
        return np.zeros(0, np.intp)
    bounds = replace(bounds, least=min(bounds.least, float(voices.lengths.max())))
    made = joins(voices)
    labels = np.arange(len(voices.lengths))
    for join in made[: _stop(made, voices.lengths, bounds)]:
        labels[labels == join.gone] = join.kept
    return _without_small(np.unique(labels, return_inverse=True)[1], voices, bounds)


def _stop(made: list[Join], lengths: NDArray[np.float64], bounds: Bounds) -> int:
    """How many joins to make: those above the threshold, then more or fewer of them for the number of speakers."""
    size = lengths.copy()
    large = [int((size >= bounds.least).sum())]
    for join in made:
        before = int(size[join.kept] >= bounds.least) + int(size[join.gone] >= bounds.least)
        size[join.kept] += size[join.gone]
        large.append(large[-1] - before + int(size[join.kept] >= bounds.least))
    stop = next((number for number, join in enumerate(made) if join.affinity < bounds.threshold), len(made))
    if bounds.most is not None and large[stop] > bounds.most:
        return next(number for number in range(stop, len(large)) if large[number] <= bounds.most)
    enough = min(bounds.fewest, max(large[: stop + 1]))
    return next(number for number in range(stop, -1, -1) if large[number] >= enough)


def _without_small(labels: NDArray[np.intp], voices: Voices, bounds: Bounds) -> NDArray[np.intp]:
    """Give groups of little speech to the most similar large one that they need not stay apart from."""
    members = np.eye(int(labels.max()) + 1)[labels]
    size = members.T @ voices.lengths
    order = np.argsort(-size, kind="stable")
    large = [group for number, group in enumerate(order) if size[group] >= bounds.least or number < bounds.fewest]
    sums = members.T @ voices.weighted()
    unit = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    affinity = unit @ unit.T - APART * (members.T @ voices.apart @ members > 0)
    owner = np.arange(len(size))
    for group in set(owner.tolist()) - set(large):
        owner[group] = large[int(affinity[group, large].argmax())]
    return np.unique(owner[labels], return_inverse=True)[1]
