"""Names of voices by their similarities with enrolled people. Pure: numpy, no model, no audio."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = "unknown"
"""Name of a voice without a person: the contract's word."""

MAX_BEHIND_NEAREST = 0.1
"""Distance from the highest similarity up to which a voice may get a name."""


@dataclass(frozen=True)
class Naming:
    """Person that one voice is named by."""

    person: int | None
    """Index of the enrolled person; None is a stranger."""
    similarity: float
    """Cosine with that person, or with the nearest one where it is a stranger, -1..1."""
    runner_up: float | None
    """The highest cosine with any other person; None where only one person is enrolled."""
    taken: int | None = None
    """The person who is nearest, above the threshold, and already another voice's name."""


def name_independently(scores: NDArray[np.float64], threshold: float) -> list[Naming]:
    """Name every voice by the nearest person; several voices may get one person.

    Args:
        scores: Shape (voices, people), people > 0, all finite.
        threshold: The lowest cosine that gives a name.
    """
    nearest = scores.argmax(axis=1)
    return [
        _naming(row, int(best) if row[best] >= threshold else None) for row, best in zip(scores, nearest, strict=True)
    ]


def name_uniquely(
    scores: NDArray[np.float64], threshold: float, max_behind: float = MAX_BEHIND_NEAREST
) -> list[Naming]:
    """Name every voice by a person, each person once: the most similar voice gets the name.

    Pairs are taken by falling similarity. Only those count that reach the threshold and are at most
    `max_behind` behind the voice's nearest person: a voice whose person is taken stays a stranger, and does not
    get the name of a person with little similarity.

    Args:
        scores: Shape (voices, people), people > 0, all finite.
        threshold: The lowest score that gives a name.
        max_behind: Distance from the highest score up to which a voice may get a name.
    """
    allowed = (scores >= threshold) & (scores >= scores.max(axis=1, keepdims=True) - max_behind)
    person_of: dict[int, int] = {}
    for voice, person in sorted(np.argwhere(allowed).tolist(), key=lambda pair: -scores[pair[0], pair[1]]):
        if voice not in person_of and person not in person_of.values():
            person_of[voice] = person
    namings = []
    for voice, row in enumerate(scores):
        named, nearest = person_of.get(voice), int(row.argmax())
        taken = nearest if named is None or row[named] < row[nearest] else None
        namings.append(_naming(row, named, taken if row[nearest] >= threshold else None))
    return namings


def with_cosines(naming: Naming, scores: NDArray[np.float64], cosines: NDArray[np.float64]) -> Naming:
    """Return a naming by normalised scores with the cosines of the same people.

    Args:
        naming: The naming.
        scores: Shape (people,), the scores that it was made by.
        cosines: Shape (people,).
    """
    shown = int(scores.argmax()) if naming.person is None else naming.person
    others = np.delete(cosines, shown)
    return replace(naming, similarity=float(cosines[shown]), runner_up=float(others.max()) if len(others) else None)


def _naming(row: NDArray[np.float64], person: int | None, taken: int | None = None) -> Naming:
    shown = int(row.argmax()) if person is None else person
    others = np.delete(row, shown)
    return Naming(person, float(row[shown]), float(others.max()) if len(others) else None, taken)
