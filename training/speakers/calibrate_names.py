"""Calibration of the shipped speaker encoder: `python -m training.speakers.calibrate_names RECORDINGS`.

RECORDINGS is a folder of public recordings with `index.jsonl`. Their people are measured, wide and over a telephone
line; the cohort has them and the synthetic voices of the tests, as they are and changed into other people. The file has
embeddings and scores, no names and no sound.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from bench.embedded_voices import embed_folder
from training.paths import ROOT
from training.speakers.evaluate import CHANGES, RATE_HZ, TESTS
from training.speakers.voices import change_voice
from whisperx_worker.contract.settings import Settings
from whisperx_worker.pipeline.worker import open_job
from whisperx_worker.voices.calibration import calibrate, write_calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = "demo-speaker-embedding"
TARGET = ROOT / "src" / "whisperx_worker_models" / MODEL / "calibration.json"
FALSE_NAMES = 0.002
"""Share of real strangers who may get a name; the demo's synthetic voices are more alike than people."""
UTTERANCES = 2
"""Utterances of each synthetic voice that are joined."""


def synthetic_people() -> list[NDArray[np.float32]]:
    """Return speech of each held-out synthetic voice of the tests, and of the people it is changed to."""
    sound, _ = soundfile.read(TESTS / "heldout.flac", dtype="float32")
    voices: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for entry in json.loads((TESTS / "index.json").read_text(encoding="utf-8")):
        if entry["file"] == "heldout.flac":
            voices[entry["voice"]].append(sound[round(entry["start"] * RATE_HZ) : round(entry["end"] * RATE_HZ)])
    waves = [np.concatenate(parts[:UTTERANCES]) for parts in voices.values()]
    return [wave if change == (1.0, 1.0) else change_voice(wave, *change) for wave in waves for change in CHANGES]


def main() -> None:
    """Measure, and write the calibration into the model's folder."""
    measured = embed_folder(Path(sys.argv[1]), MODEL)
    job = open_job("calibrate-names", Settings(speaker_model=MODEL, device="cpu"))
    others = job.embed_voices(synthetic_people()).vectors
    found = calibrate(
        measured.vectors,
        measured.people.tolist(),
        measured.revision,
        FALSE_NAMES,
        conditions=measured.conditions.tolist(),
        others=others[np.isfinite(others).all(axis=1)],
    )
    write_calibration(found, TARGET)
    count = len(found.strangers)
    print(f"{found.people} people, {count} scores of two of them; a name of one needs {found.threshold(1):.2f}")


if __name__ == "__main__":
    main()
