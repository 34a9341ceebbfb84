"""Writes `models/demo-diarization`: a pyannote.audio pipeline folder around the models that are already here.

    python make_diarization_folder.py

The folder holds a `config.yaml` alone: the segmentation model is the one that the installed whisperx package carries,
the embedding model is `models/demo-speaker-embedding`. The two thresholds are those with the lowest mean diarization
error rate on dialogues of the tests' recipe whose seeds no test uses.
"""

import argparse
from itertools import product

import numpy as np
import torch
from evaluate_diarization import FOLDER, annotation, in_memory
from pyannote.audio import Pipeline
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from tests.dialogues import CASTS, Dialogue, make_dialogue

FIRST_SEED = 1000
STEPS = np.arange(0.1, 0.951, 0.05).round(2).tolist()

CONFIG = """\
# Written by models/training/make_diarization_folder.py; README.md says what it reaches.
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: whisperx_worker_plugins.pyannote_diarization.linking.LinkedSpeakerDiarization
  params:
    segmentation: package:whisperx/assets/pytorch_model.bin
    embedding: $model/../demo-speaker-embedding
params:
  onset: 0.5
  threshold: {threshold}
  threshold_within_track: {within}
"""


def main() -> None:
    """Write the folder, tune the thresholds, and write it again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="dialogues per cast of the recipe")
    torch.set_num_threads(1)
    write(0.5, 0.5)
    pipeline = Pipeline.from_pretrained(FOLDER)
    rounds = parser.parse_args().rounds
    dialogues = [make_dialogue(cast, FIRST_SEED + number) for number, cast in enumerate(CASTS * rounds)]
    heard = [pipeline.hear(in_memory(dialogue.audio.samples)) for dialogue in dialogues]
    rates = {}
    for threshold, within in product(STEPS, STEPS):
        pipeline.instantiate({"onset": 0.5, "threshold": threshold, "threshold_within_track": within})
        told = [pipeline.tell(each).speaker_diarization for each in heard]
        rates[threshold, within] = float(np.mean([rate(*pair) for pair in zip(dialogues, told, strict=True)]))
    threshold, within = middle_of_the_best(rates)
    print(f"threshold {threshold}, within a track {within}: mean DER {rates[threshold, within]:.1%}")
    write(threshold, within)


def middle_of_the_best(rates: dict[tuple[float, float], float]) -> tuple[float, float]:
    """The pair whose neighbours, too, are good: the lowest mean of a pair and the eight around it."""
    grid = np.array([[rates[a, b] for b in STEPS] for a in STEPS])
    padded = np.pad(grid, 1, mode="edge")
    smooth = sum(padded[i : i + len(STEPS), j : j + len(STEPS)] for i in range(3) for j in range(3))
    row, column = np.unravel_index(int(np.argmin(smooth)), grid.shape)
    return STEPS[row], STEPS[column]


def rate(dialogue: Dialogue, told: Annotation) -> float:
    """Diarization error rate, without a collar, overlap scored."""
    truth = annotation((turn.start, turn.end, turn.speaker) for turn in dialogue.turns)
    whole = Timeline([Segment(0, dialogue.audio.duration_s)])
    return float(DiarizationErrorRate(collar=0.0, skip_overlap=False)(truth, told, uem=whole))


def write(threshold: float, within: float) -> None:
    """Write the folder's only file."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "config.yaml").write_text(CONFIG.format(threshold=threshold, within=within), encoding="utf-8")


if __name__ == "__main__":
    main()
