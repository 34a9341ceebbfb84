"""Random Whisper models of any shape as CTranslate2 folders, for tests of memory, precision and loading.

Example:
    >>> import tempfile
    >>> folder = make_whisper(Path(tempfile.mkdtemp()), Shape(width=64, heads=2, hidden=64, encoder_heads=2))
    >>> sorted(file.name for file in folder.iterdir())
    ['config.json', 'model.bin', 'tokenizer.json', 'vocabulary.json']
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.contract.languages import LANGUAGES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FRAMES = 1500
"""Encoder states of a window of 30 s."""
POSITIONS = 448
"""Tokens that the decoder can hold."""
_TIMESTAMPS = 1501
_BYTES = 256


@dataclass(frozen=True)
class Shape:
    """Sizes of a model; the defaults are those of large-v3 but for the number of layers."""

    width: int = 1280
    heads: int = 20
    hidden: int = 5120
    encoder_layers: int = 1
    encoder_heads: int = 20
    decoder_layers: int = 1
    mels: int = 128
    vocabulary: int = 51866

    @property
    def state_bytes(self) -> int:
        """Bytes in float32 of what the decoder keeps of one chunk: keys and values of its cross-attention."""
        return 2 * FRAMES * self.width * 4 * self.decoder_layers


def make_whisper(folder: Path, shape: Shape, *, quantization: str = "float16", ends_at_once: bool = False) -> Path:
    """Write a random model, without `preprocessor_config.json`, and return its folder.

    Args:
        folder: Is made if it is not there.
        shape: The model's sizes.
        quantization: Precision of the stored weights, as CTranslate2 names it.
        ends_at_once: Whether the decoder ends its text after one timestamp, so that decoding costs little.
    """
    from ctranslate2.specs.whisper_spec import WhisperSpec

    rng = np.random.default_rng(0)
    tokens = vocabulary(shape.vocabulary)
    spec = WhisperSpec(shape.encoder_layers, shape.encoder_heads, shape.decoder_layers, shape.heads)
    _set_encoder(spec.encoder, shape, rng)
    _set_decoder(spec.decoder, shape, rng)
    if ends_at_once:
        spec.decoder.projection.bias = np.where(np.array(tokens) == "<|endoftext|>", 100, 0).astype(np.float32)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [tokens.index(f"<|{code}|>") for code in sorted(LANGUAGES)]
    spec.config.alignment_heads = [[shape.decoder_layers - 1, 0]]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    (folder / "tokenizer.json").write_text(_tokenizer(tokens), encoding="utf-8")
    return folder


def vocabulary(size: int) -> list[str]:
    """Tokens in the order of large-v3: bytes, pieces of text, then markers, languages and timestamps."""
    markers = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in sorted(LANGUAGES))]
    special += [f"<|{marker}|>" for marker in markers]
    special += [f"<|{step * 0.02:.2f}|>" for step in range(_TIMESTAMPS)]
    pieces = size - len(special) - _BYTES - 1
    return [*sorted(_byte_letters()), *(f"Ġ{number:05d}" for number in range(pieces)), "", *special]


def _byte_letters() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return ByteLevel.alphabet()


def _tokenizer(tokens: list[str]) -> str:
    """A byte-level tokenizer in the form of `tokenizer.json`: every byte of a text is a token."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    ordinary = {token: number for number, token in enumerate(tokens) if not token.startswith("<|")}
    tokenizer = Tokenizer(models.BPE(vocab=ordinary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in tokens if token.startswith("<|")])
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)


def _set_encoder(encoder: Any, shape: Shape, rng: np.random.Generator) -> None:
    for conv, channels in ((encoder.conv1, shape.mels), (encoder.conv2, shape.width)):
        conv.weight, conv.bias = _random(rng, shape.width, channels, 3), _random(rng, shape.width)
    encoder.position_encodings.encodings = _random(rng, FRAMES, shape.width)
    _set_norm(encoder.layer_norm, shape.width)
    for layer in encoder.layer:
        _set_attention(layer.self_attention, [3, 1], shape.width, rng)
        _set_feed_forward(layer.ffn, shape, rng)


def _set_decoder(decoder: Any, shape: Shape, rng: np.random.Generator) -> None:
    decoder.embeddings.weight = _random(rng, shape.vocabulary, shape.width)
    decoder.position_encodings.encodings = _random(rng, POSITIONS, shape.width)
    decoder.projection.weight = decoder.embeddings.weight
    _set_norm(decoder.layer_norm, shape.width)
    for layer in decoder.layer:
        _set_attention(layer.self_attention, [3, 1], shape.width, rng)
        _set_attention(layer.attention, [1, 2, 1], shape.width, rng)
        _set_feed_forward(layer.ffn, shape, rng)


def _set_attention(attention: Any, widths: list[int], width: int, rng: np.random.Generator) -> None:
    """Projections of several times the width, as CTranslate2 fuses those of queries, keys and values."""
    _set_norm(attention.layer_norm, width)
    for linear, times in zip(attention.linear, widths, strict=True):
        linear.weight, linear.bias = _random(rng, times * width, width), _random(rng, times * width)


def _set_feed_forward(ffn: Any, shape: Shape, rng: np.random.Generator) -> None:
    _set_norm(ffn.layer_norm, shape.width)
    ffn.linear_0.weight, ffn.linear_0.bias = _random(rng, shape.hidden, shape.width), _random(rng, shape.hidden)
    ffn.linear_1.weight, ffn.linear_1.bias = _random(rng, shape.width, shape.hidden), _random(rng, shape.width)


def _set_norm(norm: Any, width: int) -> None:
    norm.gamma, norm.beta = np.ones(width, np.float32), np.zeros(width, np.float32)


def _random(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Weights that repeat after a prime number of them: large ones are made in no time."""
    return np.resize(rng.standard_normal(65_537, np.float32) * np.float32(0.02), shape)
