"""A SpeechBrain speaker-embedding folder as a pyannote.audio model.

Imported by pyannote's loader, never by the worker.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253  pyannote imports this module when it loads a folder that names it
from pyannote.audio import Model  # noqa: TID253
from torch.nn.functional import interpolate  # noqa: TID253

if TYPE_CHECKING:
    from pathlib import Path

LEAST_SAMPLES = 1600
"""A tenth of a second; fewer tell no voice, and some networks raise on them."""


class SpeechBrainEmbedding(Model):
    """What `speechbrain.inference.EncoderClassifier.encode_batch` gives, behind pyannote's interface.

    Each recording goes through the network alone: padding would change what it hears.
    """

    def __init__(self, folder: Path) -> None:
        """Load the folder's network onto the CPU, in evaluation mode, without asking any hub.

        Args:
            folder: With `hyperparams.yaml` and the checkpoints that it names.
        """
        super().__init__(sample_rate=16_000, num_channels=1)
        from speechbrain.inference.classifiers import EncoderClassifier

        described = (folder / "hyperparams.yaml").read_text(encoding="utf-8")
        # Published folders name their place on the hub, and SpeechBrain would fetch the weights from there.
        names_its_place = re.search(r"^pretrained_path\s*:", described, re.MULTILINE)
        overrides = {"pretrained_path": str(folder)} if names_its_place else {}
        run_opts = {"device": "cpu"}
        loaded = EncoderClassifier.from_hparams(source=str(folder), overrides=overrides, run_opts=run_opts)
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
            weights: Shape (batch, frames), 0..1; what is above a half is heard. None: all of it.

        Returns:
            Shape (batch, d), float32; NaN where less than `LEAST_SAMPLES` is heard.
        """
        recordings = waveforms[:, 0]
        if weights is None:
            return torch.stack([self._embed(samples) for samples in recordings])
        heard = interpolate(weights[:, None].float(), size=recordings.shape[1], mode="nearest")[:, 0] > 0.5  # noqa: PLR2004
        return torch.stack([self._embed(samples[mask]) for samples, mask in zip(recordings, heard, strict=True)])

    def _embed(self, samples: torch.Tensor) -> torch.Tensor:
        if len(samples) < LEAST_SAMPLES:
            return torch.full((self._dimension,), torch.nan, device=samples.device)
        whole = torch.ones(1, device=samples.device)
        features = self.normalise(self.features(samples[None]), whole)
        embedded: torch.Tensor = self.network(features, whole)[0, 0]
        return embedded
