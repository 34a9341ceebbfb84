"""A very small Whisper in plain torch.

It has the parameter names and the arithmetic of transformers' Whisper.

Written out here because training needs two things that the stock model does not give cheaply: the cross-attention
weights of a few heads (they are guided by the known word times), and encoder inputs shorter than 30 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that torch uses


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    vocab: int
    """Tokens, timestamps included."""
    width: int = 128
    heads: int = 4
    encoder_layers: int = 3
    decoder_layers: int = 4
    hidden: int = 384
    mels: int = 80
    frames: int = 1500
    """Encoder positions of 20 ms: 30 s."""
    tokens: int = 448
    guided_layers: tuple[int, ...] = (1, 2, 3)
    guided_heads: tuple[int, ...] = (0, 1)

    @property
    def alignment_heads(self) -> list[list[int]]:
        """Pairs (decoder layer, head) with a cross-attention that follows the words."""
        return [[layer, head] for layer in self.guided_layers[1:] for head in self.guided_heads]

    @property
    def reserved(self) -> list[int]:
        """Channels of the encoder reserved for the fast half of the position waves.

        Without a clean copy of the position the later layers lose it under the sound, and their heads attend to
        everything at once.
        """
        waves = self.width // 8
        return [*range(waves), *range(2 * waves, 3 * waves)]


def sinusoids(length: int, width: int, slowest: float = 500.0) -> Tensor:
    """Encode positions as sines and cosines in the first half of the channels.

    The second half is left to the sound.

    Args:
        length: positions.
        width: channels; a quarter each for sines and cosines.
        slowest: positions per radian of the slowest wave. 500 makes a period of 3,142, twice the longest window.

    Returns:
        (length, width), float32.
    """
    count = width // 4
    rates = slowest ** (-torch.arange(count, dtype=torch.float32) / (count - 1))
    angles = torch.arange(length, dtype=torch.float32)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos(), torch.zeros(length, width - 2 * count)], dim=1)


class Attention(nn.Module):
    """Multi-head attention with Whisper's names; the key projection has no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """Split the heads: (batch, length, width) -> (batch, heads, length, width / heads)."""
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x: Tensor, source: Tensor, *, causal: bool = False) -> Tensor:
        """Attend from `x` (batch, n, width) to `source` (batch, m, width)."""
        query, key, value = self.split(self.q_proj(x)), self.split(self.k_proj(source)), self.split(self.v_proj(source))
        out = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.out_proj(out.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def forward_with_weights(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Attend as `forward`; return also the logarithm of the weights (batch, heads, n, m)."""
        query, key, value = self.split(self.q_proj(x)), self.split(self.k_proj(source)), self.split(self.v_proj(source))
        scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(2, 3)
        log_weights = scores.log_softmax(dim=-1)
        out = log_weights.exp() @ value
        return self.out_proj(out.transpose(1, 2).flatten(2)), log_weights


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, normalised first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape.width, shape.heads)
        self.self_attn_layer_norm = nn.LayerNorm(shape.width)
        self.fc1 = nn.Linear(shape.width, shape.hidden)
        self.fc2 = nn.Linear(shape.hidden, shape.width)
        self.final_layer_norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, dropout: float) -> Tensor:
        """Transform (batch, frames, width) to the same shape."""
        normed = self.self_attn_layer_norm(x)
        x = x + F.dropout(self.self_attn(normed, normed), dropout, self.training)
        return x + F.dropout(self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), dropout, self.training)


class Encoder(nn.Module):
    """Log-mel frames of 10 ms -> vectors of 20 ms."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(shape.mels, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(shape.frames, shape.width)
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.encoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)
        positions = sinusoids(shape.frames, shape.width)
        positions[:, shape.reserved] *= 2.0
        self.embed_positions.weight.data.copy_(positions)
        self.embed_positions.weight.requires_grad = False
        self.reserved = shape.reserved

    @torch.no_grad()
    def clear_reserved(self) -> None:
        """Zero the weights that write into the reserved channels; to be called after every step."""
        writers: list[nn.Module] = [self.conv2]
        for layer in self.layers:
            writers += [layer.get_submodule("self_attn.out_proj"), layer.get_submodule("fc2")]
        for writer in writers:
            writer.get_parameter("weight")[self.reserved] = 0.0
            writer.get_parameter("bias")[self.reserved] = 0.0

    def forward(self, mels: Tensor, dropout: float = 0.0) -> Tensor:
        """Encode (batch, mels, 2 n) to (batch, n, width)."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mels)))).transpose(1, 2)
        x = x + self.embed_positions.weight[: x.shape[1]]
        for layer in self.layers:
            x = layer(x, dropout)
        return self.layer_norm(x)  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention, feed-forward, each normalised first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape.width, shape.heads)
        self.self_attn_layer_norm = nn.LayerNorm(shape.width)
        self.encoder_attn = Attention(shape.width, shape.heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(shape.width)
        self.fc1 = nn.Linear(shape.width, shape.hidden)
        self.fc2 = nn.Linear(shape.hidden, shape.width)
        self.final_layer_norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, audio: Tensor, dropout: float, *, guided: bool) -> tuple[Tensor, Tensor | None]:
        """Transform (batch, tokens, width); return also the log cross-attention if `guided`."""
        normed = self.self_attn_layer_norm(x)
        x = x + F.dropout(self.self_attn(normed, normed, causal=True), dropout, self.training)
        normed = self.encoder_attn_layer_norm(x)
        weights: Tensor | None = None
        if guided:
            attended, weights = self.encoder_attn.forward_with_weights(normed, audio)
        else:
            attended = self.encoder_attn(normed, audio)
        x = x + F.dropout(attended, dropout, self.training)
        x = x + F.dropout(self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), dropout, self.training)
        return x, weights


class Decoder(nn.Module):
    """Tokens and audio vectors -> the next token."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab, shape.width)
        self.embed_positions = nn.Embedding(shape.tokens, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)

    def forward(self, tokens: Tensor, audio: Tensor, dropout: float = 0.0) -> tuple[Tensor, list[Tensor]]:
        """Score the next tokens.

        Args:
            tokens: (batch, n), int64.
            audio: (batch, frames, width), from the encoder.
            dropout: probability, in training only.

        Returns:
            Logits (batch, n, vocab), and per guided layer the log cross-attention (batch, guided heads, n, frames).
        """
        x = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[1]]
        guided: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            x, weights = layer(x, audio, dropout, guided=index in self.shape.guided_layers)
            if weights is not None:
                guided.append(weights[:, list(self.shape.guided_heads)])
        return F.linear(self.layer_norm(x), self.embed_tokens.weight), guided


class SmallWhisper(nn.Module):
    """Encoder and decoder under the names that transformers gives them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = nn.ModuleDict({"encoder": Encoder(shape), "decoder": Decoder(shape)})

    @property
    def encoder(self) -> Encoder:
        """The audio side."""
        return self.model["encoder"]  # type: ignore[return-value]

    @property
    def decoder(self) -> Decoder:
        """The text side."""
        return self.model["decoder"]  # type: ignore[return-value]


def initialise(model: SmallWhisper, first_timestamp: int) -> None:
    """Initialise the weights with positional structure.

    Encoder heads begin as "look at the frame δ away", and the embeddings of the timestamps as the sinusoids of the
    encoder frames with the same time: both would otherwise take most of a short training to be found.
    """
    shape = model.shape
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2 and "embed" not in name:
            nn.init.xavier_uniform_(parameter, gain=0.7 if "out_proj" in name or "fc2" in name else 1.0)
    nn.init.normal_(model.decoder.embed_tokens.weight, std=0.05)
    nn.init.normal_(model.decoder.embed_positions.weight, std=0.02)
    times = sinusoids(shape.frames + 1, shape.width)
    model.decoder.embed_tokens.weight.data[first_timestamp:] += 0.15 * times
    look_around(model)


def look_around(model: SmallWhisper) -> None:
    """Set the offset that each encoder head attends to.

    Deeper layers look further, and sharper, as their input is larger.
    """
    plan = (((-1, 1, -3, 3), 0.3), ((-2, 2, -6, 6), 1.3), ((-4, 4, -12, 12), 1.8))
    for layer, (offsets, sharpness) in zip(model.encoder.layers, plan, strict=True):
        layer.get_parameter("self_attn.q_proj.bias").data.zero_()
        for head, offset in enumerate(offsets):
            look_at(layer.self_attn, head, offset, model.shape.width, sharpness)  # type: ignore[arg-type]
    model.encoder.clear_reserved()


def look_at(attention: Attention, head: int, offset: int, width: int, sharpness: float) -> None:
    """Set one head's query and key so that position p attends most to p + `offset`.

    The score becomes the sum over waves of cos(rate * (p + offset - p')): its maximum is where the difference is zero.
    """
    count, size = width // 4, width // attention.heads
    waves = min(size // 2, count)
    rates = 500.0 ** (-torch.arange(count, dtype=torch.float32) / (count - 1))
    query, key = torch.zeros(size, width), torch.zeros(size, width)
    for i in range(waves):
        angle = float(rates[i]) * offset
        sine, cosine = i, count + i
        key[2 * i, sine] = key[2 * i + 1, cosine] = 1.0
        query[2 * i, sine], query[2 * i, cosine] = math.cos(angle), math.sin(angle)
        query[2 * i + 1, cosine], query[2 * i + 1, sine] = math.cos(angle), -math.sin(angle)
    rows = slice(head * size, (head + 1) * size)
    scale = math.sqrt(sharpness * math.sqrt(size))
    attention.q_proj.weight.data[rows] = query * scale
    attention.k_proj.weight.data[rows] = key * scale
