"""Probability of speech by Silero's voice activity detector, at 16,000 Hz."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker_plugins._shared.loudness import evening_gain, frame_levels_db

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FRAME_SAMPLES = 512
"""Samples of one frame of the detector."""
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
_REACHES_S = (2.5, 0.2)
"""Distances in which the loudest frame sets the gain: about a turn, and about a word."""
_CONTEXT_SAMPLES = 64
"""Samples before a frame that the detector gets with it."""
_STATE_SHAPE = (1, 1, 128)
_FRAMES_PER_CALL = 2048
_MODEL_FILE = "silero_vad_16k_sequence.onnx"


def speech_probabilities(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of speech in each frame, at any loudness of the speakers.

    The detector misses very quiet and very loud speech, so it gets the sound at an even loudness: once by turns of
    speakers, once by words, since the first gain misses a quiet answer between loud turns, and either one may leave
    the detector deaf for a while. The higher probability counts.

    Args:
        samples: Shape (n,), at 16,000 Hz.

    Returns:
        Shape (frames,), in 0..1; the last frame may be shorter.
    """
    levels_db = frame_levels_db(samples, FRAME_SAMPLES)
    passes = [_run(samples, evening_gain(levels_db, FRAME_S, reach_s=reach_s)) for reach_s in _REACHES_S]
    return np.asarray(np.maximum.reduce(passes))


def _run(samples: NDArray[np.float32], gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run the detector once, with a gain for each frame."""
    run_detector = _load_detector()
    hidden = cell = np.zeros(_STATE_SHAPE, np.float32)
    probabilities = np.zeros(len(gain), np.float32)
    context = np.zeros(_CONTEXT_SAMPLES, np.float32)
    for first in range(0, len(gain), _FRAMES_PER_CALL):
        after = min(first + _FRAMES_PER_CALL, len(gain))
        frames = _even_frames(samples, gain, first, after)
        before = np.concatenate([context[None], frames[:-1, -_CONTEXT_SAMPLES:]])
        context = frames[-1, -_CONTEXT_SAMPLES:]
        probabilities[first:after], hidden, cell = run_detector(
            ["speech_probs", "hn", "cn"], {"input": np.concatenate([before, frames], axis=1), "h": hidden, "c": cell}
        )
    return probabilities


def _even_frames(
    samples: NDArray[np.float32], gain: NDArray[np.float32], first: int, after: int
) -> NDArray[np.float32]:
    """Return some frames of even loudness, shape (after - first, 512); the gain is interpolated between frames."""
    positions = np.arange(first * FRAME_SAMPLES, after * FRAME_SAMPLES)
    middles = (np.arange(first - 1, after + 1) + 0.5) * FRAME_SAMPLES
    nearby = gain[np.clip(np.arange(first - 1, after + 1), 0, len(gain) - 1)]
    block = samples[positions[0] : positions[-1] + 1]
    even = np.zeros(len(positions), np.float32)
    even[: len(block)] = block * np.interp(positions[: len(block)], middles, nearby)
    return even.reshape(-1, FRAME_SAMPLES)


@lru_cache(maxsize=1)
def _load_detector() -> Callable[[list[str], dict[str, NDArray[np.float32]]], list[NDArray[np.float32]]]:
    """Load the detector once, and return the function that runs it, which releases the interpreter's lock.

    Raises:
        ModuleNotFoundError: When silero-vad is not installed.
    """
    import onnxruntime

    package = find_spec("silero_vad")  # its import would bring torch
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'silero_vad'", name="silero_vad")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    path = Path(package.submodule_search_locations[0]) / "data" / _MODEL_FILE
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run  # type: ignore[no-any-return]
