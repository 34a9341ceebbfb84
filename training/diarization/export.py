"""Export of `demo-diarization`: a pyannote.audio pipeline folder around models that ship already.

    python -m training.diarization.export [--threshold 0.7]

The folder holds a `config.yaml` alone: the segmentation model is the one that the installed whisperx package carries,
the embedding model is `demo-speaker-embedding`. Without `--threshold` it is the one with the lowest mean
diarization error rate on dialogues of the tests' recipe, of seeds that no test uses; look again at both after the
embedding model was trained.
"""

import argparse
from typing import Any

import numpy as np
import torch
from pyannote.audio import Pipeline
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from tests.dialogues import CASTS, Dialogue, make_dialogue
from training.diarization.evaluate import FOLDER, annotation, in_memory

FIRST_SEED = 1000
STEPS = np.arange(0.4, 1.401, 0.05).round(2).tolist()

CONFIG = """\
# Written by training/diarization/export.py; README.md says what it reaches.
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: whisperx_worker_plugins.linked_diarization.pipeline.LinkedSpeakerDiarization
  params:
    segmentation: package:whisperx/assets/pytorch_model.bin
    embedding: $model/../demo-speaker-embedding
    segmentation_step: 0.25
params:
  onset: 0.5
  threshold: {threshold}
"""


def main() -> None:
    """Run the command line: write the folder, tune the threshold, and write it again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="dialogues per cast of the recipe")
    parser.add_argument("--threshold", type=float, help="write this one")
    arguments = parser.parse_args()
    if arguments.threshold:
        write(arguments.threshold)
        return
    rounds = arguments.rounds
    torch.set_num_threads(1)
    write(STEPS[0])
    pipeline: Any = Pipeline.from_pretrained(FOLDER)
    dialogues = [make_dialogue(cast, FIRST_SEED + number) for number, cast in enumerate(CASTS * rounds)]
    analyses = [pipeline.analyse(in_memory(dialogue.audio.samples)) for dialogue in dialogues]
    means: list[float] = []
    for threshold in STEPS:
        pipeline.instantiate({"onset": 0.5, "threshold": threshold})
        outputs = [pipeline.make_turns(each).speaker_diarization for each in analyses]
        means.append(float(np.mean([error_rate(*pair) for pair in zip(dialogues, outputs, strict=True)])))
        print(f"threshold {threshold:.2f}: mean DER {means[-1]:.1%}")
    write(middle_of_the_best(means))


def middle_of_the_best(means: list[float]) -> float:
    """Choose the threshold with the lowest mean over five neighbours."""
    padded = np.pad(means, 2, mode="edge")
    return float(STEPS[int(np.convolve(padded, np.ones(5), mode="valid").argmin())])


def error_rate(dialogue: Dialogue, hypothesis: Annotation) -> float:
    """Compute the diarization error rate, without a collar, overlap scored."""
    truth = annotation((turn.start, turn.end, turn.speaker) for turn in dialogue.turns)
    whole = Timeline([Segment(0, dialogue.audio.duration_s)])
    return float(DiarizationErrorRate(collar=0.0, skip_overlap=False)(truth, hypothesis, uem=whole))


def write(threshold: float) -> None:
    """Write `config.yaml`."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "config.yaml").write_text(CONFIG.format(threshold=threshold), encoding="utf-8")


if __name__ == "__main__":
    main()
