"""The student: the shipped speaker encoder in training, and its export in SpeechBrain's layout.

`HYPERPARAMS` is the `hyperparams.yaml` of the folder and the only description of the network: training, export and use
all build it from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from hyperpyyaml import load_hyperpyyaml
from torch import nn

from training.paths import MODELS

if TYPE_CHECKING:
    from pathlib import Path

    from training.speakers.teacher import Targets, Teacher

FOLDER = MODELS / "demo-speaker-embedding"
DIMENSION = 64
HYPERPARAMS = """\
# A small speaker encoder in the layout of speechbrain/spkrec-ecapa-voxceleb; see README.md.
compute_features: !new:whisperx_worker_models.speaker_encoder.MelPower

mean_var_norm: !new:whisperx_worker_models.speaker_encoder.Unchanged

embedding_model: !new:whisperx_worker_models.speaker_encoder.LstmEncoder
    width: 256
    layers: 3
    dimension: 64

classifier: !new:torch.nn.Identity

modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    classifier: !ref <classifier>

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
"""


class Student(nn.Module):
    """Encoder of sounds to embeddings of 64 dimensions."""

    def __init__(self) -> None:
        super().__init__()
        parts = load_hyperpyyaml(HYPERPARAMS)
        self.features = parts["compute_features"]
        self.network = parts["embedding_model"]

    def start_as(self, teacher: Teacher, targets: Targets) -> None:
        """Initialise with the teacher's weights, and the targets' directions as the projection."""
        self.network.lstm.load_state_dict(teacher.lstm.state_dict())
        self.network.linear.load_state_dict(teacher.linear.state_dict())
        with torch.no_grad():
            self.network.projection.weight.copy_(targets.directions.T)
            self.network.projection.bias.copy_(-targets.mean @ targets.directions)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Compute embeddings, float32 [batch, 64] of length 1, of waves float32 [batch, samples]."""
        embeddings: torch.Tensor = self.network(self.features(waves))[:, 0]
        return embeddings


def export(weights: dict[str, torch.Tensor], folder: Path = FOLDER) -> None:
    """Write the folder that `EncoderClassifier.from_hparams` loads, with the network's weights in float16."""
    folder.mkdir(exist_ok=True)
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS, encoding="utf-8")
    fresh = folder / "embedding_model.ckpt.new"
    torch.save({name: value.half() for name, value in weights.items()}, fresh)
    fresh.replace(folder / "embedding_model.ckpt")
