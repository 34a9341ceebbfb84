"""The synthesised speech corpus on disk.

`speech.npy` (int16, 16 kHz, all utterances one after another) and `speech.json` (one record each) lie in the folder
named by SPEECH_CORPUS. Four splits: "train"; "heldout", known voices with sentences that no training utterance has;
"unheard_voice" and "unheard_engine", the same kind of sentences by voices that are never trained on.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from training.paths import CORPUS


class Record(TypedDict):
    """One utterance; times are seconds from its start."""

    offset: int
    """First sample in `speech.npy`."""
    samples: int
    text: str
    words: list[tuple[str, float, float]]
    engine: str
    voice: str
    split: str


@dataclass(frozen=True)
class Corpus:
    """The loaded corpus."""

    speech: NDArray[np.int16]
    """int16 [samples], mapped into memory, 16 kHz."""
    records: list[Record]

    def split(self, *names: str) -> list[Record]:
        """Select the utterances of the named splits."""
        return [record for record in self.records if record["split"] in names]

    def wave(self, record: Record) -> NDArray[np.float32]:
        """Read the sound of one utterance, float32 [samples] within -1..1."""
        piece = self.speech[record["offset"] : record["offset"] + record["samples"]]
        return np.asarray(piece * np.float32(1 / 32_768), np.float32)


def load(folder: Path = CORPUS) -> Corpus:
    """Load the corpus.

    Raises:
        FileNotFoundError: The corpus was not built.
    """
    with (folder / "speech.json").open(encoding="utf-8") as file:
        return Corpus(np.load(folder / "speech.npy", mmap_mode="r"), json.load(file))


def save(folder: Path, speech: NDArray[np.int16], records: list[Record]) -> None:
    """Replace the corpus as a whole.

    A reader sees the old one or the new one.
    """
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    fresh.mkdir(parents=True, exist_ok=True)
    np.save(fresh / "speech.npy", speech)
    (fresh / "speech.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    if old.exists():
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
