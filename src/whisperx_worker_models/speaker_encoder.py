"""The network of the shipped speaker encoder; its folder's `hyperparams.yaml` names these classes.

It is the encoder of Wan, Wang, Papir, Moreno, "Generalized end-to-end loss for speaker verification" (ICASSP 2018), in
the sizes of Resemblyzer's: three LSTM layers on 40 mel bands, in overlapping pieces of 1.6 s. Only SpeechBrain imports
this module, when it reads that file.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torchaudio
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE_HZ = 16_000
FFT, HOP = 400, 160
"""Windows of 25 ms, one every 10 ms."""
MELS = 40
LOUDNESS = 10 ** (-30 / 20)
"""RMS level of every recording before its mel power: -30 dB of full scale."""
PIECE_FRAMES = 160
"""Length of a piece: 1.6 s."""
PIECE_HOP = 80
"""Largest number of frames from one piece to the next."""


class MelPower(nn.Module):
    """Mel power of a sound, not its logarithm, as in the encoder's training."""

    def __init__(self) -> None:
        super().__init__()
        bank = torchaudio.functional.melscale_fbanks(
            FFT // 2 + 1, 0.0, RATE_HZ / 2, MELS, RATE_HZ, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", torch.hann_window(FFT), persistent=False)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Compute the mel power of waves, each scaled to one level.

        Args:
            waves: float32 [batch, samples], 16,000 Hz.

        Returns:
            float32 [batch, frames, 40].
        """
        rms = waves.square().mean(1, keepdim=True).sqrt().clamp(min=1e-5)
        spectra = torch.stft(
            waves * (LOUDNESS / rms), FFT, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        return spectra.abs().square().transpose(1, 2) @ self.bank


class Unchanged(nn.Module):
    """Identity in place of a normalisation of features: here the sound is normalised."""

    def forward(self, features: torch.Tensor, _lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features."""
        return features


class LstmEncoder(nn.Module):
    """Encoder of mel power to one embedding per recording."""

    def __init__(self, width: int = 256, layers: int = 3, dimension: int = 64) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MELS, width, layers, batch_first=True)
        self.linear = nn.Linear(width, width)
        self.projection = nn.Linear(width, dimension)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Compute embeddings, float32 [batch, 1, dimension] of length 1.

        Args:
            features: Mel power, float32 [batch, frames, 40].
            lengths: Part of the frames of each recording, float32 [batch], 0..1; None is all of them.
        """
        if lengths is not None and bool((lengths < 1).any()):
            counts = (lengths * features.shape[1]).round().long().clamp(min=1).tolist()
            return torch.cat([self(features[row : row + 1, :count]) for row, count in enumerate(counts)])
        pieces = self._pieces(features)
        batch, count = pieces.shape[:2]
        with _one_thread():
            _, (hidden, _) = self.lstm(pieces.flatten(0, 1))
        embedded = functional.normalize(self.linear(hidden[-1]).relu(), dim=1)
        whole = functional.normalize(embedded.view(batch, count, -1).mean(1), dim=1)
        return functional.normalize(self.projection(whole), dim=1)[:, None]

    @staticmethod
    def _pieces(features: torch.Tensor) -> torch.Tensor:
        """Cut overlapping pieces from first to last frame, float32 [batch, pieces, frames of a piece, 40]."""
        last = features.shape[1] - PIECE_FRAMES
        if last <= 0:
            return features[:, None]
        count = math.ceil(last / PIECE_HOP) + 1
        starts = [round(number * last / (count - 1)) for number in range(count)]
        return torch.stack([features[:, start : start + PIECE_FRAMES] for start in starts], dim=1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread: a step of the recurrence is too small to share.

    A minute of sound takes 0.8 s so, and 58 s where two threads wait for each other on a machine that is busy besides.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
