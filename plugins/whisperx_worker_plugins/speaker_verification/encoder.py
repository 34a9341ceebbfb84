"""SpeechBrain speaker encoder, and embeddings of recordings of any length."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, WorkerError, file_revision, read_calibration, torch_loading
from whisperx_worker_plugins._shared.speechbrain_folder import local_arguments
from whisperx_worker_plugins.speaker_verification.embeddings import mean_embedding
from whisperx_worker_plugins.speaker_verification.threshold import Threshold, threshold_of_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Calibration, OomBackoff

log = logging.getLogger(__name__)

WINDOW_S = 4.0
"""Length of the windows in which longer recordings go through the encoder."""
STEP_S = 0.1
"""Step of the length of shorter recordings, so that many share a batch."""
MIN_SPEECH_S = 0.5
"""Length below which a recording is not compared.

Encoders return NaN, or nearly the same vector for all people.
"""
MAX_SILENCE = 1e-4
"""Peak up to which a recording is silence (-80 dB of full scale)."""

REVISION_FILES = ("hyperparams.yaml", "embedding_model.ckpt")
"""Files of a model's folder that its embeddings depend on."""
CALIBRATION_FILE = "calibration.json"
"""File of a model's folder with what `voices.calibration` measured."""

IMPORTS = (
    "torch.utils.serialization",
    "speechbrain.inference.classifiers",
    "speechbrain.utils.parameter_transfer",
)
"""Everything that loading and running an encoder imports, but for what its folder names."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """A loaded speaker encoder. Safe to use from several threads at once."""

    classifier: Any
    """SpeechBrain's `EncoderClassifier`."""
    device: str
    model: str
    """Name of the model, without a path."""
    revision: str
    """Hash of its weights and hyperparameters."""
    threshold: Threshold
    """Similarity below which two voices are two people, where a job names no other."""
    calibration: Calibration | None = None
    """Of the model's folder; None where it has none of this revision."""

    def embed(
        self,
        recordings: Sequence[NDArray[np.float32]],
        batch_size: int = 1,
        backoff: OomBackoff | None = None,
        on_batch: Callable[[float], None] = lambda _done: None,
    ) -> NDArray[np.float32]:
        """Embed recordings.

        Windows of equal length share a batch on a GPU. Nothing is padded: padding changes an embedding (cosine down to
        0.88), and on a CPU batches do not pay.

        Args:
            recordings: Each of shape (n,), mono, at 16,000 Hz.
            batch_size: Maximum number of windows in one batch.
            backoff: Halves batches that do not fit into memory; without it they fail.
            on_batch: Gets the part of the windows that are done, 0..1, before each batch.

        Returns:
            Shape (recordings, d), each of length 1; NaN for those that are shorter than `MIN_SPEECH_S`, silent, or
            without a finite answer of the encoder.
        """
        windows = [(number, window) for number, samples in enumerate(recordings) for window in _windows(samples)]
        max_windows = batch_size if self.device != "cpu" else 1
        encoded = self._encode([window for _, window in windows], max_windows, backoff, on_batch)
        by_recording: dict[int, list[int]] = defaultdict(list)
        for index, (number, _) in enumerate(windows):
            by_recording[number].append(index)
        embeddings = np.full((len(recordings), encoded.shape[1]), np.nan, np.float32)
        for number, indices in by_recording.items():
            seconds = np.asarray([len(windows[index][1]) for index in indices], np.float64)
            embeddings[number] = mean_embedding(encoded[indices], seconds)
        return embeddings

    def _encode(
        self,
        windows: Sequence[NDArray[np.float32]],
        batch_size: int,
        backoff: OomBackoff | None,
        on_batch: Callable[[float], None],
    ) -> NDArray[np.float32]:
        """Return embeddings of windows, shape (windows, d), each of length 1 or NaN."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for index, window in enumerate(windows):
            by_length[len(window)].append(index)
        batches = [
            indices[start : start + batch_size]
            for indices in by_length.values()
            for start in range(0, len(indices), batch_size)
        ]
        rows: dict[int, NDArray[np.float32]] = {}
        for number, batch in enumerate(batches):
            on_batch(number / len(batches))
            sounds = [windows[index] for index in batch]
            raw = backoff.run(sounds, self._encode_batch) if backoff else self._encode_batch(sounds)
            rows.update(zip(batch, raw, strict=True))
        if not rows:
            return np.zeros((0, 1), np.float32)
        encoded = np.stack([rows[index] for index in range(len(windows))]).astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(encoded / np.linalg.norm(encoded, axis=1, keepdims=True), np.float32)

    def _encode_batch(self, windows: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the model's output for windows of one length, each of shape (d,)."""
        import torch

        with torch.inference_mode():
            return list(self.classifier.encode_batch(torch.from_numpy(np.stack(windows)))[:, 0].float().cpu().numpy())


def _windows(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return windows of equal length that cover a recording, the last one overlapping; none for silence."""
    if len(samples) < round(MIN_SPEECH_S * SAMPLE_RATE_HZ) or float(np.abs(samples).max()) < MAX_SILENCE:
        return []
    size = round(WINDOW_S * SAMPLE_RATE_HZ)
    if len(samples) <= size:
        step = round(STEP_S * SAMPLE_RATE_HZ)
        return [samples[: len(samples) // step * step]]
    count = math.ceil(len(samples) / size)
    starts = [round(number * (len(samples) - size) / (count - 1)) for number in range(count)]
    return [samples[start : start + size] for start in starts]


@torch_loading()
def load_encoder(folder: Path, name: str, device: str) -> Encoder:
    """Load an encoder from a folder in SpeechBrain's layout, without asking any hub.

    Args:
        folder: With `hyperparams.yaml` and the files that it names.
        name: Name of the model, for errors and embeddings.
        device: "cpu" or "cuda".

    Raises:
        WorkerError: When the folder holds something else, or its threshold is none.
    """
    if not (folder / "hyperparams.yaml").is_file():
        raise WorkerError(f"the folder of the speaker model {name!r} has no hyperparams.yaml")
    threshold = threshold_of_model(folder, name)
    from speechbrain.inference.classifiers import EncoderClassifier

    arguments = local_arguments(folder, device)
    try:
        classifier = EncoderClassifier.from_hparams(**arguments)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise WorkerError(f"the speaker model {name!r} cannot be loaded ({type(error).__name__})") from error
    revision = file_revision(path for file in REVISION_FILES if (path := folder / file).is_file())
    return Encoder(classifier, device, plain_name(name), revision, threshold, calibration_of(folder, revision))


def calibration_of(folder: Path, revision: str) -> Calibration | None:
    """Return the calibration of a model's folder; None where it has none of this revision.

    Raises:
        WorkerError: The file is no calibration.
    """
    if not (folder / CALIBRATION_FILE).is_file():
        return None
    calibration = read_calibration(folder / CALIBRATION_FILE)
    if calibration.revision != revision:
        log.warning("%s in the folder of the speaker model is of another revision, and is not used", CALIBRATION_FILE)
        return None
    return calibration


def plain_name(name: str) -> str:
    """Return the name of a model without its revision, and without the path where it is a folder.

    Example:
        >>> plain_name("/srv/models/mine"), plain_name("speechbrain/spkrec-ecapa-voxceleb@0f99")
        ('mine', 'speechbrain/spkrec-ecapa-voxceleb')
    """
    if name.startswith(("/", ".", "~")) or Path(name).is_dir():
        return Path(name).name or "model"
    return name.partition("@")[0]
