"""Calibration of a speaker model: normalised scores, and the probability of a false name. Pure: numpy.

Scores are adaptive s-norm (Matejka et al., "Analysis of Score Normalization in Multilingual Speaker Recognition",
2017): the cosine in standard deviations from those of both sides with the nearest embeddings of other people, the
cohort. One threshold then holds for wide and narrow bands. Above the measured scores of strangers an exponential tail
is assumed, the longer the fewer people were measured.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DEFAULT_FALSE_NAMES = 0.01
"""Share of strangers who may get a name, where nothing else is asked for."""
NEAREST = 20
"""Number of nearest embeddings of the cohort that a score is normalised by."""
MIN_PEOPLE = 8
"""Number of people below which nothing can be measured."""
_TAIL = 0.1
"""Share of the scores of strangers from which the tail is fitted."""
_MIN_DEVIATION = 0.01
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Calibration:
    """Measured scores of one revision of a speaker model."""

    revision: str
    """Revision of the model that the cohort and the scores are of."""
    cohort: NDArray[np.float32] = field(repr=False)
    """Shape (c, d), each of length 1: embeddings of people without names."""
    strangers: NDArray[np.float64] = field(repr=False)
    """Shape (n,), ascending: scores of two people."""
    same: NDArray[np.float64] = field(repr=False)
    """Shape (m,), ascending: scores of one person's recordings."""
    people: int
    """Number of people measured."""
    false_names: float = DEFAULT_FALSE_NAMES
    """Share of strangers, 0..1, who may get a name."""

    def scores(self, voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the normalised score of every voice with every person.

        Args:
            voices: Shape (v, d), each of length 1.
            people: Shape (p, d), each of length 1.

        Returns:
            Shape (v, p), in standard deviations.
        """
        return normalised(
            _cosines(voices, people), *_moments(_cosines(voices, self.cohort)), *_moments(_cosines(people, self.cohort))
        )

    def false_name_probability(self, score: float, people: int) -> float:
        """Return the probability, 0..1, that a stranger's best score of several people reaches a score."""
        return -math.expm1(people * math.log1p(-min(self._exceedance(score), 1 - 1e-12)))

    def missed(self, score: float) -> float:
        """Return the share, 0..1, of one person's recordings below a score."""
        return float(np.searchsorted(self.same, score)) / len(self.same)

    def threshold(self, people: int, false_names: float | None = None) -> float:
        """Return the lowest score with at most this share of strangers named.

        Args:
            people: Number of enrolled people.
            false_names: Share, 0..1; else that of the calibration.
        """
        wanted = self.false_names if false_names is None else false_names
        low, high = float(self.strangers[0]) - 1, float(self.strangers[-1]) + 100 * self._tail[1]
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.false_name_probability(middle, people) > wanted else (low, middle)
        return high

    def _exceedance(self, score: float) -> float:
        """Return the probability that two people reach a score: measured, and in the tail assumed."""
        start, scale = self._tail
        if score >= start:
            return _TAIL * math.exp(-(score - start) / scale)
        return max(_TAIL, 1 - float(np.searchsorted(self.strangers, score)) / len(self.strangers))

    @cached_property
    def _tail(self) -> tuple[float, float]:
        """Start and scale of the tail; the scale has two standard errors more, each person being one measurement."""
        start = float(np.quantile(self.strangers, 1 - _TAIL))
        excess = self.strangers[self.strangers > start] - start
        scale = float(excess.mean()) if len(excess) else 1.0
        return start, max(scale, _MIN_DEVIATION) * (1 + 1 / math.sqrt(self.people))


def calibrate(
    embeddings: NDArray[np.float32],
    people: Sequence[str],
    revision: str,
    false_names: float = DEFAULT_FALSE_NAMES,
    conditions: Sequence[str] | None = None,
) -> Calibration:
    """Measure a calibration on recordings of known people, who are its cohort too.

    Each pair is normalised without the two people of it.

    Args:
        embeddings: Shape (recordings, d), each of length 1, all finite.
        people: The person of each recording.
        revision: Revision of the model.
        false_names: Share of strangers who may get a name.
        conditions: Condition of each recording, such as its band: strangers are of one condition, where they are most
            alike. Else all are of one.

    Raises:
        BadInputError: There are too few people, or none with two recordings.
    """
    names = np.unique(np.asarray(people), return_inverse=True)[1]
    count = int(names.max()) + 1 if len(names) else 0
    if count < MIN_PEOPLE:
        raise BadInputError(f"a calibration needs recordings of at least {MIN_PEOPLE} people; there are {count}")
    bands = np.zeros(len(names)) if conditions is None else np.unique(np.asarray(conditions), return_inverse=True)[1]
    cosines = _cosines(embeddings, embeddings)
    moments = np.stack([_moments_without(cosines, names, person) for person in range(count)])
    strangers, same = [], []
    for one in range(len(names)):
        others = np.arange(one + 1, len(names))
        first, second = moments[names[others], :, one], moments[names[one], :, others]
        scores = normalised(cosines[one, others], first[:, 0], first[:, 1], second[:, 0], second[:, 1], paired=True)
        is_same = names[others] == names[one]
        same.append(scores[is_same])
        strangers.append(scores[~is_same & (bands[others] == bands[one])])
    measured = np.sort(np.concatenate(same))
    if not len(measured):
        raise BadInputError("no person has two recordings that can be compared")
    return Calibration(
        revision, embeddings.astype(np.float32), np.sort(np.concatenate(strangers)), measured, count, false_names
    )


def normalised(  # noqa: PLR0913  a score and the cohort's moments on both sides
    cosines: NDArray[np.float64],
    voice_mean: NDArray[np.float64],
    voice_deviation: NDArray[np.float64],
    person_mean: NDArray[np.float64],
    person_deviation: NDArray[np.float64],
    *,
    paired: bool = False,
) -> NDArray[np.float64]:
    """Return cosines as s-norm scores.

    Args:
        cosines: Shape (v, p), or (n,) where paired.
        voice_mean: Shape (v,) or (n,).
        voice_deviation: Like it.
        person_mean: Shape (p,) or (n,).
        person_deviation: Like it.
        paired: Whether each cosine has moments of its own.
    """
    if not paired:
        voice_mean, voice_deviation = voice_mean[:, None], voice_deviation[:, None]
    left = (cosines - voice_mean) / voice_deviation
    return np.asarray((left + (cosines - person_mean) / person_deviation) / 2)


def write_calibration(calibration: Calibration, file: Path) -> None:
    """Write a calibration as JSON; embeddings and scores are rounded.

    Raises:
        BadInputError: The file cannot be written.
    """
    kept = np.quantile(calibration.strangers, np.linspace(0, 1, min(len(calibration.strangers), 2001)))
    content = {
        "format": _FORMAT,
        "revision": calibration.revision,
        "people": calibration.people,
        "false_names": calibration.false_names,
        "strangers": np.round(kept, 3).tolist(),
        "same": np.round(calibration.same, 3).tolist(),
        "cohort": np.round(calibration.cohort.astype(np.float64), 4).tolist(),
    }
    try:
        file.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{file} cannot be written: {error.strerror}") from None


def read_calibration(file: Path) -> Calibration:
    """Read a calibration.

    Raises:
        BadInputError: The file is none.
    """
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
        cohort = np.asarray(content["cohort"], np.float64)
        cohort = (cohort / np.linalg.norm(cohort, axis=1, keepdims=True)).astype(np.float32)
        strangers, same = (np.sort(np.asarray(content[name], np.float64)) for name in ("strangers", "same"))
        found = Calibration(
            str(content["revision"]), cohort, strangers, same, int(content["people"]), float(content["false_names"])
        )
        is_whole = all(len(one) and np.isfinite(one).all() for one in (cohort, strangers, same))
    except (OSError, ValueError, KeyError, TypeError, np.exceptions.AxisError):
        is_whole = False
    if not is_whole or found.people < 1 or not 0 < found.false_names < 1:
        raise BadInputError(f"{file.name} is no calibration of a speaker model")
    return found


def _cosines(voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(voices.astype(np.float64) @ people.astype(np.float64).T)


def _moments(cosines: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of the highest cosines of each row."""
    highest = np.sort(cosines, axis=1)[:, -NEAREST:]
    return highest.mean(axis=1), np.maximum(highest.std(axis=1), _MIN_DEVIATION)


def _moments_without(cosines: NDArray[np.float64], names: NDArray[np.intp], person: int) -> NDArray[np.float64]:
    """Return the moments of each row without one person and the row's own, shape (2, rows)."""
    excluded = (names[:, None] == names[None, :]) | (names == person)[None, :]
    return np.stack(_moments(np.where(excluded, -1.0, cosines)))
