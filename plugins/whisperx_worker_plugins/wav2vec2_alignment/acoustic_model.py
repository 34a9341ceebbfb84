"""Acoustic models: CTC networks with their alphabet and frame rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet

Batching: TypeAlias = Literal["single", "equal", "padded"]
"""Recordings that may share a batch: none, those of equal lengths, or any.

Without that, they would change each other's emissions.
"""


@dataclass(frozen=True, eq=False)
class AcousticModel:
    """CTC model that recognises characters in audio."""

    network: Any
    """The torch module."""
    alphabet: Alphabet
    device: str
    receptive_field: int
    """Samples that one frame is made from; shorter audio has no frame."""
    stride: int
    """Samples from one frame to the next."""
    normalises: bool
    """Whether it was trained on recordings of zero mean and unit variance."""
    batching: Batching
    is_torchaudio: bool = False
    """Whether the module is called like torchaudio's models, instead of transformers'."""

    def frames(self, samples: int) -> int:
        """Return the frames of a recording that is not shorter than the receptive field."""
        return (samples - self.receptive_field) // self.stride + 1
