"""SpeechBrain speaker-embedding folder as a pyannote.audio model.

Imported by pyannote's loader, never by the worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253  pyannote imports this module when it loads a folder that names it
from pyannote.audio import Model  # noqa: TID253
from torch.nn.functional import interpolate  # noqa: TID253

from whisperx_worker_plugins._shared.speechbrain_folder import local_arguments

if TYPE_CHECKING:
    from pathlib import Path

MIN_SAMPLES = 1600
"""A tenth of a second: less identifies no voice, and some networks raise on it."""


class SpeechBrainEmbedding(Model):
    """`speechbrain.inference.EncoderClassifier.encode_batch` behind pyannote's interface.

    Each recording goes through the network alone: padding would change its embedding.
    """

    def __init__(self, folder: Path) -> None:
        """Load the folder's network onto the CPU, in evaluation mode, without asking any hub.

        Args:
            folder: With `hyperparams.yaml` and the checkpoints that it names.
        """
        super().__init__(sample_rate=16_000, num_channels=1)
        from speechbrain.inference.classifiers import EncoderClassifier

        loaded = EncoderClassifier.from_hparams(**local_arguments(folder, "cpu"))
        self.features = loaded.mods.compute_features
        self.normalise = loaded.mods.mean_var_norm
        self.network = loaded.mods.embedding_model
        self.eval()
        with torch.inference_mode():
            self._dimension = int(self(torch.zeros(1, 1, 16_000)).shape[1])

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self._dimension

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None, **_ignored: Any) -> torch.Tensor:  # noqa: ANN401
        """Embed recordings.

        Args:
            waveforms: Shape (batch, 1, samples), float32 at 16,000 Hz.
            weights: Shape (batch, frames), 0..1; frames above a half are used. None: all of them.

        Returns:
            Shape (batch, d), float32; NaN where less than `MIN_SAMPLES` is used.
        """
        recordings = waveforms[:, 0]
        if weights is None:
            return torch.stack([self._embed(samples) for samples in recordings])
        used = interpolate(weights[:, None].float(), size=recordings.shape[1], mode="nearest")[:, 0] > 0.5  # noqa: PLR2004
        return torch.stack([self._embed(samples[mask]) for samples, mask in zip(recordings, used, strict=True)])

    def _embed(self, samples: torch.Tensor) -> torch.Tensor:
        if len(samples) < MIN_SAMPLES:
            return torch.full((self._dimension,), torch.nan, device=samples.device)
        whole = torch.ones(1, device=samples.device)
        features = self.normalise(self.features(samples[None]), whole)
        embedded: torch.Tensor = self.network(features, whole)[0, 0]
        return embedded
