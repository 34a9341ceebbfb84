"""One label for one voice across an archive: two hundred recordings learnt into a library of voices.

    python -m bench.voices_archive /path/to/voices --model src/whisperx_worker_models/demo-speaker-embedding

Turns are the true ones: what is measured is the library. The calibration in use is the model's; `--threshold` takes
another one.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.archive_recordings import compose_archive, people_of
from bench.real_voices import read_voices
from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker.contract.settings import Settings
from whisperx_worker.pipeline.worker import open_job
from whisperx_worker.voices.learning import RecordedVoice, name_voices
from whisperx_worker.voices.library import Library, open_library
from whisperx_worker.voices.voiceprint import Voiceprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.archive_recordings import ArchiveRecording

ORDERS = 3
CHUNK = 20
"""Voices embedded at once."""


@dataclass(frozen=True, eq=False)
class EmbeddedRecording:
    """Recording with the voice of each of its people."""

    name: str
    voices: tuple[RecordedVoice, ...]
    """Labelled by the true people."""


@dataclass(frozen=True)
class Score:
    """Shares of the speaking time, with the number of labels."""

    main: float
    """Under the one label that a person has most, where that label is this person's."""
    wrong: float
    """Under a label that is another person's."""
    uncertain: float
    labels: int

    def __str__(self) -> str:
        return (
            f"{self.main:.1%} under one label per person, {self.wrong:.1%} under a wrong one, "
            f"{self.uncertain:.1%} uncertain, {self.labels} labels"
        )


def main() -> None:
    """Print the scores of the archive in several orders, and what a second run changes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threshold", type=float)
    arguments = parser.parse_args()
    voices = read_voices(arguments.folder)
    recordings = compose_archive(people_of([clip for clip in voices.clips if clip.speaker]))
    embedded, threshold = embed_archive(recordings, arguments.model.resolve())
    threshold = threshold if arguments.threshold is None else arguments.threshold
    print(f"{len(recordings)} recordings, {sum(len(one.voices) for one in embedded)} voices, threshold {threshold:.3f}")
    groupings = []
    with tempfile.TemporaryDirectory() as folder:
        for order in range(ORDERS):
            shuffled = [embedded[at] for at in np.random.default_rng(order).permutation(len(embedded))]
            with open_library(Path(folder) / f"{order}.sqlite", create=True) as library:
                learn_all(library, shuffled, threshold)
                before = contents(library)
                learn_all(library, shuffled, threshold)
                print(
                    f"order {order}: {score(library)}; a second run changes {'nothing' * (contents(library) == before)}"
                )
                groupings.append(grouping(library))
    print(f"the same grouping in {groupings.count(groupings[0])} of {ORDERS} orders")


def embed_archive(recordings: Sequence[ArchiveRecording], model: Path) -> tuple[list[EmbeddedRecording], float]:
    """Embed each person's speech of each recording; return the model's threshold too."""
    job = open_job("voices-archive", Settings(speaker_model=str(model)))
    embedded = []
    for recording in recordings:
        sounds = [recording.sound_of(person) for person in recording.people]
        found = job.embed_voices(sounds)
        made = tuple(
            RecordedVoice(person, Voiceprint(vector, found.model, found.revision, len(sound) / SAMPLE_RATE_HZ))
            for person, vector, sound in zip(recording.people, found.vectors, sounds, strict=True)
        )
        embedded.append(EmbeddedRecording(recording.name, made))
    return embedded, job.embed_voices(()).threshold


def learn_all(library: Library, recordings: Sequence[EmbeddedRecording], threshold: float) -> None:
    """Learn recordings one after the other."""
    for one in recordings:
        content = hashlib.sha256(one.name.encode()).digest()
        name_voices(library, one.voices, content, threshold=threshold, title=one.name, learn=True)


def contents(library: Library) -> list[str]:
    """Return all that a library holds."""
    return list(library.connection.iterdump())


def grouping(library: Library) -> tuple[set[frozenset[str]], frozenset[str]]:
    """Return the voices by person, without the persons' names, and the uncertain ones."""
    groups: dict[int, set[str]] = defaultdict(set)
    uncertain: set[str] = set()
    for person, pending, title, label in library.connection.execute("SELECT person, pending, title, label FROM voices"):
        (uncertain if pending else groups[person]).add(f"{title} {label}")
    return {frozenset(group) for group in groups.values()}, frozenset(uncertain)


def score(library: Library) -> Score:
    """Compare a library's labels with the true people."""
    spoken: Counter[tuple[int, str]] = Counter()
    uncertain_s = 0.0
    for person, pending, label, speech_s in library.connection.execute(
        "SELECT person, pending, label, speech_s FROM voices"
    ):
        if pending:
            uncertain_s += speech_s
        else:
            spoken[person, label] += speech_s
    owners: dict[int, str] = {}
    for (person, label), seconds in spoken.items():
        if seconds >= max(other for (label_of, _), other in spoken.items() if label_of == person):
            owners[person] = label
    main: dict[str, float] = defaultdict(float)
    for (person, label), seconds in spoken.items():
        if owners[person] == label:
            main[label] = max(main[label], seconds)
    total_s = spoken.total() + uncertain_s
    wrong_s = sum(seconds for (person, label), seconds in spoken.items() if owners[person] != label)
    return Score(sum(main.values()) / total_s, wrong_s / total_s, uncertain_s / total_s, len(owners))


if __name__ == "__main__":
    main()
