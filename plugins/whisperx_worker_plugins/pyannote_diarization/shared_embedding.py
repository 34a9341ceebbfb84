"""Embedding model that computes each window once, for all of its local speakers.

pyannote's own pipeline gives each window to the model once per local speaker, the sound the same and only the weights
of the pooling different: most of the time of a whole diarization. Models that take a weighting per speaker need one
pass over the sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SharedEmbedding:
    """Replacement of a `PyannoteAudioPretrainedSpeakerEmbedding` with the same embeddings."""

    embedding: Any

    def __call__(self, waveforms: torch.Tensor, masks: torch.Tensor | None = None) -> NDArray[np.float32]:
        """Embed each waveform by its weighting.

        Args:
            waveforms: Shape (batch, 1, samples); equal ones are neighbours.
            masks: Shape (batch, frames): weights, 0..1.

        Returns:
            Shape (batch, d).
        """
        import torch

        if masks is None:
            return self.embedding(waveforms)  # type: ignore[no-any-return]
        is_new = torch.ones(len(waveforms), dtype=torch.bool)
        is_new[1:] = (waveforms[1:] != waveforms[:-1]).flatten(1).any(1)
        window = is_new.cumsum(0) - 1
        speaker = torch.arange(len(waveforms)) - is_new.nonzero()[:, 0][window]
        weights = torch.zeros(int(window[-1]) + 1, int(speaker.max()) + 1, masks.shape[1])
        weights[window, speaker] = masks
        embeddings = self.embedding(waveforms[is_new], masks=weights)
        return embeddings[window.numpy(), speaker.numpy()]  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Return any other attribute of the embedding."""
        return getattr(self.embedding, name)


def use_shared_embedding(pipeline: Any) -> None:  # noqa: ANN401
    """Make pyannote's own pipeline compute each window once, where its embedding model allows it.

    Args:
        pipeline: A `pyannote.audio.Pipeline`, on its device.
    """
    from pyannote.audio.models.blocks.pooling import StatsPool
    from pyannote.audio.pipelines import SpeakerDiarization

    model = getattr(getattr(pipeline, "_embedding", None), "model_", None)
    if type(pipeline) is not SpeakerDiarization or model is None:
        return
    if not any(isinstance(part, StatsPool) for part in model.modules()):
        return
    untyped: Any = pipeline
    untyped._embedding = SharedEmbedding(untyped._embedding)  # noqa: SLF001  pyannote has no public attribute
    speakers = len(untyped._segmentation.model.specifications.classes)  # noqa: SLF001
    # Whole windows, so that no batch ends between two speakers of one.
    untyped.embedding_batch_size = max(1, round(untyped.embedding_batch_size / speakers)) * speakers
