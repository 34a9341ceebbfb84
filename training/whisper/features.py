"""Log-mel features equal to faster-whisper's, and augmentation done in the spectrum, where it is cheap.

A voice is changed by warping the mel filters (the length of the vocal tract), a microphone or a telephone line by a
gain per frequency, and noise is added as complex Gaussian bins, all in one short-time transform per window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE_HZ = 16_000
HOP = 160
FFT = 400
BINS = FFT // 2 + 1
MELS = 80
FRAMES_PER_S = 100
WINDOW_FRAMES = 3000

WARPS = tuple(float(x) for x in np.round(np.geomspace(0.80, 1.25, 31), 4))
"""Factors by which a voice's formants can be moved."""


def mel_filters(warp: float = 1.0) -> Tensor:
    """Compute Slaney's mel filters, as Whisper uses them, on a frequency axis stretched by `warp`.

    Returns:
        (80, 201), float32. With `warp` 1.0 the same numbers as faster-whisper's.
    """
    bins_hz = np.fft.rfftfreq(FFT, 1.0 / SAMPLE_RATE_HZ) * warp
    mels = np.linspace(0.0, 45.245640471924965, MELS + 2)
    linear_hz = mels * 200.0 / 3.0
    edges_hz = np.where(mels >= 15.0, 1000.0 * np.exp(math.log(6.4) / 27.0 * (mels - 15.0)), linear_hz)
    width_hz = np.diff(edges_hz)
    ramps = edges_hz[:, None] - bins_hz[None, :]
    triangles = np.maximum(0.0, np.minimum(-ramps[:-2] / width_hz[:-1, None], ramps[2:] / width_hz[1:, None]))
    triangles *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return torch.from_numpy(triangles.astype(np.float32))


@dataclass
class Channel:
    """Distortion of a window on its way to the model; the defaults change nothing."""

    gain_db: np.ndarray | None = None
    """(201,): the line's response."""
    noise_db: float | None = None
    """Noise level against the mean power of the speech; None = none at all."""
    noise_shape_db: np.ndarray | None = None
    """(201,): the colour of the noise."""
    noise_envelope_db: np.ndarray | None = None
    """(points,): how the noise swells and fades, stretched over the window."""
    noise_before_line: bool = True
    """Noise in the room goes through the line; noise of the line does not."""
    voices: list[tuple[int, int, float, np.ndarray | None]] = field(default_factory=list)
    """(first frame, end frame, warp, gain in dB per bin) of each stretch of one voice."""
    seed: int = 0


class LogMel:
    """Wave -> log-mel, with or without a channel."""

    def __init__(self) -> None:
        self.window = torch.hann_window(FFT)
        self.filters = {warp: mel_filters(warp) for warp in WARPS}
        self.plain = mel_filters()

    def __call__(self, wave: np.ndarray, channel: Channel | None = None) -> Tensor:
        """Compute the features of one window.

        Args:
            wave: (samples,), float32, within -1..1.
            channel: augmentation; None for plain features.

        Returns:
            (80, samples // 160), float32, normalised as Whisper does.
        """
        samples = torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))
        spectrum = torch.stft(samples, FFT, HOP, window=self.window, return_complex=True)[:, :-1]
        if channel is None:
            return normalise(self.plain @ (spectrum.real**2 + spectrum.imag**2))
        real, imag = self.pass_through(spectrum.real.contiguous(), spectrum.imag.contiguous(), channel)
        power = real.square_().add_(imag.square_())
        mel = self.plain @ power
        for start, end, warp, gain_db in channel.voices:
            filters = self.filters[warp]
            if gain_db is not None:
                filters = filters * torch.from_numpy(10.0 ** (gain_db / 10.0)).float()
            mel[:, start:end] = filters @ power[:, start:end]
        return normalise(mel)

    @staticmethod
    def pass_through(real: Tensor, imag: Tensor, channel: Channel) -> tuple[Tensor, Tensor]:
        """Add the noise and apply the line to the two halves of a spectrum.

        Each half is (201, frames).
        """
        noise = noise_amplitude(real, imag, channel)
        line = None
        if channel.gain_db is not None:
            line = torch.from_numpy(10.0 ** (channel.gain_db / 20.0)).float()[:, None]
        if noise is not None:
            generator = torch.Generator().manual_seed(channel.seed)
            hiss = [torch.randn(real.shape, generator=generator).mul_(noise) for _ in range(2)]
            if line is not None and not channel.noise_before_line:
                real, imag, line = real.mul_(line), imag.mul_(line), None
            real, imag = real.add_(hiss[0]), imag.add_(hiss[1])
        if line is not None:
            real, imag = real.mul_(line), imag.mul_(line)
        return real, imag


def noise_amplitude(real: Tensor, imag: Tensor, channel: Channel) -> Tensor | None:
    """Compute the standard deviation of the noise in each half of each bin.

    Its shape is (201, frames) or (201, 1).
    """
    if channel.noise_db is None:
        return None
    per_frame = (real.square() + imag.square()).mean(dim=0)
    loud = per_frame[per_frame > per_frame.max() * 1e-3]
    level = float(loud.mean()) if len(loud) else 1e-4
    shape_db = np.zeros(BINS) if channel.noise_shape_db is None else channel.noise_shape_db
    shape = 10.0 ** (shape_db / 10.0)
    shape = shape / shape.mean()
    power = torch.from_numpy(shape).float()[:, None] * (level * 10.0 ** (channel.noise_db / 10.0))
    if channel.noise_envelope_db is not None:
        points = torch.from_numpy(10.0 ** (channel.noise_envelope_db / 10.0)).float()
        envelope = torch.nn.functional.interpolate(
            points[None, None], size=real.shape[1], mode="linear", align_corners=True
        )
        power = power * envelope[0]
    amplitude: Tensor = (power / 2.0).sqrt()
    return amplitude


def normalise(mel: Tensor) -> Tensor:
    """Scale mel powers as Whisper does: logarithm, 80 dB of range, around zero."""
    log_mel = mel.clamp_min(1e-10).log10()
    return (log_mel.clamp_min(float(log_mel.max()) - 8.0) + 4.0) / 4.0
