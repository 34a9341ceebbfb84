"""Sound becomes embeddings: a SpeechBrain speaker encoder, and how pieces of any length go through it."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, WorkerError, torch_loading
from whisperx_worker_plugins.speaker_verification.cache import Cache
from whisperx_worker_plugins.speaker_verification.scores import mean_embedding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from whisperx_worker import OomBackoff
    from whisperx_worker_plugins.speaker_verification.enrolment import Heard

DEFAULT_THRESHOLD = 0.25
"""SpeechBrain's own for its `SpeakerRecognition` (`verify_batch`), meant for speechbrain/spkrec-ecapa-voxceleb."""

THRESHOLD_FILE = "verification.json"
"""A model's folder may bring its own threshold in this file: `{"threshold": 0.5, "measured_on": "..."}`."""

WINDOW_S = 4.0
"""Longer pieces go through the encoder in windows of this length."""
STEP_S = 0.1
"""Shorter pieces are cut to a multiple of this, so that many have one length and share a batch."""
SHORTEST_S = 0.5
"""Less cannot be compared: encoders give NaN, or nearly the same vector for everybody."""
SILENT = 1e-4
"""A piece that never exceeds this (-80 dB of full scale) is silence."""

IMPORTS = (
    "torch.utils.serialization",
    "speechbrain.inference.classifiers",
    "speechbrain.utils.parameter_transfer",
)
"""All that loading and running an encoder imports, but for what its folder names."""

_REMEMBERED_SAMPLES = 512


@dataclass(frozen=True, eq=False)
class Encoder:
    """A loaded speaker encoder. Safe to use from several threads at once."""

    classifier: Any
    """SpeechBrain's `EncoderClassifier`."""
    device: str
    threshold: float
    """Similarity below which two voices are two people."""
    threshold_source: str = "default"
    """"model" where its folder brings the threshold, else "default"."""
    heard: Cache[Heard] = field(default_factory=lambda: Cache(_REMEMBERED_SAMPLES))
    """What samples sounded like to this very model, by the content of their sound."""

    def embed(
        self,
        pieces: Sequence[NDArray[np.float32]],
        batch_size: int = 1,
        fitting: OomBackoff | None = None,
        on_batch: Callable[[float], None] = lambda _done: None,
    ) -> NDArray[np.float32]:
        """One embedding per piece.

        Windows of equal length share a batch on a GPU. Nothing is padded: padding changes an embedding (cosine down to
        0.88), and on a CPU batches do not pay.

        Args:
            pieces: Each of shape (n,), mono, at 16,000 Hz.
            batch_size: Most windows in one batch.
            fitting: Halves batches that do not fit into memory; without it they fail.
            on_batch: Gets the part of the windows that are done, 0..1, before each batch.

        Returns:
            Shape (pieces, d), each of length 1; NaN for pieces that are shorter than `SHORTEST_S`, silent, or that
            the encoder has no finite answer for.
        """
        windows = [(number, window) for number, piece in enumerate(pieces) for window in _windows(piece)]
        most = batch_size if self.device != "cpu" else 1
        found = self._encode([window for _, window in windows], most, fitting, on_batch)
        by_piece: dict[int, list[int]] = defaultdict(list)
        for index, (number, _) in enumerate(windows):
            by_piece[number].append(index)
        answer = np.full((len(pieces), found.shape[1]), np.nan, np.float32)
        for number, indices in by_piece.items():
            seconds = np.asarray([len(windows[index][1]) for index in indices], np.float64)
            answer[number] = mean_embedding(found[indices], seconds)
        return answer

    def _encode(
        self,
        windows: Sequence[NDArray[np.float32]],
        batch_size: int,
        fitting: OomBackoff | None,
        on_batch: Callable[[float], None],
    ) -> NDArray[np.float32]:
        """Embeddings of windows, shape (windows, d), each of length 1 or NaN."""
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
            raw = fitting.run(sounds, self._encode_together) if fitting else self._encode_together(sounds)
            rows.update(zip(batch, raw, strict=True))
        if not rows:
            return np.zeros((0, 1), np.float32)
        found = np.stack([rows[index] for index in range(len(windows))]).astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    def _encode_together(self, windows: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """What the model says of windows of one length, each of shape (d,)."""
        import torch

        with torch.inference_mode():
            return list(self.classifier.encode_batch(torch.from_numpy(np.stack(windows)))[:, 0].float().cpu().numpy())


def _windows(piece: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Windows of equal length that cover a piece, the last one overlapping; none where there is nothing to hear."""
    if len(piece) < round(SHORTEST_S * SAMPLE_RATE_HZ) or float(np.abs(piece).max()) < SILENT:
        return []
    size = round(WINDOW_S * SAMPLE_RATE_HZ)
    if len(piece) <= size:
        step = round(STEP_S * SAMPLE_RATE_HZ)
        return [piece[: len(piece) // step * step]]
    count = math.ceil(len(piece) / size)
    starts = [round(number * (len(piece) - size) / (count - 1)) for number in range(count)]
    return [piece[start : start + size] for start in starts]


@torch_loading()
def load(folder: Path, name: str, device: str) -> Encoder:
    """Load an encoder from a folder in SpeechBrain's layout, without asking any hub.

    Args:
        folder: With `hyperparams.yaml` and the files that it names.
        name: What the model is called, for errors.
        device: "cpu" or "cuda".

    Raises:
        WorkerError: When the folder holds something else, or its threshold is none.
    """
    described = folder / "hyperparams.yaml"
    if not described.is_file():
        raise WorkerError(f"the folder of the speaker model {name!r} has no hyperparams.yaml")
    own_threshold = _own_threshold(folder, name)
    from speechbrain.inference.classifiers import EncoderClassifier

    # Published folders name their place on the hub, and SpeechBrain would fetch the weights from there.
    names_its_place = re.search(r"^pretrained_path\s*:", described.read_text(encoding="utf-8"), re.MULTILINE)
    try:
        classifier = EncoderClassifier.from_hparams(
            source=str(folder),
            overrides={"pretrained_path": str(folder)} if names_its_place else {},
            run_opts={"device": device},
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise WorkerError(f"the speaker model {name!r} cannot be loaded ({type(error).__name__})") from error
    if own_threshold is None:
        return Encoder(classifier, device, DEFAULT_THRESHOLD)
    return Encoder(classifier, device, own_threshold, "model")


def _own_threshold(folder: Path, name: str) -> float | None:
    """The threshold that the model's folder brings, if it does."""
    file = folder / THRESHOLD_FILE
    if not file.is_file():
        return None
    try:
        threshold = float(json.loads(file.read_text(encoding="utf-8"))["threshold"])
    except (ValueError, KeyError, TypeError):
        threshold = math.nan
    if not -1 <= threshold <= 1:
        raise WorkerError(f"{THRESHOLD_FILE} of the speaker model {name!r} has no threshold from -1 to 1")
    return threshold
