"""Sound becomes emissions: an acoustic model, and how recordings of any length go through it in batches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import OomBackoff
    from whisperx_worker_plugins.wav2vec2_alignment.text import Alphabet

Batching: TypeAlias = Literal["single", "equal", "padded"]
"""What may share a batch without changing each other's emissions: nothing, equal lengths, or any lengths."""

WINDOW_S = 30
"""Longer recordings go through the model in windows of at most this, besides their context."""
CONTEXT_S = 2
"""What a window hears on either side beyond the frames that are taken from it."""
MAX_BATCH_S = 240
"""Most sound in one batch: with a large model about 8 GB of activations."""


@dataclass(frozen=True, eq=False)
class AcousticModel:
    """A CTC model that tells characters from sound."""

    network: Any
    """The torch module."""
    alphabet: Alphabet
    device: str
    receptive_field: int
    """Samples that one frame is made from; fewer cannot be heard."""
    stride: int
    """Samples from one frame to the next."""
    normalises: bool
    """Whether it was trained on recordings of zero mean and unit variance."""
    batching: Batching
    is_torchaudio: bool = False
    """Whether the module's call is torchaudio's, in place of transformers'."""

    def frames(self, samples: int) -> int:
        """Frames of a recording that is no shorter than the receptive field."""
        return (samples - self.receptive_field) // self.stride + 1


@dataclass(frozen=True, eq=False)
class _Window:
    """A part of one recording that goes through the model at once."""

    recording: int
    number: int
    samples: NDArray[np.float32]
    """Shape (n,): its sound, context included; a view."""
    mean: float
    """Of the whole recording."""
    deviation: float
    skip: int
    """Frames of context before the first one that counts."""
    keep: int
    """Frames that count."""


def iter_emissions(
    model: AcousticModel, recordings: Sequence[NDArray[np.float32]], batch_size: int, fitting: OomBackoff
) -> Iterator[list[tuple[int, NDArray[np.float32]]]]:
    """Log-probabilities of recordings, batch by batch, the longest first where they are batched.

    Args:
        model: The acoustic model.
        recordings: Each of shape (n,), mono, at 16,000 Hz; none of them empty.
        batch_size: Most windows in one batch.
        fitting: Halves batches that do not fit into memory.

    Yields:
        For each batch, the recordings that it finished: index, and emissions of shape (frames, columns), float32.

    Raises:
        WorkerError: When not even a batch of one window fits into memory.
    """
    windows = [_windows(model, number, samples) for number, samples in enumerate(recordings)]
    heard: dict[int, dict[int, NDArray[np.float32]]] = {}
    for batch in _batches([window for parts in windows for window in parts], model.batching, batch_size):
        finished = []
        for window, scores in zip(batch, fitting.run(batch, partial(_listen, model)), strict=True):
            parts = heard.setdefault(window.recording, {})
            parts[window.number] = scores
            if len(parts) == len(windows[window.recording]):
                del heard[window.recording]
                finished.append((window.recording, np.concatenate([parts[number] for number in sorted(parts)])))
        yield finished


def _windows(model: AcousticModel, recording: int, samples: NDArray[np.float32]) -> list[_Window]:
    """Cut a recording so that the frames of all windows together are those of the whole."""
    mean, deviation = 0.0, 1.0
    if model.normalises:
        mean, deviation = float(samples.mean()), float(np.sqrt(samples.var() + 1e-7))
    total = max(1, model.frames(len(samples)))
    longest = WINDOW_S * SAMPLE_RATE_HZ // model.stride
    if total <= longest:
        return [_Window(recording, 0, samples, mean, deviation, 0, total)]
    count = -(-total // longest)
    edges = [total * number // count for number in range(count + 1)]
    context = CONTEXT_S * SAMPLE_RATE_HZ // model.stride
    windows = []
    for number, (first, after) in enumerate(pairwise(edges)):
        begin, end = max(0, first - context), min(total, after + context)
        part = samples[begin * model.stride : (end - 1) * model.stride + model.receptive_field]
        windows.append(_Window(recording, number, part, mean, deviation, first - begin, after - first))
    return windows


def _batches(windows: Sequence[_Window], batching: Batching, batch_size: int) -> Iterator[list[_Window]]:
    if batching == "single":
        yield from ([window] for window in windows)
        return
    batch: list[_Window] = []
    for window in sorted(windows, key=lambda window: -len(window.samples)):
        longest = len(batch[0].samples) if batch else 0
        is_full = len(batch) == batch_size or (len(batch) + 1) * longest > MAX_BATCH_S * SAMPLE_RATE_HZ
        if batch and (is_full or (batching == "equal" and len(window.samples) != longest)):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _listen(model: AcousticModel, batch: Sequence[_Window]) -> list[NDArray[np.float32]]:
    """The frames of each window that count."""
    return [
        scores[window.skip : window.skip + window.keep]
        for window, scores in zip(batch, _logits(model, batch), strict=True)
    ]


def _logits(model: AcousticModel, batch: Sequence[_Window]) -> NDArray[np.float32]:
    """Log-probabilities of shape (windows, frames, columns); frames beyond a window's own mean nothing."""
    import torch

    lengths = [len(window.samples) for window in batch]
    padded = np.zeros((len(batch), max(*lengths, model.receptive_field)), dtype=np.float32)
    for row, window in zip(padded, batch, strict=True):
        row[: len(window.samples)] = (window.samples - window.mean) / window.deviation
    with torch.inference_mode():
        waves = torch.from_numpy(padded).to(model.device)
        if model.is_torchaudio:
            scores, _ = model.network(waves)
        elif model.batching == "padded" and len(set(lengths)) > 1:
            positions = torch.arange(padded.shape[1], device=model.device)
            is_sound = positions < torch.tensor(lengths, device=model.device).unsqueeze(1)
            scores = model.network(waves, attention_mask=is_sound.long()).logits
        else:
            scores = model.network(waves).logits
        probabilities: NDArray[np.float32] = torch.log_softmax(scores.float(), dim=-1).cpu().numpy()
    return probabilities
