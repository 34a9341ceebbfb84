"""The small Russian wav2vec2 CTC model: configuration, initial weights, folder."""

import json
import math
from pathlib import Path

import torch
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
)

RATE_HZ = 16_000
FRAME_SAMPLES = 320
"""One frame of output per 20 ms."""
RECEPTIVE_SAMPLES = 400
"""Receptive field of one frame; also the shortest input."""
BLANK, UNKNOWN, DELIMITER = "[PAD]", "[UNK]", "|"
FILTER_GAIN = 120.0
"""Gain at which the group norm's epsilon matters in empty bands only.

This holds even at -80 dB of full scale.
"""
LETTERS = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя-"
VOCABULARY = {token: index for index, token in enumerate([BLANK, UNKNOWN, DELIMITER, *LETTERS])}


def new_model() -> Wav2Vec2ForCTC:
    """Make the model of 1.1 million parameters with its filter bank.

    16 kHz sound float32 [batch, samples] in, logits [batch, frames, tokens] out. The first convolution is a bank of
    Gabor filters; the second one pools its rectified outputs per 10 ms. The group norm makes the model independent of
    the level. Sound must come as recorded all the same: made louder, the bands that a telephone leaves empty become
    noise, and words begin and end elsewhere.
    """
    config = Wav2Vec2Config(  # type: ignore[no-untyped-call]
        vocab_size=len(VOCABULARY),
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
        hidden_size=144,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=432,
        conv_dim=(64, 128, 160),
        conv_kernel=(100, 8, 2),
        conv_stride=(20, 8, 2),
        conv_bias=False,
        feat_extract_norm="group",
        num_conv_pos_embeddings=31,
        num_conv_pos_embedding_groups=4,
        do_stable_layer_norm=True,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=True,
        mask_time_prob=0.04,
        mask_time_length=8,
        mask_feature_prob=0.02,
        mask_feature_length=8,
        ctc_zero_infinity=True,
        ctc_loss_reduction="sum",
    )
    model = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        first_convolution(model).weight.copy_(gabor_filters(64, 100))
    return model


def first_convolution(model: Wav2Vec2ForCTC) -> torch.nn.Conv1d:
    """Return the filter bank."""
    convolution: torch.nn.Conv1d = model.get_submodule("wav2vec2.feature_extractor.conv_layers.0.conv")  # type: ignore[assignment]
    return convolution


def gabor_filters(count: int, width: int) -> torch.Tensor:
    """Compute windowed cosines and sines, 100–7,400 Hz on the mel scale, float32 [count, 1, width]."""
    mel = torch.linspace(1_127 * math.log(1 + 100 / 700), 1_127 * math.log(1 + 7_400 / 700), count // 2)
    hertz = 700 * (torch.exp(mel / 1_127) - 1)
    time_s = (torch.arange(width) - (width - 1) / 2) / RATE_HZ
    phase = 2 * math.pi * hertz[:, None] * time_s
    filters = torch.cat([phase.cos(), phase.sin()]) * torch.hann_window(width, periodic=False)
    filters -= filters.mean(dim=1, keepdim=True)
    bank: torch.Tensor = filters / filters.norm(dim=1, keepdim=True) * FILTER_GAIN
    return bank[:, None]


def frame_count(samples: int) -> int:
    """Return the number of output frames for that many samples."""
    return (samples - RECEPTIVE_SAMPLES) // FRAME_SAMPLES + 1


def save_folder(model: Wav2Vec2ForCTC, folder: Path) -> None:
    """Write model and processor for `from_pretrained`; every file is renamed into its place."""
    fresh = folder.with_name("." + folder.name + ".new")
    fresh.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = fresh / "vocab.json"
    vocabulary.write_text(json.dumps(VOCABULARY, ensure_ascii=False, indent=1), encoding="utf-8")
    tokenizer = Wav2Vec2CTCTokenizer(  # type: ignore[no-untyped-call]
        str(vocabulary),
        bos_token=None,
        eos_token=None,
        unk_token=UNKNOWN,
        pad_token=BLANK,
        word_delimiter_token=DELIMITER,
        do_lower_case=False,
    )
    extractor = Wav2Vec2FeatureExtractor(  # type: ignore[no-untyped-call]
        feature_size=1, sampling_rate=RATE_HZ, padding_value=0.0, do_normalize=False, return_attention_mask=False
    )
    processor = Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer)  # type: ignore[no-untyped-call]
    processor.save_pretrained(fresh)
    model.save_pretrained(fresh)
    for file in sorted(fresh.iterdir()):
        file.replace(folder / file.name)
    fresh.rmdir()
