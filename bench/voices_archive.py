"""One label for one voice across an archive: two hundred recordings learnt into a library of voices.

    python -m bench.voices_archive /path/to/voices --model src/whisperx_worker_models/demo-speaker-embedding

Turns are the true ones: what is measured is the library. It decides by a calibration on the other people of the folder,
one clip of each in three conditions; `--threshold` decides by that cosine instead. Embeddings are kept in `build`.
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
from bench.real_voices import read_voices, speech_level
from bench.recordings import LEVEL, Piece, in_room, noisy, over_telephone
from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker.contract.settings import Settings
from whisperx_worker.pipeline.worker import open_job
from whisperx_worker.voices.calibration import calibrate
from whisperx_worker.voices.learning import RecordedVoice, name_voices
from whisperx_worker.voices.library import Library, open_library
from whisperx_worker.voices.voiceprint import Voiceprint

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from numpy.typing import NDArray

    from bench.archive_recordings import ArchiveRecording
    from bench.real_voices import Clip
    from bench.recordings import Sound
    from whisperx_worker.voices.calibration import Calibration

ORDERS = 3
CHUNK = 20
"""Voices embedded at once."""
COHORT_NOISE_DB = 20.0
BUILD = Path(__file__).parent.parent / "build"


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
    clips = [clip for clip in voices.clips if clip.speaker]
    people = people_of(clips)
    recordings = compose_archive(people)
    encoder = KeptEncoder(arguments.model.resolve())
    embedded = embed_archive(recordings, encoder)
    calibration = None if arguments.threshold is not None else calibrate_on_others(clips, people, encoder)
    how = (
        f"cosine {arguments.threshold:.3f}" if calibration is None else f"a calibration on {calibration.people} others"
    )
    print(f"{len(recordings)} recordings, {sum(len(one.voices) for one in embedded)} voices, decided by {how}")
    groupings = []
    with tempfile.TemporaryDirectory() as folder:
        for order in range(ORDERS):
            shuffled = [embedded[at] for at in np.random.default_rng(order).permutation(len(embedded))]
            with open_library(Path(folder) / f"{order}.sqlite", create=True) as library:
                learn_all(library, shuffled, arguments.threshold or 0.0, calibration)
                before = contents(library)
                learn_all(library, shuffled, arguments.threshold or 0.0, calibration)
                changed = "nothing" if contents(library) == before else "something"
                print(f"order {order}: {score(library)}; a second run changes {changed}", flush=True)
                groupings.append(grouping(library))
    print(f"the same grouping in {groupings.count(groupings[0])} of {ORDERS} orders")


class KeptEncoder:
    """Speaker model with embeddings kept in a file between runs."""

    def __init__(self, model: Path) -> None:
        self._job = open_job("voices-archive", Settings(speaker_model=str(model)))
        none = self._job.embed_voices(())
        self.model, self.revision = none.model, none.revision
        self._file = BUILD / f"voices-archive-{self.revision}.npz"
        self._vectors = dict(np.load(self._file)) if self._file.is_file() else {}

    def embed(self, sounds: Sequence[Sound]) -> NDArray[np.float32]:
        """Return the embeddings of sounds, shape (n, d)."""
        keys = [hashlib.sha256(sound.tobytes()).hexdigest() for sound in sounds]
        missing = [at for at, key in enumerate(keys) if key not in self._vectors]
        for first in range(0, len(missing), CHUNK):
            chunk = missing[first : first + CHUNK]
            found = self._job.embed_voices([sounds[at] for at in chunk]).vectors
            self._vectors |= {keys[at]: vector for at, vector in zip(chunk, found, strict=True)}
            self._file.parent.mkdir(exist_ok=True)
            np.savez(self._file, **self._vectors)
        return np.stack([self._vectors[key] for key in keys])


def embed_archive(recordings: Sequence[ArchiveRecording], encoder: KeptEncoder) -> list[EmbeddedRecording]:
    """Embed each person's speech of each recording."""
    owners = [(at, person) for at, recording in enumerate(recordings) for person in recording.people]
    sounds = [recordings[at].sound_of(person) for at, person in owners]
    voices: dict[int, list[RecordedVoice]] = defaultdict(list)
    for (at, person), vector, sound in zip(owners, encoder.embed(sounds), sounds, strict=True):
        printed = Voiceprint(vector, encoder.model, encoder.revision, len(sound) / SAMPLE_RATE_HZ)
        voices[at].append(RecordedVoice(person, printed))
    return [EmbeddedRecording(one.name, tuple(voices[at])) for at, one in enumerate(recordings)]


def calibrate_on_others(clips: Sequence[Clip], people: Container[str], encoder: KeptEncoder) -> Calibration:
    """Measure a calibration on a clip of everybody else: in a room, over a telephone, and with noise."""
    others = {clip.speaker: clip for clip in clips if clip.speaker not in people}
    draw = np.random.default_rng(1)
    sounds: list[Sound] = []
    for clip in others.values():
        piece = in_room(Piece(clip.sound * np.float32(LEVEL / speech_level(clip.sound))), draw)
        sounds += [piece.sound, over_telephone(piece, draw), noisy(piece, draw, snr_db=COHORT_NOISE_DB)]
    conditions = ["wide", "telephone", "wide"] * len(others)
    names = [person for person in others for _ in range(3)]
    vectors = encoder.embed([np.asarray(sound, np.float32) for sound in sounds])
    usable = np.isfinite(vectors).all(axis=1)
    kept = np.flatnonzero(usable)
    return calibrate(
        vectors[usable],
        [names[at] for at in kept],
        encoder.revision,
        conditions=[conditions[at] for at in kept],
    )


def learn_all(
    library: Library, recordings: Sequence[EmbeddedRecording], threshold: float, calibration: Calibration | None
) -> None:
    """Learn recordings one after the other."""
    for one in recordings:
        content = hashlib.sha256(one.name.encode()).digest()
        name_voices(
            library,
            one.voices,
            content,
            threshold=threshold,
            calibration=calibration,
            title=one.name,
            learn=True,
        )


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
