"""Decision whether a voice is a person's: by the model's calibration, else by the cosine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker_plugins.speaker_verification.naming import MAX_BEHIND_NEAREST
from whisperx_worker_plugins.speaker_verification.threshold import CALIBRATION, Threshold, threshold_of_job

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Calibration, Job, VoiceEmbeddings
    from whisperx_worker_plugins.speaker_verification.naming import Naming

MAX_DEVIATIONS_BEHIND = 1.0
"""`MAX_BEHIND_NEAREST` in normalised scores."""
MIN_PROBABILITY = 1e-4
"""Lowest probability that is claimed: measured people are too few for a lower one."""


@dataclass(frozen=True, eq=False)
class Decision:
    """Scores of voices with people, and the score that a name needs."""

    scores: NDArray[np.float64]
    """Shape (voices, people): normalised where the calibration decides, else cosines."""
    threshold: Threshold
    max_behind: float
    calibration: Calibration | None
    normalised: NDArray[np.float64] | None
    """Shape (voices, people): scores by the calibration; None without one."""

    def false_name_probability(self, voice: int, naming: Naming) -> float | None:
        """Return the probability that a stranger gets this name at its score; None without a calibration.

        Args:
            voice: Index of the voice.
            naming: Its naming.
        """
        if self.calibration is None or self.normalised is None or naming.person is None:
            return None
        scores = self.normalised[voice]
        probability = self.calibration.false_name_probability(float(scores[naming.person]), len(scores))
        return float(f"{max(probability, MIN_PROBABILITY):.2g}")


def decide(
    voices: NDArray[np.float32],
    people: NDArray[np.float32],
    cosines: NDArray[np.float64],
    embeddings: VoiceEmbeddings,
    job: Job,
) -> Decision:
    """Return the scores and the threshold of a job.

    Cosines decide where it has a `speaker_threshold`, or the model no calibration.

    Args:
        voices: Shape (v, d).
        people: Shape (p, d).
        cosines: Shape (v, p), of the same.
        embeddings: Of the model, for its threshold and calibration.
        job: For its threshold.
    """
    calibration = embeddings.calibration
    normalised = calibration.scores(voices, people) if calibration else None
    if calibration is None or normalised is None or job.request.speaker_threshold is not None:
        threshold = threshold_of_job(job, embeddings.threshold)
        return Decision(cosines, threshold, MAX_BEHIND_NEAREST, calibration, normalised)
    threshold = Threshold(calibration.threshold(len(people)), CALIBRATION)
    return Decision(normalised, threshold, MAX_DEVIATIONS_BEHIND, calibration, normalised)
