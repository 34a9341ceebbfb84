"""Stretches of speech become speakers: Ward's clustering, with stretches that hardly are one person. Pure: numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from whisperx_worker import Seconds

EVIDENCE_S: Seconds = 5.0
"""A group's speech counts for no more than this: what one person says in one recording is not independent."""
SAME_TRACK = 0.4
"""The cost of joining stretches of one track is less by this part."""
CONTESTED = 0.2
"""Added to the cost of joining two groups for every second that a window hears as two people: a window can be wrong."""
MOST_AT_ONCE = 2_000
"""Of more stretches, as in hours, neighbours are joined first: time and memory grow with the square of their number."""
CHEAP = 0.5
"""They are joined where that costs at most this part of the threshold."""
MOST_ROUNDS = 10
"""Each stretch goes to the nearest speaker at most so often."""


@dataclass(frozen=True, eq=False)
class Voices:
    """Stretches of speech, each of one voice."""

    embeddings: NDArray[np.float32]
    """Shape (n, d), of length 1."""
    seconds: NDArray[np.float64]
    """Shape (n,): how much speech is behind each."""
    track: NDArray[np.intp]
    """Shape (n,): which track each is from."""
    apart: NDArray[np.intp]
    """Shape (pairs, 2): pairs that a window hears as two people, each once."""

    def part(self, first: int, after: int) -> Voices:
        """Some stretches in a row."""
        inside = ((self.apart >= first) & (self.apart < after)).all(axis=1)
        rows = slice(first, after)
        return Voices(self.embeddings[rows], self.seconds[rows], self.track[rows], self.apart[inside] - first)

    def together(self, group: NDArray[np.intp]) -> NDArray[np.float32]:
        """Shape (groups, groups): how likely a second of the one is from the same track as a second of the other."""
        share = np.zeros((int(group.max()) + 1, int(self.track.max()) + 1), np.float32)
        np.add.at(share, (group, self.track), self.seconds / self.speech(group)[group])
        return np.asarray(share @ share.T)

    def contested(self, group: NDArray[np.intp]) -> NDArray[np.float32]:
        """Shape (groups, groups): what it costs to take each two for one person although windows hear two."""
        costs = np.zeros((int(group.max()) + 1,) * 2, np.float32)
        shorter = self.seconds[self.apart].min(axis=1)
        for one, other in (self.apart.T, self.apart.T[::-1]):
            np.add.at(costs, (group[one], group[other]), CONTESTED * shorter)
        return costs

    def speech(self, group: NDArray[np.intp]) -> NDArray[np.float64]:
        """Shape (groups,): how many seconds each has."""
        return np.asarray(np.bincount(group, self.seconds), np.float64)

    def means(self, group: NDArray[np.intp]) -> NDArray[np.float64]:
        """Shape (groups, d): the mean embedding of each, a stretch counting as much as it is long."""
        sums = np.zeros((int(group.max()) + 1, self.embeddings.shape[1]))
        np.add.at(sums, group, self.embeddings * self.seconds[:, None])
        return np.asarray(sums / self.speech(group)[:, None])


@dataclass(frozen=True)
class Join:
    """Two groups become one."""

    kept: int
    """Index of the member that the group is called by from now on."""
    gone: int
    cost: float


@dataclass(frozen=True)
class Bounds:
    """How many speakers there may be, and what makes one."""

    threshold: float
    """Groups that cost more to join are different people."""
    least_s: Seconds
    """Who speaks less is no speaker of their own, where anybody speaks more."""
    fewest: int = 1
    most: int | None = None
    """None is any number."""


def joins(voices: Voices, group: NDArray[np.intp]) -> list[Join]:
    """Join the two groups whose joining costs least, again and again, until one is left.

    The cost is Ward's ("Hierarchical grouping to optimize an objective function", 1963), by how much the squared
    distances to the means grow: |a - b|² g h / (g + h), for groups with means a and b and g and h seconds of speech.
    Here s seconds count as s / (1 + s / `EVIDENCE_S`), groups of one track cost less, and rivals in a window cost more.

    Args:
        voices: The stretches.
        group: Shape (n,): the group that each is in to begin with, from 0 without a gap.

    Returns:
        All joins in order, one less than there are groups.
    """
    mean, seconds = voices.means(group), voices.speech(group)
    together, contested = voices.together(group), voices.contested(group)
    alive = np.ones(len(seconds), dtype=bool)

    def costs_of(group: int) -> NDArray[np.float64]:
        speech = seconds / (1 + seconds / EVIDENCE_S)
        distance = ((mean - mean[group]) ** 2).sum(axis=1) * speech * speech[group] / (speech + speech[group])
        costs = distance * (1 - SAME_TRACK * together[group]) + contested[group]
        costs[~alive] = costs[group] = np.inf
        return np.asarray(costs)

    costs = np.stack([costs_of(group) for group in range(len(seconds))]).astype(np.float32)
    nearest = costs.argmin(axis=1)
    made = []
    for _ in range(len(seconds) - 1):
        kept = int(costs[np.arange(len(seconds)), nearest].argmin())
        gone = int(nearest[kept])
        made.append(Join(kept, gone, float(costs[kept, gone])))
        share = seconds[[kept, gone]] / seconds[[kept, gone]].sum()
        mean[kept] = share @ mean[[kept, gone]]
        together[kept] = together[:, kept] = share @ together[[kept, gone]]
        contested[kept] = contested[:, kept] = contested[kept] + contested[gone]
        seconds[kept] += seconds[gone]
        alive[gone] = False
        costs[gone] = costs[:, gone] = np.inf
        costs[kept] = costs[:, kept] = costs_of(kept)
        # The nearest other of most groups is still the same, which makes this O(n²) in most cases.
        stale = np.flatnonzero((nearest == kept) | (nearest == gone) | (np.arange(len(seconds)) == kept))
        nearest = np.where(costs[kept] < costs[np.arange(len(seconds)), nearest], kept, nearest)
        nearest[stale] = costs[stale].argmin(axis=1)
    return made


def speakers(voices: Voices, bounds: Bounds) -> NDArray[np.intp]:
    """Who speaks each stretch.

    Args:
        voices: The stretches.
        bounds: How many speakers there may be; where the stretches do not allow it, there are as many as can be.

    Returns:
        Shape (n,): numbers of speakers, from 0 without a gap.
    """
    if not len(voices.seconds):
        return np.zeros(0, np.intp)
    bounds = replace(bounds, least_s=min(bounds.least_s, float(voices.seconds.max())))
    group = _gathered(voices, CHEAP * bounds.threshold)
    made = joins(voices, group)
    labels = _joined(group, made[: _stop(made, voices.speech(group), bounds)])
    return _settled(_without_small(labels, voices, bounds), voices)


def _gathered(voices: Voices, dearest: float) -> NDArray[np.intp]:
    """The groups to begin with: each stretch alone, or of many what is cheaply joined to its neighbours in time."""
    count = len(voices.seconds)
    group = np.arange(count)
    if count <= MOST_AT_ONCE:
        return group
    for first, after in pairwise(np.linspace(0, count, -(-count // MOST_AT_ONCE) + 1).astype(int).tolist()):
        alone = np.arange(after - first)
        cheap = takewhile(lambda join: join.cost <= dearest, joins(voices.part(first, after), alone))
        group[first:after] = first + _joined(alone, cheap)
    return np.unique(group, return_inverse=True)[1]


def _joined(group: NDArray[np.intp], made: Iterable[Join]) -> NDArray[np.intp]:
    """The group of each stretch after some joins, numbered from 0 without a gap."""
    called = np.arange(int(group.max()) + 1)
    for join in made:
        called[called == join.gone] = join.kept
    return np.unique(called[group], return_inverse=True)[1]


def _stop(made: list[Join], seconds: NDArray[np.float64], bounds: Bounds) -> int:
    """How many joins to make: those below the threshold, then more or fewer of them for the number of speakers."""
    size = seconds.copy()
    large = [int((size >= bounds.least_s).sum())]
    for join in made:
        before = int(size[join.kept] >= bounds.least_s) + int(size[join.gone] >= bounds.least_s)
        size[join.kept] += size[join.gone]
        large.append(large[-1] - before + int(size[join.kept] >= bounds.least_s))
    stop = next((number for number, join in enumerate(made) if join.cost > bounds.threshold), len(made))
    if bounds.most is not None and large[stop] > bounds.most:
        return next(number for number in range(stop, len(large)) if large[number] <= bounds.most)
    enough = min(bounds.fewest, max(large[: stop + 1]))
    return next(number for number in range(stop, -1, -1) if large[number] >= enough)


def _without_small(labels: NDArray[np.intp], voices: Voices, bounds: Bounds) -> NDArray[np.intp]:
    """Give groups of little speech to the nearest large one, rather not to one that a window tells them apart from."""
    size = voices.speech(labels)
    order = np.argsort(-size, kind="stable").tolist()
    large = [group for number, group in enumerate(order) if size[group] >= bounds.least_s or number < bounds.fewest]
    mean = voices.means(labels)
    distance = ((mean[:, None] - mean) ** 2).sum(axis=2) + voices.contested(labels)
    owner = np.arange(len(size))
    for group in set(order) - set(large):
        owner[group] = large[int(distance[group, large].argmin())]
    return np.unique(owner[labels], return_inverse=True)[1]


def _settled(labels: NDArray[np.intp], voices: Voices) -> NDArray[np.intp]:
    """Let each stretch go to the speaker whose mean is most like it, as long as nobody loses all of theirs."""
    for _ in range(MOST_ROUNDS):
        mean = voices.means(labels)
        direction = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
        found = (voices.embeddings @ direction.T).argmax(axis=1)
        if (found == labels).all() or len(np.unique(found)) < len(mean):
            break
        labels = found
    return labels
