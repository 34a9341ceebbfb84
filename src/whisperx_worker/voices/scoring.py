"""Scores of voices against each other, and the score from which two are one person's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Scorer(Protocol):
    """Scores of voices, with the decisions that they allow."""

    @property
    def threshold(self) -> float:
        """Score from which two voices are one person's."""

    @property
    def uncertain_below(self) -> float:
        """How far below the threshold two voices may still be one person's."""

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

    def scores(self, voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the cosine of every voice with every person."""
        return np.asarray(voices.astype(np.float64) @ people.astype(np.float64).T)

    def false_name_probability(self, score: float, people: int) -> float | None:  # noqa: ARG002
        """Return None: without a calibration it is not known."""
        return None
