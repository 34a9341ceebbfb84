"""Scores of voices against each other, and the score from which two are one person's.

A calibration has two thresholds for groups of voices: from the upper one they are joined, and from the lower one
where no other group is nearly as good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker.voices.calibration import Calibration

_UNCERTAIN_TIMES = 5
"""False joins at the lower threshold over those at the upper one."""
_MAX_FALSE_JOINS = 0.2
_MARGIN = 1.0
"""Standard deviations between the scores of a group and of a rival that could be it as well."""
MIN_PROBABILITY = 1e-4
"""Lowest probability that is claimed: measured people are too few for a lower one."""


class Scorer(Protocol):
    """Scores of voices, with the decisions that they allow."""

    @property
    def threshold(self) -> float:
        """Score from which two voices are one person's."""

    @property
    def uncertain_below(self) -> float:
        """How far below the threshold two voices may still be one person's."""

    @property
    def rival_margin(self) -> float:
        """How much better than its rivals a group below the threshold must be."""

    def name_threshold(self, names: int) -> float:
        """Return the score from which a single voice gets one of several names."""

    def scores(self, voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the score of every voice with every person.

        Args:
            voices: Shape (v, d), each of length 1.
            people: Shape (p, d), each of length 1.

        Returns:
            Shape (v, p).
        """

    def false_name_probability(self, score: float, people: int) -> float | None:
        """Return the probability that a stranger gets one of several names at a score."""


@dataclass(frozen=True)
class CosineScorer:
    """Cosines with a threshold, for a speaker model without a calibration."""

    threshold: float
    uncertain_below: float = 0.1
    rival_margin: float = 0.05

    def name_threshold(self, names: int) -> float:  # noqa: ARG002
        """Return the threshold: how often strangers reach it is not known."""
        return self.threshold

    def scores(self, voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the cosine of every voice with every person."""
        return np.asarray(voices.astype(np.float64) @ people.astype(np.float64).T)

    def false_name_probability(self, score: float, people: int) -> float | None:  # noqa: ARG002
        """Return None: without a calibration it is not known."""
        return None


@dataclass(frozen=True, eq=False)
class CalibratedScorer:
    """Normalised scores, with thresholds for the rate of false names of a calibration."""

    calibration: Calibration = field(repr=False)
    rival_margin: float = _MARGIN

    @cached_property
    def threshold(self) -> float:
        """Score that so many strangers reach as may get a name."""
        return self.calibration.threshold(1)

    @cached_property
    def uncertain_below(self) -> float:
        """Distance from the threshold to the lower one."""
        false_joins = min(_MAX_FALSE_JOINS, _UNCERTAIN_TIMES * self.calibration.false_names)
        return max(0.0, self.threshold - self.calibration.threshold(1, false_joins))

    def name_threshold(self, names: int) -> float:
        """Return the score that so many strangers reach with any of several names as may get one."""
        return max(self.threshold, self.calibration.threshold(max(1, names)))

    def scores(self, voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the normalised score of every voice with every person."""
        return self.calibration.scores(voices, people)

    def false_name_probability(self, score: float, people: int) -> float | None:
        """Return the measured probability, to two digits."""
        return float(f"{max(self.calibration.false_name_probability(score, people), MIN_PROBABILITY):.2g}")
