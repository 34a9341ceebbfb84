"""Windows become tracks, and tracks pieces: who is who in overlapping windows, told from what they hear together.

Pure: numpy, no model. A segmentation model tells the speakers of one window apart, in no particular order; the next
window hears most of the same frames and orders them anew. A *track* is one local speaker followed through the windows.
It may still hold two people whose voices the model does not tell apart, so it is cut into *pieces* at quiet moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_SHARED_FRAMES = 5
"""Local speakers of two windows are linked where both are heard in at least so many of the frames that these share."""
_WINDOWS_AT_ONCE = 1_000


@dataclass(frozen=True, eq=False)
class Windows:
    """What a segmentation model hears in windows that overlap."""

    scores: NDArray[np.float32]
    """Shape (windows, frames, local speakers), 0..1: how surely each of them speaks."""
    hop: int
    """Frames from one window to the next."""
    onset: float
    """A local speaker speaks where the score is above it."""

    @property
    def frames(self) -> int:
        """Frames of the whole recording."""
        return (len(self.scores) - 1) * self.hop + int(self.scores.shape[1])

    @property
    def active(self) -> NDArray[np.bool_]:
        """Shape (windows, frames, local speakers): where each of them speaks."""
        return self.scores > self.onset

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Shape (windows, frames, local speakers): where each of them speaks and nobody else does."""
        active = self.active
        return np.asarray(active & (active.sum(axis=2, keepdims=True) == 1))

    def coverage(self) -> NDArray[np.float32]:
        """Shape (frames,): how many windows hear each frame."""
        heard = np.zeros(self.frames, np.float32)
        for number in range(len(self.scores)):
            heard[number * self.hop :][: self.scores.shape[1]] += 1
        return heard


@dataclass(frozen=True)
class Track:
    """One local speaker, followed through windows in a row."""

    window: int
    """The first of them."""
    local: tuple[int, ...]
    """Which local speaker it is in each of them."""

    @property
    def windows(self) -> range:
        """All of them."""
        return range(self.window, self.window + len(self.local))

    def spread(self, values: NDArray[np.generic], hop: int) -> NDArray[np.float32]:
        """Lay its windows over each other and add.

        Args:
            values: Shape (windows, frames, local speakers).
            hop: Frames from one window to the next.

        Returns:
            Shape (frames,), counted from the first frame of its first window.
        """
        length = values.shape[1]
        total = np.zeros((len(self.local) - 1) * hop + length, np.float32)
        for number, (window, local) in enumerate(zip(self.windows, self.local, strict=True)):
            total[number * hop :][:length] += values[window, :, local]
        return total


@dataclass(frozen=True)
class Piece:
    """A short stretch of a track in which nobody else speaks."""

    track: int
    start: int
    """Its first frame in the recording."""
    end: int
    """The frame after its last one."""

    @property
    def frames(self) -> int:
        """Its length."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class Linked:
    """Windows and the tracks that run through them."""

    windows: Windows
    tracks: tuple[Track, ...]


def link(windows: Windows) -> Linked:
    """Follow local speakers through the windows.

    Neighbouring windows are matched one to one, so that two people whom one window tells apart are never one track;
    of all matchings it is the one in which most is heard together.
    """
    active = windows.active
    if not active.any():
        return Linked(windows, ())
    partner = _partners(windows)
    tracks: list[Track] = []
    for window, local in zip(*(axis.tolist() for axis in np.nonzero(active.any(axis=1))), strict=True):
        if window and local in partner[window - 1]:
            continue
        path = [local]
        for following in partner[window:]:
            if following[path[-1]] < 0:
                break
            path.append(following[path[-1]])
        tracks.append(Track(window, tuple(path)))
    return Linked(windows, tuple(tracks))


def _partners(windows: Windows) -> list[list[int]]:
    """For each window but the last, which local speaker of the next one each of its own is; -1 is none."""
    together = _together(windows)
    orders = np.array(list(permutations(range(together.shape[2]))))
    totals = np.take_along_axis(together[:, None], orders[None, :, :, None], axis=3).sum(axis=(2, 3))
    best = orders[totals.argmax(axis=1)]
    shared = np.take_along_axis(together, best[:, :, None], axis=2)[..., 0]
    return [list(row) for row in np.where(shared >= LEAST_SHARED_FRAMES, best, -1).tolist()]


def _together(windows: Windows) -> NDArray[np.float32]:
    """Shape (windows - 1, local speakers, local speakers): how much a window and the next one hear as both of two."""
    found = []
    for first in range(0, max(1, len(windows.scores) - 1), _WINDOWS_AT_ONCE):
        scores = windows.scores[first : first + _WINDOWS_AT_ONCE + 1]
        heard = np.where(scores > windows.onset, scores, 0)
        here, following = heard[:-1, windows.hop :], heard[1:, : -windows.hop]
        found.append(np.minimum(here[..., :, None], following[..., None, :]).sum(axis=1))
    return np.concatenate(found)


def pieces(linked: Linked, loudness_db: NDArray[np.float32], longest: int, least: int) -> list[Piece]:
    """Cut what each track says alone at quiet moments, since people change there.

    Args:
        linked: The tracks.
        loudness_db: Shape (frames,).
        longest: Frames; longer stretches are cut at their quietest frame, again and again.
        least: Frames; no cut leaves a shorter piece.
    """
    windows = linked.windows
    alone, coverage = windows.alone, windows.coverage()
    found: list[Piece] = []
    for number, track in enumerate(linked.tracks):
        first = track.window * windows.hop
        votes = track.spread(alone, windows.hop)
        for start, end in runs(votes > coverage[first:][: len(votes)] / 2):
            parts = _cut(first + start, first + end, loudness_db, longest, least)
            found.extend(Piece(number, a, b) for a, b in parts)
    return found


def _cut(start: int, end: int, loudness_db: NDArray[np.float32], longest: int, least: int) -> list[tuple[int, int]]:
    if end - start <= max(longest, 2 * least):
        return [(start, end)]
    quietest = start + least + int(loudness_db[start + least : end - least].argmin())
    return _cut(start, quietest, loudness_db, longest, least) + _cut(quietest, end, loudness_db, longest, least)


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of True.

    Example:
        >>> import numpy as np
        >>> runs(np.array([True, True, False, True]))
        [(0, 2), (3, 4)]
    """
    steps = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return list(zip(np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True))


def apart(linked: Linked, stretches: Sequence[Piece]) -> NDArray[np.intp]:
    """Which pieces cannot be one person: one window hears both, as two local speakers.

    Returns:
        Shape (pairs, 2): numbers of pieces, each pair once.
    """
    if not stretches:
        return np.zeros((0, 2), np.intp)
    track, start, end = (np.array([getattr(piece, name) for piece in stretches]) for name in ("track", "start", "end"))
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
    are_apart = (track[one] != track[other]) & share_a_window & fit_into_one
    return np.stack([one[are_apart], other[are_apart]], axis=1)
