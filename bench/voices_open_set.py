"""Open-set trials of speaker models on recorded people: `python -m bench.voices_open_set RECORDINGS [MODEL …]`.

RECORDINGS is a folder with `index.jsonl`; every clip of a speaker counts wide and over a telephone line, and a model is
a name or a folder. People are dealt into folds. The
calibration is made of the other folds; of a fold half of the people with two clips are enrolled by some of them, and
their other clips and all clips of the others are named. No measured person is in the calibration.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.embedded_voices import embed_folder
from whisperx_worker.voices.calibration import calibrate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLDS = 3
REPEATS = 20
RESAMPLES = 1000
TARGET = 0.01


@dataclass(frozen=True)
class Trial:
    """One clip that was named."""

    person: str
    condition: str
    enrolled: bool
    right: bool
    named: bool


def trials(vectors: NDArray[np.float32], people: NDArray[np.str_], conditions: NDArray[np.str_]) -> list[Trial]:
    """Return the trials of all folds, dealt several times."""
    found: list[Trial] = []
    names = np.unique(people)
    for repeat in range(REPEATS):
        rng = np.random.default_rng(repeat)
        for fold in np.array_split(rng.permutation(names), FOLDS):
            is_unheard = np.isin(people, fold)
            others, bands = people[~is_unheard].tolist(), conditions[~is_unheard].tolist()
            calibration = calibrate(vectors[~is_unheard], others, "bench", TARGET, bands)
            several = [name for name in fold if (people == name).sum() > len(np.unique(conditions))]
            enrolled = several[: max(1, len(several) // 2)]
            samples = {name: _samples(people, conditions, name) for name in enrolled}
            known = np.stack([_mean(vectors[rows]) for rows in samples.values()])
            tried = [row for row in np.flatnonzero(is_unheard) if all(row not in rows for rows in samples.values())]
            scores = calibration.scores(vectors[tried], known)
            threshold = calibration.threshold(len(enrolled))
            for row, score in zip(tried, scores, strict=True):
                best = int(score.argmax())
                is_named = bool(score[best] >= threshold)
                person, right = str(people[row]), enrolled[best] == people[row]
                found.append(Trial(person, str(conditions[row]), person in enrolled, right, is_named))
    return found


def _samples(people: NDArray[np.str_], conditions: NDArray[np.str_], name: str) -> NDArray[np.intp]:
    """Return the rows that enrol a person: half of their clips, of the first condition."""
    rows = np.flatnonzero((people == name) & (conditions == conditions[0]))
    return rows[: max(1, len(rows) // 2)]


def _mean(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    total = vectors.mean(axis=0)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def share(wrong: Sequence[bool], people: Sequence[str]) -> str:
    """Return a share with its 95 % interval, people being what the bootstrap draws."""
    names, place = np.unique(np.asarray(people), return_inverse=True)
    counts = np.bincount(place).astype(float)
    sums = np.bincount(place, np.asarray(wrong, float))
    drawn = np.random.default_rng(0).integers(len(names), size=(RESAMPLES, len(names)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return f"{sums.sum() / counts.sum():.1%} ({low:.1%}-{high:.1%}; {len(names)} people)"


def report(found: Sequence[Trial]) -> list[str]:
    """Return lines of the table: false and missed naming by condition."""
    lines = []
    for condition in ("all", *sorted({one.condition for one in found})):
        chosen = [one for one in found if condition in {"all", one.condition}]
        strangers = [one for one in chosen if not one.enrolled]
        friends = [one for one in chosen if one.enrolled]
        false = share([one.named for one in strangers], [one.person for one in strangers])
        mixed = share([one.named and not one.right for one in friends], [one.person for one in friends])
        missed = share([not (one.named and one.right) for one in friends], [one.person for one in friends])
        lines.append(f"| {condition} | {false} | {mixed} | {missed} |")
    return lines


def main() -> None:
    """Print a table for each speaker model."""
    folder, *models = sys.argv[1:]
    for model in models or ["demo-speaker-embedding"]:
        measured = embed_folder(Path(folder), str(Path(model).resolve()) if Path(model).is_dir() else model)
        found = trials(measured.vectors, measured.people, measured.conditions)
        print(f"{Path(model).name}\n\n| condition | strangers named | friends misnamed | friends without name |")
        print("| --- | --- | --- | --- |", *report(found), sep="\n")


if __name__ == "__main__":
    main()
