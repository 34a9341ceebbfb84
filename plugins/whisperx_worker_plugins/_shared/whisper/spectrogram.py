"""Log-mel spectrograms with as many bands as the model's weights need."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins._shared.loudness import raise_quiet
from whisperx_worker_plugins._shared.silero import FRAME_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from whisperx_worker import Audio, Seconds, Span
    from whisperx_worker_plugins._shared.whisper.library_types import Whisper

log = logging.getLogger(__name__)

WINDOW_S: Seconds = 30.0
"""Length of the encoder's input window."""


def join_samples(audio: Audio, parts: Sequence[Span]) -> NDArray[np.float32]:
    """Concatenate the samples of some intervals; shape (n,)."""
    return np.concatenate([np.zeros(0, np.float32), *(audio.between(part.start, part.end) for part in parts)])


def log_mel_spectrogram(whisper: Whisper, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-mel spectrogram of up to 30 s, quiet sound raised, padded to a whole window.

    Args:
        whisper: The model, for its number of mel bands.
        samples: Shape (n,), float32 at 16 kHz.

    Returns:
        Shape (bands, 3000), float32.
    """
    from faster_whisper.audio import pad_or_trim

    padded: NDArray[np.float32] = pad_or_trim(
        whisper.feature_extractor(raise_quiet(samples, FRAME_SAMPLES)), whisper.feature_extractor.nb_max_frames
    )
    return padded


def match_mel_bands(whisper: Whisper, folder: Path) -> None:
    """Set the number of mel bands to that of the weights, against `preprocessor_config.json`.

    Without that file faster-whisper uses 80 bands; large-v3 has 128.
    """
    from faster_whisper.feature_extractor import FeatureExtractor

    bands, configured = whisper.model.n_mels, len(whisper.feature_extractor.mel_filters)
    if bands == configured:
        return
    if "feature_size" in whisper.feat_kwargs:
        log.warning(
            "the preprocessor_config.json of the model %r says %d mel bands, but its weights have %d, which are used",
            folder.name, configured, bands,
        )  # fmt: skip
    whisper.feat_kwargs = {**whisper.feat_kwargs, "feature_size": bands}
    whisper.feature_extractor = FeatureExtractor(**whisper.feat_kwargs)
