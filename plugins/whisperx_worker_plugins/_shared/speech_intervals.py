"""Speech intervals from probabilities of speech. Pure: numpy.

Example:
    >>> probabilities = np.array([0.1, 0.6, 0.4, 0.1, 0.4, 0.1, 0.1, 0.1], np.float32)
    >>> speech_frames(probabilities, onset=0.5, offset=0.3, min_silence=2)
    [(1, 5)]
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker_plugins._shared.silero import FRAME_SAMPLES, speech_probabilities

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Seconds

_MIN_SILENCE_FRAMES = 10
"""Frames of the shortest pause between two speech intervals, 0.3 s."""
_CUT_REACH_FRAMES = 2
"""Frames on both sides of a cut that count for where it is best."""


def detect_speech(
    samples: NDArray[np.float32],
    *,
    padding_ms: int,
    onset: float = 0.5,
    offset: float | None = None,
    max_duration_s: Seconds = float("inf"),
) -> list[tuple[int, int]]:
    """Return speech intervals as half-open ranges of samples, in time order, disjoint.

    Args:
        samples: Shape (n,), at 16,000 Hz.
        padding_ms: Added on both sides of an interval, as far as the pause reaches.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends; None is 0.15 below the onset.
        max_duration_s: Longer intervals are cut where speech is least probable.
    """
    offset = onset - 0.15 if offset is None else offset
    return intervals_from_probabilities(
        speech_probabilities(samples), len(samples), padding_ms, onset, offset, max_duration_s
    )


def intervals_from_probabilities(  # noqa: PLR0913  the detector's parameters
    probabilities: NDArray[np.float32],
    samples: int,
    padding_ms: int,
    onset: float,
    offset: float,
    max_duration_s: Seconds = float("inf"),
) -> list[tuple[int, int]]:
    """Return speech intervals, padded and cut, as half-open ranges of samples.

    Args:
        probabilities: Shape (frames,), in 0..1.
        samples: Number of samples of the recording.
        padding_ms: As in `detect_speech`, like the others.
        onset: Probability at which speech begins.
        offset: Probability below which it ends.
        max_duration_s: Maximum length, padding included.
    """
    padding = padding_ms * SAMPLE_RATE_HZ // 1000
    max_frames = min((max_duration_s * SAMPLE_RATE_HZ - 2 * padding) / FRAME_SAMPLES, len(probabilities))
    found = [
        (first * FRAME_SAMPLES, min(after * FRAME_SAMPLES, samples))
        for start, end in speech_frames(probabilities, onset=onset, offset=offset, min_silence=_MIN_SILENCE_FRAMES)
        for first, after in cut_range(probabilities, start, end, max(1, int(max_frames)))
    ]
    return _pad(found, padding, samples)


def speech_frames(
    probabilities: NDArray[np.float32], *, onset: float, offset: float, min_silence: int
) -> list[tuple[int, int]]:
    """Return half-open ranges of frames from an onset to the last frame that is not below the offset.

    Args:
        probabilities: Shape (frames,), in 0..1.
        onset: Probability at which a range begins.
        offset: Probability below which it may end.
        min_silence: Frames below the offset that end it.
    """
    active = np.flatnonzero(probabilities >= min(onset, offset))
    onsets = np.flatnonzero(probabilities >= onset)
    if not len(onsets):
        return []
    breaks = np.flatnonzero(np.diff(active) > min_silence) + 1
    ranges = []
    for part in np.split(active, breaks):
        first = np.searchsorted(onsets, part[0])
        if first < len(onsets) and onsets[first] <= part[-1]:
            ranges.append((int(onsets[first]), int(part[-1]) + 1))
    return ranges


def cut_range(probabilities: NDArray[np.float32], start: int, end: int, max_frames: int) -> Iterator[tuple[int, int]]:
    """Yield a range in parts of at most `max_frames`, cut where speech is least probable.

    Args:
        probabilities: Shape (frames,), in 0..1.
        start: First frame.
        end: Frame after the last one.
        max_frames: At least 1.
    """
    while end - start > max_frames:
        earliest = start + (max_frames + 1) // 2
        window = np.pad(probabilities[earliest : start + max_frames + 1], _CUT_REACH_FRAMES, mode="edge")
        smooth = np.convolve(window, np.ones(2 * _CUT_REACH_FRAMES + 1), "valid")
        at = earliest + int(smooth.argmin())
        yield start, at
        start = at
    yield start, end


def _pad(found: Sequence[tuple[int, int]], padding: int, samples: int) -> list[tuple[int, int]]:
    """Widen ranges of samples on both sides; two that would overlap share the pause between them."""
    if not found:
        return []
    middles = [(before[1] + after[0]) // 2 for before, after in pairwise(found)]
    lower, upper = [0, *middles], [*middles, samples]
    return [
        (max(start - padding, low), min(end + padding, high))
        for (start, end), low, high in zip(found, lower, upper, strict=True)
    ]
