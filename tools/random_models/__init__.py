"""Models of every shape that production has, with random weights, in the formats of production.

    python -m tools.random_models FOLDER              at full depth, 5 GB
    python -m tools.random_models FOLDER --layers 1   at little depth, for tests

They measure no quality. They load as production's models do, need the same memory and the same time, and fail
where production's would.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHISPER = "random-whisper-large-v3"
ALIGNER = "random-wav2vec2-xlsr-large"
DIARIZATION = "random-diarization-community-1"
SPEAKERS = "random-ecapa-voxceleb"

SETTINGS = {
    "model": WHISPER,
    "align_model": ALIGNER,
    "diarization_model": DIARIZATION,
    "speaker_model": SPEAKERS,
}
"""Settings of the worker besides the models folder; names of models are folders."""


def makers(layers: int | None = None) -> dict[str, Callable[[Path], None]]:
    """Return the function that writes each model, by folder name.

    Args:
        layers: Depth in place of production's. ResNet34 and ECAPA-TDNN have their depth in their names.
    """
    from tools.random_models.diarization import LSTM_LAYERS, make_diarization
    from tools.random_models.ecapa import make_ecapa
    from tools.random_models.wav2vec2 import LAYERS as ALIGNER_LAYERS
    from tools.random_models.wav2vec2 import make_wav2vec2
    from tools.random_models.whisper import LAYERS as WHISPER_LAYERS
    from tools.random_models.whisper import make_whisper

    return {
        WHISPER: lambda folder: make_whisper(folder, layers=layers or WHISPER_LAYERS),
        ALIGNER: lambda folder: make_wav2vec2(folder, layers=layers or ALIGNER_LAYERS),
        DIARIZATION: lambda folder: make_diarization(folder, layers=min(layers or LSTM_LAYERS, LSTM_LAYERS)),
        SPEAKERS: make_ecapa,
    }


def make_models(models: Path, layers: int | None = None) -> None:
    """Write the model folders that are missing."""
    for name, make in makers(layers).items():
        if (models / name).is_dir():
            continue
        unfinished = models / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        unfinished.rename(models / name)
