"""Frames become turns. Pure: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker_plugins.pyannote_diarization.tracks import runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUIET_DB = 30.0
"""A turn's edges are cut off where they are this much quieter than its loud parts."""
LOUD_PERCENTILE = 90
LISTENING_S = 0.025
"""The loudness of a frame is that of so much sound around its middle."""
_FRAMES_AT_ONCE = 10_000
"""Some minutes: sums of squares of ten hours would take gigabytes."""


def loudness(samples: NDArray[np.float32], middles: NDArray[np.int64]) -> NDArray[np.float32]:
    """How loud it is at each frame.

    Args:
        samples: Shape (n,), at 16,000 Hz.
        middles: Shape (frames,), rising: the sample in the middle of each; beyond the end it is silent.

    Returns:
        Shape (frames,), in decibels relative to a full-scale square wave, at least -100.
    """
    half = round(LISTENING_S * SAMPLE_RATE_HZ / 2)
    begin, end = (np.clip(middles + shift, 0, len(samples)) for shift in (-half, half))
    energy = np.zeros(len(middles))
    for first in range(0, len(middles), _FRAMES_AT_ONCE):
        some = slice(first, first + _FRAMES_AT_ONCE)
        heard = samples[begin[some][0] : end[some][-1]].astype(np.float64)
        summed = np.concatenate(([0.0], np.cumsum(heard**2)))
        energy[some] = summed[end[some] - begin[some][0]] - summed[begin[some] - begin[some][0]]
    return (10 * np.log10(energy / (2 * half) + 1e-10)).astype(np.float32)


def trimmed(speaks: NDArray[np.bool_], loudness_db: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cut the quiet edges off every turn: a segmentation model begins early and ends late.

    Args:
        speaks: Shape (frames, speakers).
        loudness_db: Shape (frames,).

    Returns:
        Shape (frames, speakers).
    """
    kept = np.zeros_like(speaks)
    for speaker in range(speaks.shape[1]):
        for start, end in runs(speaks[:, speaker]):
            heard = loudness_db[start:end]
            loud = np.flatnonzero(heard >= np.percentile(heard, LOUD_PERCENTILE) - QUIET_DB)
            kept[start + loud[0] : start + loud[-1] + 1, speaker] = True
    return kept


def exclusive(activity: NDArray[np.float32], speaks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One speaker at a time: where several speak, the one who is heard best.

    Args:
        activity: Shape (frames, speakers), 0..1.
        speaks: Shape (frames, speakers): who speaks where.

    Returns:
        Shape (frames, speakers), at most one True in a row.
    """
    heard = np.where(speaks, activity, -1.0)
    alone = np.zeros_like(speaks)
    alone[np.arange(len(heard)), heard.argmax(axis=1)] = True
    return np.asarray(alone & speaks)
