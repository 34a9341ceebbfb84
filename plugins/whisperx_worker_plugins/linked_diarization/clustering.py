"""Ward's clustering of embedded pieces, with pairs that should not be linked. Pure: numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from whisperx_worker import Seconds

SATURATION_S: Seconds = 5.0
"""Limit of the weight of a group's speech: its pieces are not independent."""
SAME_TRACK_DISCOUNT = 0.4
"""Part by which merging pieces of one track costs less."""
CANNOT_LINK_COST = 0.2
"""Cost of a merge per second that a window contains as two speakers.

The window can be wrong.
"""
MAX_GROUPS = 2_000
"""Number of pieces above which neighbours are merged first.

Time and memory grow with the square of the number.
"""
PRECLUSTERING_PART = 0.5
"""Part of the threshold up to which neighbours are merged first."""
MAX_REASSIGNMENTS = 10
"""Rounds in which each piece goes to the nearest speaker."""


@dataclass(frozen=True, eq=False)
class EmbeddedPieces:
    """Pieces of speech with an embedding each."""

    embeddings: NDArray[np.float32]
    """Shape (n, d), of length 1."""
    weights_s: NDArray[np.float64]
    """Shape (n,): seconds of speech of each."""
    track: NDArray[np.intp]
    """Shape (n,): index of the track of each."""
    cannot_link: NDArray[np.intp]
    """Shape (pairs, 2): pairs that a window contains as two speakers, each once."""

    def between(self, first: int, after: int) -> EmbeddedPieces:
        """Return the pieces of a range of indices."""
        inside = ((self.cannot_link >= first) & (self.cannot_link < after)).all(axis=1)
        rows = slice(first, after)
        return EmbeddedPieces(
            self.embeddings[rows], self.weights_s[rows], self.track[rows], self.cannot_link[inside] - first
        )

    def same_track(self, group: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the probability that two groups speak in one track, shape (groups, groups)."""
        share = np.zeros((int(group.max()) + 1, int(self.track.max()) + 1), np.float32)
        np.add.at(share, (group, self.track), self.weights_s / self.speech_s(group)[group])
        return np.asarray(share @ share.T)

    def cannot_link_cost(self, group: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cost of merging each two groups against `cannot_link`, shape (groups, groups)."""
        costs = np.zeros((int(group.max()) + 1,) * 2, np.float32)
        shorter = self.weights_s[self.cannot_link].min(axis=1)
        for one, other in (self.cannot_link.T, self.cannot_link.T[::-1]):
            np.add.at(costs, (group[one], group[other]), CANNOT_LINK_COST * shorter)
        return costs

    def speech_s(self, group: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the seconds of speech of each group, shape (groups,)."""
        return np.asarray(np.bincount(group, self.weights_s), np.float64)

    def means(self, group: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the mean embedding of each group, weighted by speech, shape (groups, d)."""
        sums = np.zeros((int(group.max()) + 1, self.embeddings.shape[1]))
        np.add.at(sums, group, self.embeddings * self.weights_s[:, None])
        return np.asarray(sums / self.speech_s(group)[:, None])


@dataclass(frozen=True)
class Merge:
    """Two groups merged into one."""

    target: int
    """Index of the group that grows."""
    absorbed: int
    """Index of the group that no longer exists."""
    cost: float


@dataclass(frozen=True)
class SpeakerBounds:
    """Bounds of the number of speakers, and of what makes one."""

    threshold: float
    """Cost above which two groups are two speakers."""
    min_speech_s: Seconds
    """Speech below which a group is no speaker, where another group has more."""
    min_speakers: int = 1
    max_speakers: int | None = None
    """None is any number."""


def linkage(pieces: EmbeddedPieces, group: NDArray[np.intp]) -> list[Merge]:
    """Merge the two groups with the lowest cost until one is left.

    The cost is Ward's ("Hierarchical grouping to optimize an objective function", 1963), by how much the squared
    distances to the means grow: |a - b|² g h / (g + h), for groups with means a and b and g and h seconds of speech.
    Here s seconds count as s / (1 + s / `SATURATION_S`), groups of one track cost less, and `cannot_link` costs more.

    Args:
        pieces: The pieces.
        group: Shape (n,): the group that each is in to begin with, from 0 without a gap.

    Returns:
        All merges in order, one less than there are groups.
    """
    mean, seconds = pieces.means(group), pieces.speech_s(group)
    same_track, cannot_link_cost = pieces.same_track(group), pieces.cannot_link_cost(group)
    alive = np.ones(len(seconds), dtype=bool)

    def costs_of(group: int) -> NDArray[np.float64]:
        speech = seconds / (1 + seconds / SATURATION_S)
        distance = ((mean - mean[group]) ** 2).sum(axis=1) * speech * speech[group] / (speech + speech[group])
        costs = distance * (1 - SAME_TRACK_DISCOUNT * same_track[group]) + cannot_link_cost[group]
        costs[~alive] = costs[group] = np.inf
        return np.asarray(costs)

    costs = np.stack([costs_of(group) for group in range(len(seconds))]).astype(np.float32)
    nearest = costs.argmin(axis=1)
    merges = []
    for _ in range(len(seconds) - 1):
        target = int(costs[np.arange(len(seconds)), nearest].argmin())
        absorbed = int(nearest[target])
        merges.append(Merge(target, absorbed, float(costs[target, absorbed])))
        share = seconds[[target, absorbed]] / seconds[[target, absorbed]].sum()
        mean[target] = share @ mean[[target, absorbed]]
        same_track[target] = same_track[:, target] = share @ same_track[[target, absorbed]]
        cannot_link_cost[target] = cannot_link_cost[:, target] = cannot_link_cost[target] + cannot_link_cost[absorbed]
        seconds[target] += seconds[absorbed]
        alive[absorbed] = False
        costs[absorbed] = costs[:, absorbed] = np.inf
        costs[target] = costs[:, target] = costs_of(target)
        # The nearest other of most groups is still the same, which makes this O(n²) in most cases.
        stale = np.flatnonzero((nearest == target) | (nearest == absorbed) | (np.arange(len(seconds)) == target))
        nearest = np.where(costs[target] < costs[np.arange(len(seconds)), nearest], target, nearest)
        nearest[stale] = costs[stale].argmin(axis=1)
    return merges


def cluster(pieces: EmbeddedPieces, bounds: SpeakerBounds) -> NDArray[np.intp]:
    """Cluster pieces into speakers.

    Args:
        pieces: The pieces.
        bounds: Bounds of the number of speakers; where the pieces do not allow it, the nearest possible number.

    Returns:
        Shape (n,): numbers of speakers, from 0 without a gap.
    """
    if not len(pieces.weights_s):
        return np.zeros(0, np.intp)
    bounds = replace(bounds, min_speech_s=min(bounds.min_speech_s, float(pieces.weights_s.max())))
    group = _precluster(pieces, PRECLUSTERING_PART * bounds.threshold)
    merges = linkage(pieces, group)
    labels = _apply(group, merges[: _merge_count(merges, pieces.speech_s(group), bounds)])
    return _reassign(_absorb_small(labels, pieces, bounds), pieces)


def _precluster(pieces: EmbeddedPieces, max_cost: float) -> NDArray[np.intp]:
    """Return the initial groups: single pieces, or of many, cheaply merged neighbours in time."""
    count = len(pieces.weights_s)
    group = np.arange(count)
    if count <= MAX_GROUPS:
        return group
    for first, after in pairwise(np.linspace(0, count, -(-count // MAX_GROUPS) + 1).astype(int).tolist()):
        single = np.arange(after - first)
        cheap = takewhile(lambda merge: merge.cost <= max_cost, linkage(pieces.between(first, after), single))
        group[first:after] = first + _apply(single, cheap)
    return np.unique(group, return_inverse=True)[1]


def _apply(group: NDArray[np.intp], merges: Iterable[Merge]) -> NDArray[np.intp]:
    """Return the group of each piece after some merges, numbered from 0 without a gap."""
    merged = np.arange(int(group.max()) + 1)
    for merge in merges:
        merged[merged == merge.absorbed] = merge.target
    return np.unique(merged[group], return_inverse=True)[1]


def _merge_count(merges: list[Merge], seconds: NDArray[np.float64], bounds: SpeakerBounds) -> int:
    """Return the number of merges below the threshold that meets the bounds of speakers."""
    size = seconds.copy()
    large = [int((size >= bounds.min_speech_s).sum())]
    for merge in merges:
        before = int(size[merge.target] >= bounds.min_speech_s) + int(size[merge.absorbed] >= bounds.min_speech_s)
        size[merge.target] += size[merge.absorbed]
        large.append(large[-1] - before + int(size[merge.target] >= bounds.min_speech_s))
    stop = next((number for number, merge in enumerate(merges) if merge.cost > bounds.threshold), len(merges))
    if bounds.max_speakers is not None and large[stop] > bounds.max_speakers:
        return next(number for number in range(stop, len(large)) if large[number] <= bounds.max_speakers)
    enough = min(bounds.min_speakers, max(large[: stop + 1]))
    return next(number for number in range(stop, -1, -1) if large[number] >= enough)


def _absorb_small(labels: NDArray[np.intp], pieces: EmbeddedPieces, bounds: SpeakerBounds) -> NDArray[np.intp]:
    """Merge groups of little speech into the nearest large one, with regard to `cannot_link`."""
    size = pieces.speech_s(labels)
    order = np.argsort(-size, kind="stable").tolist()
    large = [
        group
        for number, group in enumerate(order)
        if size[group] >= bounds.min_speech_s or number < bounds.min_speakers
    ]
    mean = pieces.means(labels)
    distance = ((mean[:, None] - mean) ** 2).sum(axis=2) + pieces.cannot_link_cost(labels)
    owner = np.arange(len(size))
    for group in set(order) - set(large):
        owner[group] = large[int(distance[group, large].argmin())]
    return np.unique(owner[labels], return_inverse=True)[1]


def _reassign(labels: NDArray[np.intp], pieces: EmbeddedPieces) -> NDArray[np.intp]:
    """Move pieces to the speaker with the most similar mean; no speaker loses all."""
    for _ in range(MAX_REASSIGNMENTS):
        mean = pieces.means(labels)
        direction = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
        nearest = (pieces.embeddings @ direction.T).argmax(axis=1)
        if (nearest == labels).all() or len(np.unique(nearest)) < len(mean):
            break
        labels = nearest
    return labels
