"""Calibration of a speaker model: scores across bands, and the probability of a false name. Pure.

Scores are those of `score_space`, in standard deviations of strangers. Above the measured scores of strangers an
exponential tail is assumed, the longer the fewer people were measured.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.score_space import ScoreSpace, fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DEFAULT_FALSE_NAMES = 0.01
"""Share of strangers who may get a name, where nothing else is asked for."""
MIN_PEOPLE = 8
"""Number of people below which nothing can be measured."""
_TAIL = 0.02
"""Share of the scores of strangers from which the tail is fitted."""
_MIN_DEVIATION = 0.01
_FORMAT = 2
_GROUPS = 6
_DEALS = 4
"""How often people are dealt into groups.

Only people of one group are compared, in the space of the others.
"""
_KEPT_SCORES = 2001
"""Number of scores in a file."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Measured scores of one revision of a speaker model."""

    revision: str
    """Revision of the model that the cohort and the scores are of."""
    space: ScoreSpace = field(repr=False)
    """Where scores are computed; its cohort is of people without names."""
    strangers: NDArray[np.float64] = field(repr=False)
    """Shape (n,), ascending: scores of two people."""
    same: NDArray[np.float64] = field(repr=False)
    """Shape (m,), ascending: scores of one person's recordings."""
    people: int
    """Number of people measured."""
    false_names: float = DEFAULT_FALSE_NAMES
    """Share of strangers, 0..1, who may get a name."""
    deviation: float = 1.0
    """Standard deviation of strangers in `space`: the unit of all scores here."""

    @property
    def cohort(self) -> NDArray[np.float64]:
        """Embeddings of people without names, shape (c, d)."""
        return self.space.cohort

    def scores(self, voices: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the normalised score of every voice with every person.

        Args:
            voices: Shape (v, d), each of length 1.
            people: Shape (p, d), each of length 1.

        Returns:
            Shape (v, p), in standard deviations.
        """
        return np.asarray(self.space.scores(voices, people) / self.deviation)

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


def calibrate(  # noqa: PLR0913  recordings with what is known of them
    embeddings: NDArray[np.floating],
    people: Sequence[str],
    revision: str,
    false_names: float = DEFAULT_FALSE_NAMES,
    conditions: Sequence[str] | None = None,
    others: NDArray[np.floating] | None = None,
) -> Calibration:
    """Measure a calibration on recordings of known people, who are its cohort too.

    Scores are measured in spaces without the people compared.

    Args:
        embeddings: Shape (recordings, d), each of length 1, all finite.
        people: The person of each recording.
        revision: Revision of the model.
        false_names: Share of strangers who may get a name.
        conditions: Condition of each recording, such as its band. What differs between conditions of a person is
            removed; scores are measured within one, where strangers are most alike. Else all are of one.
        others: Shape (m, d), each of length 1: people of the cohort who are not measured, such as synthetic ones.

    Raises:
        BadInputError: There are too few people, or none with two recordings.
    """
    names = np.unique(np.asarray(people), return_inverse=True)[1]
    count = int(names.max()) + 1 if len(names) else 0
    if count < MIN_PEOPLE:
        raise BadInputError(f"a calibration needs recordings of at least {MIN_PEOPLE} people; there are {count}")
    bands = np.zeros(len(names), np.intp)
    if conditions is not None:
        bands = np.unique(np.asarray(conditions), return_inverse=True)[1]
    strangers, same = _measured(embeddings, names, bands, others)
    if not len(same):
        raise BadInputError("no person has two recordings that can be compared")
    deviation = max(float(strangers.std()), _MIN_DEVIATION)
    space = fit(embeddings, names, bands, others)
    return Calibration(revision, space, strangers / deviation, same / deviation, count, false_names, deviation)


def _measured(
    embeddings: NDArray[np.floating],
    names: NDArray[np.intp],
    bands: NDArray[np.intp],
    others: NDArray[np.floating] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of two people and those of one, ascending."""
    strangers, same = [], []
    draw = np.random.default_rng(0)
    count = int(names.max()) + 1
    for _ in range(_DEALS):
        for group in np.array_split(draw.permutation(count), min(_GROUPS, count // 2)):
            chosen = np.isin(names, group)
            space = fit(embeddings[~chosen], names[~chosen], bands[~chosen], others)
            scores = space.scores(embeddings[chosen], embeddings[chosen])
            one, two = np.triu_indices(len(scores), 1)
            own, band = names[chosen], bands[chosen]
            is_one_band, is_same = band[one] == band[two], own[one] == own[two]
            strangers.append(scores[one, two][is_one_band & ~is_same])
            same.append(scores[one, two][is_one_band & is_same])
    return np.sort(np.concatenate(strangers)), np.sort(np.concatenate(same))


def write_calibration(calibration: Calibration, file: Path) -> None:
    """Write a calibration as JSON; embeddings are float16 in base64, scores are rounded.

    Raises:
        BadInputError: The file cannot be written.
    """
    try:
        file.write_text(calibration_json(calibration), encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{file} cannot be written: {error.strerror}") from None


def calibration_json(calibration: Calibration) -> str:
    """Return a calibration as JSON; embeddings are float16 in base64, scores are rounded."""
    space = calibration.space
    content = {
        "format": _FORMAT,
        "revision": calibration.revision,
        "people": calibration.people,
        "false_names": calibration.false_names,
        "deviation": calibration.deviation,
        "strangers": _kept(calibration.strangers),
        "same": _kept(calibration.same),
        "crowd": space.crowd,
        "dimension": len(space.centre),
        "centre": _to_base64(space.centre),
        "directions": _to_base64(space.directions),
        "cohort": _to_base64(space.cohort),
    }
    return json.dumps(content, separators=(",", ":")) + "\n"


def read_calibration(file: Path) -> Calibration:
    """Read a calibration.

    Raises:
        BadInputError: The file is none.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    return parse_calibration(text, file.name)


def parse_calibration(text: str, name: str) -> Calibration:
    """Return the calibration of a JSON text.

    Args:
        text: What `calibration_json` made.
        name: What it is called in the sentence of an error.

    Raises:
        BadInputError: It is none.
    """
    try:
        found = _calibration_of(json.loads(text))
    except (ValueError, KeyError, TypeError, OverflowError):
        found = None
    if found is None:
        raise BadInputError(f"{name} is no calibration of a speaker model")
    return found


def _calibration_of(content: Any) -> Calibration | None:  # noqa: ANN401  JSON of a file
    """Return the calibration that a file's content is; None where a value cannot be right.

    Raises:
        ValueError: It is none; so with KeyError, TypeError and OverflowError.
    """
    if content["format"] != _FORMAT:
        return None
    dimension = int(content["dimension"])
    centre, directions, cohort = (_from_base64(content[name], dimension) for name in ("centre", "directions", "cohort"))
    space = ScoreSpace(centre.reshape(dimension), directions, cohort, float(content["crowd"]))
    strangers, same = (np.sort(np.asarray(content[name], np.float64)) for name in ("strangers", "same"))
    found = Calibration(
        str(content["revision"]),
        space,
        strangers,
        same,
        int(content["people"]),
        float(content["false_names"]),
        float(content["deviation"]),
    )
    is_whole = all(one.ndim and len(one) and np.isfinite(one).all() for one in (cohort, strangers, same, space.centre))
    is_whole &= bool(np.isfinite(directions).all()) and -1 <= space.crowd < 1 and math.isfinite(found.deviation)
    return found if is_whole and found.people >= 1 and 0 < found.false_names < 1 and found.deviation > 0 else None


def _kept(scores: NDArray[np.float64]) -> list[float]:
    """Return scores, or where they are many as many quantiles as a file has, rounded."""
    few = scores if len(scores) <= _KEPT_SCORES else np.quantile(scores, np.linspace(0, 1, _KEPT_SCORES))
    return [float(one) for one in np.round(few, 3)]


def _to_base64(values: NDArray[np.float64]) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode()


def _from_base64(text: str, dimension: int) -> NDArray[np.float64]:
    """Return rows of a dimension, shape (n, d).

    Raises:
        ValueError: It is no base64, or no whole rows.
    """
    return np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float64).reshape(-1, dimension)
