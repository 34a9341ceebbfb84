"""The teacher of the training: Resemblyzer's speaker encoder, a 3-layer LSTM on 40 mel bands.

Wan, Wang, Papir, Moreno, "Generalized end-to-end loss for speaker verification", ICASSP 2018. The weights are the
`pretrained.pt` of the wheel (Apache-2.0); the package itself is neither installed nor imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torchaudio
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 16_000
MELS, WIDTH, LAYERS = 40, 256, 3
FFT, HOP = 400, 160
PARTIAL_FRAMES = 160
"""Frames of a piece: the encoder was trained on pieces of 1.6 s."""
PARTIAL_HOP = 80
LOUDNESS_DB = -30.0


class Teacher(nn.Module):
    """Encoder of sounds to embeddings of 256 dimensions."""

    bank: torch.Tensor
    window: torch.Tensor

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MELS, WIDTH, LAYERS, batch_first=True)
        self.linear = nn.Linear(WIDTH, WIDTH)
        bank = torchaudio.functional.melscale_fbanks(
            FFT // 2 + 1, 0.0, RATE_HZ / 2, MELS, RATE_HZ, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", torch.hann_window(FFT), persistent=False)
        state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
        self.load_state_dict({name: value for name, value in state.items() if name.startswith(("lstm", "linear"))})
        self.eval().requires_grad_(requires_grad=False)

    def mels(self, waves: torch.Tensor) -> torch.Tensor:
        """Compute mel power at the encoder's level, float32 [batch, frames, 40], of waves [batch, samples]."""
        rms = waves.square().mean(1, keepdim=True).sqrt().clamp(min=1e-5)
        waves = waves * (10 ** (LOUDNESS_DB / 20) / rms)
        spectra = torch.stft(waves, FFT, HOP, window=self.window, pad_mode="constant", return_complex=True)
        return spectra.abs().square().transpose(1, 2) @ self.bank

    @torch.no_grad()
    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Compute embeddings, float32 [batch, 256] of length 1, of waves float32 [batch, samples]."""
        mels = self.mels(waves)
        if mels.shape[1] > PARTIAL_FRAMES:
            mels = mels.unfold(1, PARTIAL_FRAMES, PARTIAL_HOP).transpose(2, 3)
        else:
            mels = mels[:, None]
        batch, pieces = mels.shape[:2]
        _, (hidden, _) = self.lstm(mels.flatten(0, 1))
        embeddings = functional.normalize(self.linear(hidden[-1]).relu(), dim=1)
        return functional.normalize(embeddings.view(batch, pieces, -1).mean(1), dim=1)


@dataclass(frozen=True)
class Targets:
    """Projection of the teacher's embeddings to the student's targets.

    The embeddings have no negative values and lie in one corner of their space. Taken from their mean, and along the
    directions in which they differ most, the same angles use the whole of a smaller space.
    """

    mean: torch.Tensor
    """float32 [256]"""
    directions: torch.Tensor
    """float32 [256, student's dimension]"""

    @classmethod
    def measure(cls, embeddings: torch.Tensor, dimension: int) -> Targets:
        """Fit the projection to many of the teacher's embeddings, float32 [pieces, 256]."""
        mean = embeddings.mean(0)
        _, _, directions = torch.linalg.svd(embeddings - mean, full_matrices=False)
        return cls(mean, directions[:dimension].T.contiguous())

    def __call__(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Project to float32 [batch, student's dimension] of length 1."""
        return functional.normalize((embeddings - self.mean) @ self.directions, dim=1)
