"""Similarity that a name needs: the job's, the model folder's, or SpeechBrain's default."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import WorkerError

if TYPE_CHECKING:
    from pathlib import Path

    from whisperx_worker import Job

THRESHOLD_FILE = "verification.json"
"""File of a model's folder with its own threshold: `{"threshold": 0.5, "measured_on": "..."}`."""
CALIBRATION = "calibration"
"""Source of a threshold for a calibration's scores."""


@dataclass(frozen=True)
class Threshold:
    """Lowest similarity of two recordings of one person."""

    value: float
    """Cosine, -1..1; of a calibration a normalised score."""
    source: str
    """"job", "model", "calibration" for a normalised score, or "default" for SpeechBrain's own."""


DEFAULT = Threshold(0.25, "default")
"""SpeechBrain's own for its `SpeakerRecognition` (`verify_batch`), meant for speechbrain/spkrec-ecapa-voxceleb."""


def threshold_of_job(job: Job, of_model: float) -> Threshold:
    """Return the job's threshold, or the model's where the job has none."""
    value = job.request.speaker_threshold
    return Threshold(of_model, "model") if value is None else Threshold(value, "job")


def threshold_of_model(folder: Path, name: str) -> Threshold:
    """Return the threshold of a model's folder, or the default where it has none.

    Args:
        folder: May have a `THRESHOLD_FILE`.
        name: Name of the model, for errors.

    Raises:
        WorkerError: When the file has no number from -1 to 1.
    """
    file = folder / THRESHOLD_FILE
    if not file.is_file():
        return DEFAULT
    try:
        value = float(json.loads(file.read_text(encoding="utf-8"))["threshold"])
    except (ValueError, KeyError, TypeError):
        value = math.nan
    if not -1 <= value <= 1:
        raise WorkerError(f"{THRESHOLD_FILE} of the speaker model {name!r} has no threshold from -1 to 1")
    return Threshold(value, "model")
