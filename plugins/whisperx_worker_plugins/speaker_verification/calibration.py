"""Calibration of the threshold by pairs of recordings. Pure: numpy, no model, no audio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_ACCEPTED = 1e-4
"""Highest share of pairs of two people that may reach the proposed threshold."""
MARGIN = 0.02
"""Distance of the threshold above all pairs of two people, where these are few."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Similarities of pairs of recordings."""

    same: NDArray[np.float64]
    """Shape (n,): cosines of two recordings of one person."""
    different: NDArray[np.float64]
    """Shape (m,): cosines of recordings of two people."""


@dataclass(frozen=True)
class Calibration:
    """Error rates of trials, and the threshold that is proposed."""

    equal_error_rate: float
    """Share of errors, 0..1, at the threshold of equal error rates."""
    equal_error_threshold: float
    """The similarity at which both error rates are equal."""
    threshold: float
    """The proposed threshold."""
    accepted: float
    """Share of pairs of two people, 0..1, that reach the proposed threshold."""
    missed: float
    """Share of pairs of one person, 0..1, below the proposed threshold."""
    same_pairs: int
    different_pairs: int


def trials_of(embeddings: NDArray[np.float32], people: Sequence[str]) -> Trials:
    """Return the similarities of every pair of recordings.

    Args:
        embeddings: Shape (recordings, d), each of length 1, all finite.
        people: The person of each recording.

    Raises:
        BadInputError: When no person has two recordings, or there is only one person.
    """
    scores = embeddings.astype(np.float64) @ embeddings.astype(np.float64).T
    first, second = np.triu_indices(len(people), 1)
    names = np.asarray(people)
    is_same = names[first] == names[second]
    trials = Trials(scores[first, second][is_same], scores[first, second][~is_same])
    if not len(trials.same):
        raise BadInputError(
            "nobody has two recordings that can be compared; a threshold needs at least two of a person"
        )
    if not len(trials.different):
        raise BadInputError("all recordings are of one person; a threshold needs at least two people")
    return trials


def equal_error(trials: Trials) -> tuple[float, float]:
    """Return the equal-error rate and its threshold.

    Both error rates are steps of the threshold and rarely meet; the rate is the mean of the two at the step where they
    differ least (as in NIST's speaker recognition evaluations).

    Returns:
        The rate, 0..1, and the lowest similarity of a pair that is accepted.
    """
    thresholds = np.unique(np.concatenate([trials.same, trials.different]))
    missed = np.searchsorted(np.sort(trials.same), thresholds) / len(trials.same)
    accepted = 1 - np.searchsorted(np.sort(trials.different), thresholds) / len(trials.different)
    best = int(np.argmin(np.abs(missed - accepted)))
    return float((missed[best] + accepted[best]) / 2), float(thresholds[best])


def calibrate(trials: Trials) -> Calibration:
    """Propose a threshold above all but `MAX_ACCEPTED` of the pairs of two people.

    It is never below the one of equal errors, and only as good as the recordings it was measured on: another
    microphone, another room, shorter speech or other people give other similarities.
    """
    rate, crossing = equal_error(trials)
    accepted = int(MAX_ACCEPTED * len(trials.different))
    lowest_refused = float(np.sort(trials.different)[::-1][accepted])
    refusing = math.ceil(1000 * (lowest_refused + (0.0 if accepted else MARGIN))) / 1000
    # Rounded down, since the crossing is often the similarity of two recordings of one person.
    threshold = max(math.floor(1000 * crossing) / 1000, refusing)
    return Calibration(
        equal_error_rate=rate,
        equal_error_threshold=crossing,
        threshold=min(1.0, threshold),
        accepted=float((trials.different >= threshold).mean()),
        missed=float((trials.same < threshold).mean()),
        same_pairs=len(trials.same),
        different_pairs=len(trials.different),
    )
