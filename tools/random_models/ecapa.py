"""An ECAPA-TDNN of 192 dimensions with random weights, in the layout of SpeechBrain's published folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

DIMENSION = 192
PEOPLE = 7205
"""Classes of the published classifier, which the worker loads but does not use."""

HYPERPARAMS = f"""\
pretrained_path: speechbrain/spkrec-ecapa-voxceleb
n_mels: 80
out_n_neurons: {PEOPLE}
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [1024, 1024, 1024, 1024, 3072]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 128
    lin_neurons: {DIMENSION}
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: {DIMENSION}
    out_neurons: !ref <out_n_neurons>
mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        mean_var_norm_emb: !ref <mean_var_norm_emb>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
        mean_var_norm_emb: !ref <pretrained_path>/mean_var_norm_emb.ckpt
        classifier: !ref <pretrained_path>/classifier.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""


def make_ecapa(folder: Path) -> None:
    """Write `hyperparams.yaml`, three checkpoints and the classifier's labels."""
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier

    torch.manual_seed(0)
    network: Any = ECAPA_TDNN(
        input_size=80,
        channels=[1024, 1024, 1024, 1024, 3072],
        kernel_sizes=[5, 3, 3, 3, 1],
        dilations=[1, 2, 3, 4, 1],
        attention_channels=128,
        lin_neurons=DIMENSION,
    )
    classifier: Any = Classifier(input_size=DIMENSION, out_neurons=PEOPLE)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), folder / "embedding_model.ckpt")
    torch.save(classifier.state_dict(), folder / "classifier.ckpt")
    statistics = {"count": 1, "glob_mean": torch.zeros(DIMENSION), "glob_std": torch.ones(DIMENSION)}
    by_speaker: dict[str, dict[int, object]] = {"spk_dict_mean": {}, "spk_dict_std": {}, "spk_dict_count": {}}
    torch.save({**statistics, **by_speaker}, folder / "mean_var_norm_emb.ckpt")
    people = "".join(f"'id{number:05d}' => {number}\n" for number in range(PEOPLE))
    (folder / "label_encoder.txt").write_text(f"{people}================\n'starting_index' => 0\n", encoding="utf-8")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS, encoding="utf-8")
