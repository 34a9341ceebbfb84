"""Encoder states of chunks: computed in parts, cut into items, copied with noise, in every precision and place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker_plugins.russian_whisper.whisper_model import EncoderStates, Whisper

MAX_CHUNKS_ON_CPU = 4
"""A processor is no faster with more at once, and memory grows with each."""
_NOISE = 0.3
"""Noise at temperature 1, as a part of the states' own spread. With 0.5 Whisper base writes loops of its own."""


def encode(whisper: Whisper, mels: NDArray[np.float32]) -> EncoderStates:
    """Encode spectrograms, on a CPU a few at a time: 32 at once take 1.5 GB on top of the smallest of models, four 0.3.

    Args:
        whisper: The model.
        mels: Shape (chunks, bands, frames).

    Returns:
        Shape (chunks, states, width), in the precision and on the device of the model.
    """
    if whisper.model.device != "cpu" or len(mels) <= MAX_CHUNKS_ON_CPU:
        return whisper.encode(mels)
    starts = range(0, len(mels), MAX_CHUNKS_ON_CPU)
    parts = [whisper.encode(mels[start : start + MAX_CHUNKS_ON_CPU]) for start in starts]
    return _like(parts[0], np.concatenate([_array(part) for part in parts]))


def rows(encoded: EncoderStates, indices: Sequence[int]) -> EncoderStates:
    """Some items of a batch; the batch itself where it is all of them in order.

    Args:
        encoded: Shape (items, states, width).
        indices: Which items.
    """
    if list(indices) == list(range(encoded.shape[0])):
        return encoded
    return _like(encoded, _array(encoded)[list(indices)])


def perturbed(encoded: EncoderStates, temperature: float, copies: int) -> EncoderStates:
    """Copies of each item with noise, stronger at a higher temperature.

    The noise depends on the temperature and on the place among the copies only: an item's copies are the same in every
    batch, job and process.

    Args:
        encoded: Shape (items, states, width).
        temperature: Above 0, at most 1.
        copies: How many of each.

    Returns:
        Shape (items * copies, states, width), the copies of an item one after the other.
    """
    states = _array(encoded)
    spread = states.std(axis=1, keepdims=True)
    noise = np.random.default_rng(round(temperature * 1000)).standard_normal((copies, *states.shape[1:]), np.float32)
    noisy = states[:, None] + np.float32(_NOISE * temperature) * spread[:, None] * noise
    return _like(encoded, noisy.reshape(-1, *states.shape[1:]))


def _array(encoded: EncoderStates) -> NDArray[np.float32]:
    """The states in float32: numpy has no bfloat16, and reads no memory of a GPU."""
    from ctranslate2 import DataType, Device

    here = encoded if encoded.device == "cpu" else encoded.to_device(Device.cpu)
    return np.asarray(here if here.dtype == DataType.float32 else here.to(DataType.float32))


def _like(encoded: EncoderStates, states: NDArray[np.float32]) -> EncoderStates:
    """States in the precision of others. Those of a GPU stay here: the decoder moves what it is given."""
    from ctranslate2 import DataType, StorageView

    view = StorageView.from_array(np.ascontiguousarray(states))
    return view if encoded.dtype == DataType.float32 else view.to(encoded.dtype)
