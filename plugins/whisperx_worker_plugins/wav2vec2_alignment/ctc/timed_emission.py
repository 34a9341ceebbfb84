"""Emissions of an alignment group's audio as one row of frames with times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Seconds, Span


@dataclass(frozen=True, eq=False)
class TimedEmission:
    """Emissions with the times of their frames."""

    log_probs: NDArray[np.float32]
    """Shape (frames, columns): log-probabilities of all pieces of audio in a row."""
    blank: int
    """Column of the blank."""
    starts_s: NDArray[np.float64]
    """Shape (frames,): start of each frame."""
    ends_s: NDArray[np.float64]
    """Shape (frames,): end of each frame."""
    piece_ends: NDArray[np.int64]
    """Shape (frames,): the frame after the last one of the same piece."""

    @classmethod
    def concatenate(cls, pieces: Sequence[Span], emissions: Sequence[NDArray[np.float32]], blank: int) -> TimedEmission:
        """Put the emissions of pieces of audio into a row.

        Args:
            pieces: In time order, without overlap.
            emissions: For each, shape (frames, columns): log-probabilities that cover it evenly.
            blank: Column of the blank.
        """
        counts = [len(emission) for emission in emissions]
        steps_s = [piece.duration_s / count for piece, count in zip(pieces, counts, strict=True)]
        edges = [piece.start + np.arange(n + 1) * step for piece, n, step in zip(pieces, counts, steps_s, strict=True)]
        return cls(
            np.concatenate(emissions) if len(emissions) > 1 else emissions[0],
            blank,
            np.concatenate([edge[:-1] for edge in edges]),
            np.concatenate([edge[1:] for edge in edges]),
            np.repeat(np.cumsum(counts), counts),
        )

    def log_probs_for(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the log-probabilities, with the wildcard column where it is among the columns."""
        return self._with_wildcard if (columns >= self.log_probs.shape[1]).any() else self.log_probs

    @cached_property
    def _with_wildcard(self) -> NDArray[np.float32]:
        return with_wildcard(self.log_probs, self.blank)

    @cached_property
    def cumulative_loss(self) -> NDArray[np.float64]:
        """Shape (frames + 1,): cumulative log-probability of the blank relative to the best column."""
        # Along the frames, since numpy is slow along an axis as short as the columns.
        best = np.ascontiguousarray(self.log_probs.T).max(axis=0)
        below = self.log_probs[:, self.blank] - best
        return np.concatenate([[0.0], np.cumsum(below, dtype=np.float64)])

    @cached_property
    def blank_share(self) -> float:
        """Share of frames with the blank as the best column, 0..1."""
        return float(np.mean(np.diff(self.cumulative_loss) == 0.0))

    def frames_within(self, start: Seconds, end: Seconds) -> tuple[int, int]:
        """Return the first frame between two times, and the one after the last."""
        first = np.searchsorted(self.ends_s, start, side="right")
        return int(first), max(int(first), int(np.searchsorted(self.starts_s, end, side="left")))


def with_wildcard(emission: NDArray[np.float32], blank: int) -> NDArray[np.float32]:
    """Add a last column that matches any character.

    In each frame it has the best log-probability that is not the blank's.

    Args:
        emission: Shape (frames, columns).
        blank: Column of the blank.

    Returns:
        Shape (frames, columns + 1).
    """
    best = np.delete(emission, blank, axis=1).max(axis=1, keepdims=True)
    return np.concatenate([emission, best], axis=1)
