"""Speakers of embeddings by variational Bayes (VBx), block by block. Pure: numpy.

The equations are those of Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx)", 2022, without the
order of the embeddings; their numbers stand in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MIN_PRIOR = 1e-7
"""A speaker with less remains none: pyannote drops these."""
MIN_GAIN = 1e-4
"""The rounds end when the evidence's lower bound grows by less."""

_PRIOR_FLOOR = 1e-8
_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Strength:
    """How much the data count."""

    evidence: float
    """Fa: the weight of each embedding."""
    regularisation: float
    """Fb: the higher, the fewer speakers."""


def speakers_by_bayes(  # noqa: PLR0913  the model's numbers
    labels: NDArray[np.int64],
    features: NDArray[np.float64],
    between: NDArray[np.float64],
    strength: Strength,
    max_rounds: int = 20,
    smoothing: float = 7.0,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find speakers as pyannote's `cluster_vbx` does, without a matrix of all embeddings with all first clusters.

    Args:
        labels: Shape (n,): clusters to begin with, numbered from 0.
        features: Shape (n, d), in a space in which speakers vary by `between` and one speaker by 1.
        between: Shape (d,).
        strength: How much the data count.
        max_rounds: Rounds at most.
        smoothing: How sure the first clusters are; 0 is not at all.
        on_step: Called for each block; what it raises ends the work.

    Returns:
        Responsibilities of speakers for embeddings, shape (n, speakers), and their priors, shape (speakers,), of those
        with a prior above `MIN_PRIOR`.
    """
    count, speakers = len(features), int(labels.max()) + 1
    scaled = features * np.sqrt(between)
    constant = -0.5 * ((features**2).sum(axis=1) + features.shape[1] * np.log(2 * np.pi))
    # A softmax of one-hot rows has two values.
    low = 1 / (np.exp(smoothing) + speakers - 1)
    high = np.exp(smoothing) * low
    sizes = np.bincount(labels, minlength=speakers)
    weight = low * count + (high - low) * sizes
    sums = np.zeros((speakers, features.shape[1]))
    np.add.at(sums, labels, scaled)
    sums = low * scaled.sum(axis=0) + (high - low) * sums
    prior, bounds = np.full(speakers, 1 / speakers), [-np.inf]
    for _ in range(max_rounds):
        precision = 1 / (1 + strength.evidence / strength.regularisation * weight[:, None] * between)  # (17)
        mean = strength.evidence / strength.regularisation * precision * sums  # (16)
        # (23), without the constant of each embedding
        offset = np.log(prior + _PRIOR_FLOOR) - strength.evidence * 0.5 * ((precision + mean**2) @ between)
        weight, sums, total = np.zeros(speakers), np.zeros_like(sums), 0.0
        for rows, shares, evidences in _blocks(scaled, mean * strength.evidence, offset):
            on_step()
            total += float((evidences + strength.evidence * constant[rows]).sum())
            weight += shares.sum(axis=0)
            sums += shares.T @ scaled[rows]
        prior = weight / weight.sum()
        bounds.append(
            total + strength.regularisation * 0.5 * float((np.log(precision) - precision - mean**2 + 1).sum())
        )  # (25)
        if bounds[-1] - bounds[-2] < MIN_GAIN:
            break
    kept = prior > MIN_PRIOR
    return np.concatenate(
        [shares[:, kept] for _, shares, _ in _blocks(scaled, mean * strength.evidence, offset)]
    ), prior[kept]


def _blocks(
    scaled: NDArray[np.float64], weights: NDArray[np.float64], offset: NDArray[np.float64]
) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.float64]]]:
    """Rows, their responsibilities of shape (rows, speakers), and the logarithms of what these were divided by."""
    size = max(1, _CELLS_AT_ONCE // len(offset))
    for first in range(0, len(scaled), size):
        rows = slice(first, first + size)
        found = scaled[rows] @ weights.T
        found += offset
        most = found.max(axis=1, keepdims=True)
        np.exp(np.subtract(found, most, out=found), out=found)
        total = found.sum(axis=1, keepdims=True)
        found /= total
        yield rows, found, (np.log(total) + most)[:, 0]
