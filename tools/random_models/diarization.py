"""A pipeline of community-1's shape with random weights: powerset PyanNet, WeSpeaker ResNet34, VBx with PLDA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from pathlib import Path

DIMENSION = 256
"""Dimension of a speaker embedding."""
PLDA_DIMENSION = 128
LSTM_LAYERS = 4

CONFIG = """\
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering:
    threshold: 0.6
    Fa: 0.07
    Fb: 0.8
  segmentation:
    min_duration_off: 0.0
"""


def make_diarization(folder: Path, *, layers: int = LSTM_LAYERS) -> None:
    """Write the pipeline; its segmentation finds a speaker in every window.

    Args:
        folder: Gets `config.yaml`, both models and the PLDA's two files.
        layers: LSTM layers of the segmentation.
    """
    from whisperx_worker_plugins.pyannote_diarization.pipeline import silence_pyannote

    silence_pyannote()
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(0)
    lstm = {"hidden_size": 128, "num_layers": layers, "bidirectional": True, "monolithic": True, "dropout": 0.5}
    segmentation: Any = PyanNet(lstm=lstm if layers > 1 else {**lstm, "dropout": 0.0})
    segmentation.specifications = Specifications(
        Problem.MONO_LABEL_CLASSIFICATION,
        Resolution.FRAME,
        duration=10.0,
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    segmentation.build()
    # The classes are silence, each of three speakers, each pair: the first speaker is the likeliest.
    segmentation.classifier.bias.data[1] = 1.0
    embedding: Any = WeSpeakerResNet34()
    embedding.specifications = Specifications(
        Problem.REPRESENTATION, Resolution.CHUNK, duration=5.0, min_duration=2.5, classes=["somebody"]
    )
    for model, name in ((segmentation, "segmentation"), (embedding, "embedding")):
        _save(model, folder / name)
    _save_plda(folder / "plda")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")


def _save(model: Any, folder: Path) -> None:  # noqa: ANN401
    """Write a `pyannote.audio.Model` as Lightning's checkpoint."""
    import lightning

    checkpoint: dict[str, Any] = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": lightning.__version__,
    }
    model.on_save_checkpoint(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, folder / "pytorch_model.bin")


def _save_plda(folder: Path) -> None:
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "xvec_transform.npz",
        mean1=np.zeros(DIMENSION),
        mean2=np.zeros(PLDA_DIMENSION),
        lda=random.normal(size=(DIMENSION, PLDA_DIMENSION)) / np.sqrt(DIMENSION),
    )
    np.savez(
        folder / "plda.npz",
        mu=np.zeros(PLDA_DIMENSION),
        tr=np.eye(PLDA_DIMENSION),
        psi=np.linspace(4.0, 0.1, PLDA_DIMENSION),
    )
