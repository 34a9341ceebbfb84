"""Second pass of grouping: groups below the threshold, joined where no rival is nearly as good. Pure.

A telephone makes one voice two groups, and a voice on the telephone as near to another telephone voice as to itself.
Two groups are joined by a lower score where each is clearly the other's best; what could as well be a second person's
stays apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from whisperx_worker.voices.scoring import Scorer

MIN_JOINED = 2
"""Voices that each of two groups needs."""


def joined_groups(
    scores: NDArray[np.float64],
    groups: NDArray[np.intp],
    voices: NDArray[np.intp],
    anchored: Collection[int],
    scorer: Scorer,
) -> NDArray[np.intp]:
    """Return the groups with those joined that are surely one person's.

    A group with a name is joined with none: a name needs the full threshold.

    Args:
        scores: Shape (items, items); NaN where two cannot be together.
        groups: Shape (items,), numbered from 0 without gaps.
        voices: How many voices each item has, shape (items,).
        anchored: Items of people with names.
        scorer: Thresholds of the scores.

    Returns:
        Shape (items,), numbered by first item.
    """
    lowest = scorer.threshold - scorer.uncertain_below
    members = np.eye(int(groups.max()) + 1)[groups]
    joinable = voices @ members >= MIN_JOINED
    joinable[[int(groups[item]) for item in anchored]] = False
    means = _means(scores, members)
    counts = members.sum(axis=0)
    joined = groups.copy()
    while (pair := _best_pair(means, joinable, lowest, scorer.rival_margin)) is not None:
        first, second = pair
        joined[joined == second] = first
        weights = counts[[first, second]] / counts[[first, second]].sum()
        merged = weights[0] * means[first] + weights[1] * means[second]
        merged[first] = -np.inf
        means[first], means[:, first] = merged, merged
        means[second], means[:, second] = -np.inf, -np.inf
        counts[first] += counts[second]
        joinable[second] = False
    number = {group: index for index, group in enumerate(dict.fromkeys(joined.tolist()))}
    return np.asarray([number[group] for group in joined.tolist()], np.intp)


def _means(scores: NDArray[np.float64], members: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean score of each two groups, -inf where they cannot be together, shape (groups, groups)."""
    blocked = np.isnan(scores)
    counts = members.sum(axis=0)
    means = members.T @ np.where(blocked, 0.0, scores) @ members / np.outer(counts, counts)
    means[members.T @ blocked @ members > 0] = -np.inf
    np.fill_diagonal(means, -np.inf)
    return np.asarray((means + means.T) / 2)


def _best_pair(
    means: NDArray[np.float64], joinable: NDArray[np.bool_], lowest: float, margin: float
) -> tuple[int, int] | None:
    """Return the best two groups to join that have no rival, in order; None without such."""
    allowed = np.triu(np.outer(joinable, joinable), 1) & (means >= lowest)
    firsts, seconds = np.nonzero(allowed)
    for at in np.argsort(-means[firsts, seconds], kind="stable"):
        first, second = int(firsts[at]), int(seconds[at])
        if not (_has_rival(means, first, second, lowest, margin) or _has_rival(means, second, first, lowest, margin)):
            return first, second
    return None


def _has_rival(means: NDArray[np.float64], group: int, other: int, lowest: float, margin: float) -> bool:
    """Return whether a group is nearly as near to a third one that cannot be the other's person."""
    near = means[group] > means[group, other] - margin
    near[other] = False
    return bool((near & (means[other] < lowest)).any())
