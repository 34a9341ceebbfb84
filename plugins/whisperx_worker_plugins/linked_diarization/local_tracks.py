"""Local speakers of overlapping windows, linked into tracks and cut into pieces. Pure: numpy.

A segmentation model separates the speakers of one window, in no particular order; the next window has most of the same
frames and orders them anew. A *track* is one local speaker followed through the windows. It may still hold two people
whose voices the model does not separate, so it is cut into *pieces* at quiet moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MIN_SHARED_FRAMES = 5
"""Shared activity of two local speakers, in frames, below which they are not linked."""
_WINDOWS_PER_BLOCK = 1_000


@dataclass(frozen=True, eq=False)
class Windows:
    """Output of a segmentation model for overlapping windows."""

    scores: NDArray[np.float32]
    """Shape (windows, frames, local speakers), 0..1: speech probability."""
    hop: int
    """Frames from one window to the next."""
    onset: float
    """Score above which a local speaker is active."""

    @property
    def frames(self) -> int:
        """Number of frames of the whole recording."""
        return (len(self.scores) - 1) * self.hop + int(self.scores.shape[1])

    @property
    def active(self) -> NDArray[np.bool_]:
        """Activity of each local speaker, shape (windows, frames, local speakers)."""
        return self.scores > self.onset

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Activity where no other local speaker is active, shape (windows, frames, local speakers)."""
        active = self.active
        return np.asarray(active & (active.sum(axis=2, keepdims=True) == 1))

    def coverage(self) -> NDArray[np.float32]:
        """Return the number of windows over each frame, shape (frames,)."""
        counts = np.zeros(self.frames, np.float32)
        for number in range(len(self.scores)):
            counts[number * self.hop :][: self.scores.shape[1]] += 1
        return counts


@dataclass(frozen=True)
class Track:
    """One local speaker, followed through consecutive windows."""

    first_window: int
    local_speakers: tuple[int, ...]
    """Index of the local speaker in each of the windows."""

    @property
    def windows(self) -> range:
        """Indices of all its windows."""
        return range(self.first_window, self.first_window + len(self.local_speakers))

    def overlap_add(self, values: NDArray[np.generic], hop: int) -> NDArray[np.float32]:
        """Add up values of its windows in the frames of the recording.

        Args:
            values: Shape (windows, frames, local speakers).
            hop: Frames from one window to the next.

        Returns:
            Shape (frames,), counted from the first frame of its first window.
        """
        length = values.shape[1]
        total = np.zeros((len(self.local_speakers) - 1) * hop + length, np.float32)
        for number, (window, local) in enumerate(zip(self.windows, self.local_speakers, strict=True)):
            total[number * hop :][:length] += values[window, :, local]
        return total


@dataclass(frozen=True)
class Piece:
    """A short part of a track without speech of any other local speaker."""

    track: int
    start: int
    """Its first frame in the recording."""
    end: int
    """The frame after its last one."""

    @property
    def frames(self) -> int:
        """Length in frames."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class LinkedTracks:
    """Windows and the tracks through them."""

    windows: Windows
    tracks: tuple[Track, ...]


def link_windows(windows: Windows) -> LinkedTracks:
    """Follow local speakers through the windows.

    Neighbouring windows are matched one to one, so that two local speakers of one window are never one track; of all
    matchings it is the one with the most shared activity.
    """
    active = windows.active
    if not active.any():
        return LinkedTracks(windows, ())
    matches = _match_neighbours(windows)
    tracks: list[Track] = []
    for window, local in zip(*(axis.tolist() for axis in np.nonzero(active.any(axis=1))), strict=True):
        if window and local in matches[window - 1]:
            continue
        path = [local]
        for following in matches[window:]:
            if following[path[-1]] < 0:
                break
            path.append(following[path[-1]])
        tracks.append(Track(window, tuple(path)))
    return LinkedTracks(windows, tuple(tracks))


def _match_neighbours(windows: Windows) -> list[list[int]]:
    """Match local speakers of neighbouring windows.

    Returns:
        For each window but the last the matching local speakers of the next one; -1 is none.
    """
    shared_activity = _shared_activity(windows)
    orders = np.array(list(permutations(range(shared_activity.shape[2]))))
    totals = np.take_along_axis(shared_activity[:, None], orders[None, :, :, None], axis=3).sum(axis=(2, 3))
    best = orders[totals.argmax(axis=1)]
    shared = np.take_along_axis(shared_activity, best[:, :, None], axis=2)[..., 0]
    return [list(row) for row in np.where(shared >= MIN_SHARED_FRAMES, best, -1).tolist()]


def _shared_activity(windows: Windows) -> NDArray[np.float32]:
    """Return the activity shared by neighbouring windows, shape (windows - 1, local speakers, local speakers)."""
    blocks = []
    for first in range(0, max(1, len(windows.scores) - 1), _WINDOWS_PER_BLOCK):
        scores = windows.scores[first : first + _WINDOWS_PER_BLOCK + 1]
        active = np.where(scores > windows.onset, scores, 0)
        here, following = active[:-1, windows.hop :], active[1:, : -windows.hop]
        blocks.append(np.minimum(here[..., :, None], following[..., None, :]).sum(axis=1))
    return np.concatenate(blocks)


def cut_into_pieces(
    linked: LinkedTracks, loudness_db: NDArray[np.float32], max_frames: int, min_frames: int
) -> list[Piece]:
    """Cut the exclusive speech of each track at quiet moments, where speakers may change.

    Args:
        linked: The tracks.
        loudness_db: Shape (frames,).
        max_frames: Longer stretches are cut at their quietest frame, recursively.
        min_frames: No cut leaves a shorter piece.
    """
    windows = linked.windows
    alone, coverage = windows.alone, windows.coverage()
    pieces: list[Piece] = []
    for number, track in enumerate(linked.tracks):
        first = track.first_window * windows.hop
        votes = track.overlap_add(alone, windows.hop)
        for start, end in runs(votes > coverage[first:][: len(votes)] / 2):
            parts = _cut(first + start, first + end, loudness_db, max_frames, min_frames)
            pieces.extend(Piece(number, a, b) for a, b in parts)
    return pieces


def _cut(
    start: int, end: int, loudness_db: NDArray[np.float32], max_frames: int, min_frames: int
) -> list[tuple[int, int]]:
    if end - start <= max(max_frames, 2 * min_frames):
        return [(start, end)]
    quietest = start + min_frames + int(loudness_db[start + min_frames : end - min_frames].argmin())
    return _cut(start, quietest, loudness_db, max_frames, min_frames) + _cut(
        quietest, end, loudness_db, max_frames, min_frames
    )


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of True as half-open ranges.

    Example:
        >>> import numpy as np
        >>> runs(np.array([True, True, False, True]))
        [(0, 2), (3, 4)]
    """
    steps = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return list(zip(np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True))


def cannot_link(linked: LinkedTracks, pieces: Sequence[Piece]) -> NDArray[np.intp]:
    """Return the pairs of pieces that one window contains as two local speakers.

    Returns:
        Shape (pairs, 2): indices of pieces, each pair once.
    """
    if not pieces:
        return np.zeros((0, 2), np.intp)
    track, start, end = (np.array([getattr(piece, name) for piece in pieces]) for name in ("track", "start", "end"))
    window = linked.windows.scores.shape[1]
    order = np.argsort(start, kind="stable")
    # Of each piece, those that begin after it and less than a window later.
    followers = np.searchsorted(start[order], start[order] + window) - np.arange(len(order)) - 1
    one = np.repeat(np.arange(len(order)), followers)
    other = np.arange(len(one)) - np.repeat(np.cumsum(followers) - followers, followers) + one + 1
    one, other = order[one], order[other]
    first = np.array([each.windows[0] for each in linked.tracks])[track]
    last = np.array([each.windows[-1] for each in linked.tracks])[track]
    share_a_window = np.maximum(first[one], first[other]) <= np.minimum(last[one], last[other])
    fit_into_one = np.maximum(end[one], end[other]) - start[one] <= window
    are_two = (track[one] != track[other]) & share_a_window & fit_into_one
    return np.stack([one[are_two], other[are_two]], axis=1)
