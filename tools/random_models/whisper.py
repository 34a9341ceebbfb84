"""A Whisper of large-v3's shape with random weights, as the CTranslate2 folder that production loads.

Position embeddings point at the token that should come next, and random layers move a direction in 1,280 dimensions
only a little: whatever the sound, the model finds Russian and says the same invented words with timestamps. All the
arithmetic is that of a trained model.
"""

from __future__ import annotations

import json
import math
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import torch
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import nn

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY = 51866
MELS = 128
WIDTH = 1280
HEADS = 20
LAYERS = 32
"""Of the encoder, and as many of the decoder."""
TEXT_TOKENS = 448
"""Positions of the decoder."""
TIMESTAMP_S = 0.02

PHRASE_WORDS = 7
PHRASE_S = 4.0
PHRASES = 7
"""Phrases in a window of 30 s."""

_STD = 0.02
_MIXER = 3_090_299
"""Factor near the golden section of 171³, and coprime to it.

It gives neighbouring numbers words that are nothing alike.
"""
_SYLLABLES = tuple(f"{first}{vowel}" for first, vowel in product("бвгджзклмнпрстфхцчш", "аеиоуыэюя"))


def make_whisper(folder: Path, *, layers: int = LAYERS) -> None:
    """Write the model.

    Args:
        folder: Gets `model.bin` in float16, `config.json`, `tokenizer.json`, `vocabulary.json` and
            `preprocessor_config.json`.
        layers: Of the encoder, and as many of the decoder.
    """
    from ctranslate2.converters.transformers import WhisperLoader

    tokenizer = make_tokenizer()
    model = _network(layers)
    with torch.no_grad():
        _fill(model, layers)
        _steer(model, _script(tokenizer))
        spec = WhisperLoader().get_model_spec(model)
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    spec.register_vocabulary(tokens)
    _configure(spec.config, tokenizer, layers)
    spec.validate()
    # As the converter does: what is equal is written once.
    spec.decoder.projection.weight = "decoder/embeddings/weight"
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPROCESSOR, indent=2) + "\n", encoding="utf-8")


_PREPROCESSOR = {
    "chunk_length": 30,
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": MELS,
    "hop_length": 160,
    "n_fft": 400,
    "n_samples": 480_000,
    "nb_max_frames": 3000,
    "padding_side": "right",
    "padding_value": 0.0,
    "processor_class": "WhisperProcessor",
    "return_attention_mask": False,
    "sampling_rate": 16_000,
}


def make_tokenizer() -> Tokenizer:
    """Build a byte-level tokenizer with invented words and large-v3's special tokens at their places."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet(), key=ord)
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    # The empty token is what tells a multilingual Whisper from an English one.
    count = VOCABULARY - len(_special()) - len(letters) - 1
    words = [level.pre_tokenize_str(" " + _word(number))[0][0] for number in range(count)]
    vocabulary = {token: number for number, token in enumerate([*letters, *words, ""])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    cast("Any", tokenizer).pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cast("Any", tokenizer).decoder = decoders.ByteLevel()
    for token in _special():
        added = AddedToken(token, special=not token[2].isdigit(), normalized=False)
        tokenizer.add_special_tokens([added]) if added.special else tokenizer.add_tokens([added])
    return tokenizer


def _special() -> list[str]:
    names = ["endoftext", "startoftranscript", *_LANGUAGE_CODES]
    names += ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    names += [f"{number * TIMESTAMP_S:.2f}" for number in range(1501)]
    return [f"<|{name}|>" for name in names]


def _word(number: int) -> str:
    """Return a word of three syllables, another one for each number."""
    count = len(_SYLLABLES)
    mixed = number * _MIXER % count**3
    return "".join(_SYLLABLES[mixed // count**place % count] for place in range(3))


def _script(tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of all positions: the start, phrases between timestamps, then only the end."""
    id_of = tokenizer.token_to_id
    first_word, all_words = 256, id_of("<|endoftext|>") - 257
    script = [id_of(f"<|{name}|>") for name in ("startoftranscript", "ru", "transcribe", "0.00")]
    for phrase in range(PHRASES):
        # Steps that share no factor with the number of words: none comes twice.
        script += [first_word + (phrase * PHRASE_WORDS + place + 1) * 7919 % all_words for place in range(PHRASE_WORDS)]
        script += [id_of(f"<|{(phrase + 1) * PHRASE_S:.2f}|>")] * 2
    script[-1:] = [id_of("<|endoftext|>")] * (TEXT_TOKENS + 2 - len(script))
    return script


def _network(layers: int) -> Any:  # noqa: ANN401
    """Return the module in float16 with unset weights."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config: Any = WhisperConfig(  # type: ignore[no-untyped-call]
        vocab_size=VOCABULARY,
        num_mel_bins=MELS,
        d_model=WIDTH,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=4 * WIDTH,
        decoder_ffn_dim=4 * WIDTH,
        max_target_positions=TEXT_TOKENS,
    )
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
    return model.half().to_empty(device="cpu").eval()  # type: ignore[no-untyped-call]


def _fill(model: nn.Module, layers: int) -> None:
    """Draw all weights.

    What is added to the residual is small enough that depth does not drown the positions.
    """
    random = torch.Generator().manual_seed(0)
    residual = 1 / math.sqrt(2 * layers)
    for name, weight in model.named_parameters():
        if name.endswith("layer_norm.weight"):
            weight.fill_(1.0)
        elif weight.dim() == 1:
            weight.zero_()
        else:
            scale = residual if name.endswith(("out_proj.weight", "fc2.weight")) else 1.0
            weight.copy_(torch.empty(weight.shape).normal_(0.0, _STD * scale, generator=random))


def _steer(model: Any, script: list[int]) -> None:  # noqa: ANN401
    """Let each position of the decoder point at the embedding of the script's next token."""
    decoder = model.model.decoder
    model.proj_out.weight = decoder.embed_tokens.weight
    decoder.embed_positions.weight.copy_(decoder.embed_tokens.weight[script[1 : TEXT_TOKENS + 1]] / _STD)


def _configure(config: Any, tokenizer: Tokenizer, layers: int) -> None:  # noqa: ANN401
    id_of = tokenizer.token_to_id
    markers = ("startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nospeech")
    config.suppress_ids = sorted(id_of(f"<|{name}|>") for name in markers)
    config.suppress_ids_begin = [id_of("Ġ"), id_of("<|endoftext|>")]
    config.alignment_heads = [[layer, head] for layer in range(layers // 2, layers) for head in range(HEADS)]
    config.lang_ids = sorted(id_of(f"<|{code}|>") for code in _LANGUAGE_CODES)
