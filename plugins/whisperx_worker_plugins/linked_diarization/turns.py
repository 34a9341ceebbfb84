"""Frame activity trimmed and made exclusive, for turns. Pure: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker_plugins.linked_diarization.local_tracks import runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIM_DB = 30.0
"""Distance below a turn's loud parts at which its edges are cut off."""
LOUD_PERCENTILE = 90
LOUDNESS_WINDOW_S = 0.025
"""Length of sound around a frame's middle over which its loudness is measured."""
_FRAMES_PER_BLOCK = 10_000
"""Some minutes: sums of squares of ten hours would take gigabytes."""


def frame_loudness_db(samples: NDArray[np.float32], middles: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the loudness of each frame.

    Args:
        samples: Shape (n,), at 16,000 Hz.
        middles: Shape (frames,), rising: the sample in the middle of each; beyond the end it is silent.

    Returns:
        Shape (frames,), in decibels relative to a full-scale square wave, at least -100.
    """
    half = round(LOUDNESS_WINDOW_S * SAMPLE_RATE_HZ / 2)
    begin, end = (np.clip(middles + shift, 0, len(samples)) for shift in (-half, half))
    energy = np.zeros(len(middles))
    for first in range(0, len(middles), _FRAMES_PER_BLOCK):
        block = slice(first, first + _FRAMES_PER_BLOCK)
        sound = samples[begin[block][0] : end[block][-1]].astype(np.float64)
        summed = np.concatenate(([0.0], np.cumsum(sound**2)))
        energy[block] = summed[end[block] - begin[block][0]] - summed[begin[block] - begin[block][0]]
    return (10 * np.log10(energy / (2 * half) + 1e-10)).astype(np.float32)


def trim_quiet_edges(active: NDArray[np.bool_], loudness_db: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cut the quiet edges off every turn: a segmentation model begins early and ends late.

    Args:
        active: Shape (frames, speakers).
        loudness_db: Shape (frames,).

    Returns:
        Shape (frames, speakers).
    """
    trimmed = np.zeros_like(active)
    for speaker in range(active.shape[1]):
        for start, end in runs(active[:, speaker]):
            loudness = loudness_db[start:end]
            loud = np.flatnonzero(loudness >= np.percentile(loudness, LOUD_PERCENTILE) - TRIM_DB)
            trimmed[start + loud[0] : start + loud[-1] + 1, speaker] = True
    return trimmed


def exclusive_speaker(activity: NDArray[np.float32], active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the most active speaker of each frame.

    Args:
        activity: Shape (frames, speakers), 0..1.
        active: Shape (frames, speakers).

    Returns:
        Shape (frames, speakers), at most one True in a row, and only where `active`.
    """
    scores = np.where(active, activity, -1.0)
    exclusive = np.zeros_like(active)
    exclusive[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return np.asarray(exclusive & active)
