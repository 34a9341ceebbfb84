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
"""Prior up to which a speaker is dropped, as pyannote does."""
MIN_GAIN = 1e-4
"""Growth of the evidence lower bound (ELBO) below which the iterations end."""

_PRIOR_FLOOR = 1e-8
_CELLS_PER_BLOCK = 2_000_000


@dataclass(frozen=True)
class VbxScaling:
    """Scaling factors of VBx."""

    evidence: float
    """Fa: the weight of each embedding."""
    regularisation: float
    """Fb: the higher, the fewer speakers."""


def cluster_vbx(  # noqa: PLR0913  the model's numbers
    labels: NDArray[np.int64],
    features: NDArray[np.float64],
    between: NDArray[np.float64],
    scaling: VbxScaling,
    max_iterations: int = 20,
    smoothing: float = 7.0,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cluster as pyannote's `cluster_vbx`, without a matrix of all embeddings with all initial clusters.

    Args:
        labels: Shape (n,): initial clusters, numbered from 0.
        features: Shape (n, d), in a space with the variance `between` among speakers and 1 within a speaker.
        between: Shape (d,).
        scaling: Scaling factors.
        max_iterations: Maximum number of iterations.
        smoothing: Weight of the initial clusters; 0 ignores them.
        on_step: Called for each block; an exception of it ends the work.

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
    for _ in range(max_iterations):
        precision = 1 / (1 + scaling.evidence / scaling.regularisation * weight[:, None] * between)  # (17)
        mean = scaling.evidence / scaling.regularisation * precision * sums  # (16)
        # (23), without the constant of each embedding
        offset = np.log(prior + _PRIOR_FLOOR) - scaling.evidence * 0.5 * ((precision + mean**2) @ between)
        weight, sums, total = np.zeros(speakers), np.zeros_like(sums), 0.0
        for rows, shares, evidences in _iter_blocks(scaled, mean * scaling.evidence, offset):
            on_step()
            total += float((evidences + scaling.evidence * constant[rows]).sum())
            weight += shares.sum(axis=0)
            sums += shares.T @ scaled[rows]
        prior = weight / weight.sum()
        bounds.append(
            total + scaling.regularisation * 0.5 * float((np.log(precision) - precision - mean**2 + 1).sum())
        )  # (25)
        if bounds[-1] - bounds[-2] < MIN_GAIN:
            break
    remaining = prior > MIN_PRIOR
    return np.concatenate(
        [shares[:, remaining] for _, shares, _ in _iter_blocks(scaled, mean * scaling.evidence, offset)]
    ), prior[remaining]


def _iter_blocks(
    scaled: NDArray[np.float64], weights: NDArray[np.float64], offset: NDArray[np.float64]
) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.float64]]]:
    """Yield rows, their responsibilities of shape (rows, speakers), and the logarithms of the normalising sums."""
    size = max(1, _CELLS_PER_BLOCK // len(offset))
    for first in range(0, len(scaled), size):
        rows = slice(first, first + size)
        shares = scaled[rows] @ weights.T
        shares += offset
        peak = shares.max(axis=1, keepdims=True)
        np.exp(np.subtract(shares, peak, out=shares), out=shares)
        total = shares.sum(axis=1, keepdims=True)
        shares /= total
        yield rows, shares, (np.log(total) + peak)[:, 0]
