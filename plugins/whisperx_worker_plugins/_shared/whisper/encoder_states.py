"""Encoder states of chunks: encoding, selection and noisy copies, on any device in any precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker_plugins._shared.whisper.library_types import EncoderStates, Whisper

MAX_CHUNKS_ON_CPU = 4
"""Chunks that a CPU processes at once: more are no faster, and each takes memory."""
_NOISE = 0.3
"""Noise at temperature 1, relative to the states' standard deviation. With 0.5 Whisper base hallucinates loops."""


def encode_spectrograms(whisper: Whisper, mels: NDArray[np.float32]) -> EncoderStates:
    """Encode spectrograms, on a CPU four at a time.

    With the smallest model, 32 at once take 1.5 GB above its size on a CPU, four take 0.3 GB.

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
    return _from_array(np.concatenate([_to_array(part) for part in parts]), like=parts[0])


def select_items(states: EncoderStates, indices: Sequence[int]) -> EncoderStates:
    """Return some items of a batch, or the batch itself for all of them in order.

    Args:
        states: Shape (items, states, width).
        indices: Indices of the items.
    """
    if list(indices) == list(range(states.shape[0])):
        return states
    return _from_array(_to_array(states)[list(indices)], like=states)


def perturb_states(states: EncoderStates, temperature: float, copies: int) -> EncoderStates:
    """Copy each item with noise that grows with the temperature.

    The noise depends only on the temperature and the index of the copy: an item has the same copies in every batch,
    job and process.

    Args:
        states: Shape (items, states, width).
        temperature: Above 0, at most 1.
        copies: Number of copies of each item.

    Returns:
        Shape (items * copies, states, width), the copies of an item in a row.
    """
    array = _to_array(states)
    deviation = array.std(axis=1, keepdims=True)
    noise = np.random.default_rng(round(temperature * 1000)).standard_normal((copies, *array.shape[1:]), np.float32)
    noisy = array[:, None] + np.float32(_NOISE * temperature) * deviation[:, None] * noise
    return _from_array(noisy.reshape(-1, *array.shape[1:]), like=states)


def _to_array(states: EncoderStates) -> NDArray[np.float32]:
    """Copy the states to float32 on the CPU, which is all that numpy can read."""
    from ctranslate2 import DataType, Device

    on_cpu = states if states.device == "cpu" else states.to_device(Device.cpu)
    return np.asarray(on_cpu if on_cpu.dtype == DataType.float32 else on_cpu.to(DataType.float32))


def _from_array(array: NDArray[np.float32], *, like: EncoderStates) -> EncoderStates:
    """Return states on the CPU in the precision of others.

    The decoder moves them to its device.
    """
    from ctranslate2 import DataType, StorageView

    view = StorageView.from_array(np.ascontiguousarray(array))
    return view if like.dtype == DataType.float32 else view.to(like.dtype)
