"""Emissions of recordings of any length, computed in windows and batches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import OomBackoff
    from whisperx_worker_plugins.wav2vec2_alignment.acoustic_model import AcousticModel, Batching

WINDOW_S = 30
"""Maximum length of a window without its context."""
CONTEXT_S = 2
"""Context on either side of a window's frames."""
MAX_BATCH_S = 240
"""Maximum audio in one batch: with a large model about 8 GB of activations."""


@dataclass(frozen=True, eq=False)
class _Window:
    """Part of one recording that goes through the model at one time."""

    recording: int
    number: int
    samples: NDArray[np.float32]
    """Shape (n,): its audio, context included; a view."""
    mean: float
    """Mean of the whole recording."""
    deviation: float
    """Standard deviation of the whole recording."""
    context_frames: int
    """Frames of context before the first one that counts."""
    frames: int
    """Frames that count."""


def iter_emissions(
    model: AcousticModel, recordings: Sequence[NDArray[np.float32]], batch_size: int, backoff: OomBackoff
) -> Iterator[list[tuple[int, NDArray[np.float32]]]]:
    """Yield the emissions of recordings batch by batch; batched ones by length.

    Args:
        model: The acoustic model.
        recordings: Each of shape (n,), mono, at 16,000 Hz; none of them empty.
        batch_size: Maximum number of windows in one batch.
        backoff: Halves batches that do not fit into memory.

    Yields:
        For each batch, the recordings that it finished: index, and emissions of shape (frames, columns), float32.

    Raises:
        WorkerError: When not even a batch of one window fits into memory.
    """
    windows = [_windows(model, number, samples) for number, samples in enumerate(recordings)]
    unfinished: dict[int, dict[int, NDArray[np.float32]]] = {}
    for batch in _batches([window for parts in windows for window in parts], model.batching, batch_size):
        finished = []
        for window, emission in zip(batch, backoff.run(batch, partial(_batch_emissions, model)), strict=True):
            parts = unfinished.setdefault(window.recording, {})
            parts[window.number] = emission
            if len(parts) == len(windows[window.recording]):
                del unfinished[window.recording]
                finished.append((window.recording, np.concatenate([parts[number] for number in sorted(parts)])))
        yield finished


def _windows(model: AcousticModel, recording: int, samples: NDArray[np.float32]) -> list[_Window]:
    """Cut a recording into windows that together have all of its frames."""
    mean, deviation = 0.0, 1.0
    if model.normalises:
        mean, deviation = float(samples.mean()), float(np.sqrt(samples.var() + 1e-7))
    total = max(1, model.frames(len(samples)))
    max_frames = WINDOW_S * SAMPLE_RATE_HZ // model.stride
    if total <= max_frames:
        return [_Window(recording, 0, samples, mean, deviation, 0, total)]
    count = -(-total // max_frames)
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
        length = len(batch[0].samples) if batch else 0
        is_full = len(batch) == batch_size or (len(batch) + 1) * length > MAX_BATCH_S * SAMPLE_RATE_HZ
        if batch and (is_full or (batching == "equal" and len(window.samples) != length)):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _batch_emissions(model: AcousticModel, batch: Sequence[_Window]) -> list[NDArray[np.float32]]:
    """Return the emissions of each window without its context."""
    return [
        emission[window.context_frames : window.context_frames + window.frames]
        for window, emission in zip(batch, _log_probs(model, batch), strict=True)
    ]


def _log_probs(model: AcousticModel, batch: Sequence[_Window]) -> NDArray[np.float32]:
    """Return log-probabilities of shape (windows, frames, columns); those of padding are meaningless."""
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
            is_audio = positions < torch.tensor(lengths, device=model.device).unsqueeze(1)
            scores = model.network(waves, attention_mask=is_audio.long()).logits
        else:
            scores = model.network(waves).logits
        log_probs: NDArray[np.float32] = torch.log_softmax(scores.float(), dim=-1).cpu().numpy()
    return log_probs
