"""A wav2vec2 CTC model of XLSR large's shape with random weights.

Its layout is that of production's Russian one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = 24
WIDTH = 1024
LABELS = ("<pad>", "<s>", "</s>", "<unk>", "|", "'", "-", *"абвгдежзийклмнопрстуфхцчшщъыьэюя", "ё")


def make_wav2vec2(folder: Path, *, layers: int = LAYERS) -> None:
    """Write the model.

    Args:
        folder: Gets `config.json`, `preprocessor_config.json`, `vocab.json`, `tokenizer_config.json`,
            `special_tokens_map.json` and `model.safetensors` in float32.
        layers: Of the transformer.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    config: Any = Wav2Vec2Config(  # type: ignore[no-untyped-call]
        vocab_size=len(LABELS),
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=16,
        intermediate_size=4 * WIDTH,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        conv_bias=True,
        attention_dropout=0.1,
        hidden_dropout=0.05,
        layerdrop=0.05,
        mask_time_prob=0.05,
        ctc_loss_reduction="mean",
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    model: Any = Wav2Vec2ForCTC(config)
    model.save_pretrained(folder)
    for name, content in _FILES.items():
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
_FILES = {
    "vocab.json": {label: number for number, label in enumerate(LABELS)},
    "special_tokens_map.json": _SPECIAL,
    "tokenizer_config.json": {
        **_SPECIAL,
        "do_lower_case": False,
        "tokenizer_class": "Wav2Vec2CTCTokenizer",
        "word_delimiter_token": "|",
    },
    "preprocessor_config.json": {
        "do_normalize": True,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "sampling_rate": 16_000,
    },
}
