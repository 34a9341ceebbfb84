"""What the acoustic model gives for the pieces of sound of a group, as one row of frames. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc import with_wildcard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Seconds, Span


@dataclass(frozen=True, eq=False)
class Sound:
    """Emissions with times."""

    emission: NDArray[np.float32]
    """Shape (frames, columns): log-probabilities of all pieces in a row."""
    blank: int
    """Column of the blank."""
    starts_s: NDArray[np.float64]
    """Shape (frames,): where each frame begins."""
    ends_s: NDArray[np.float64]
    """Shape (frames,): where it ends."""
    piece_ends: NDArray[np.int64]
    """Shape (frames,): the frame after the last one of the same piece."""

    @classmethod
    def of(cls, pieces: Sequence[Span], emissions: Sequence[NDArray[np.float32]], blank: int) -> Sound:
        """Put pieces into a row.

        Args:
            pieces: In time order, apart from each other.
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

    def scores(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """The emissions, with a last column that any character may use where it is among the wanted ones."""
        return self._with_wildcard if (columns >= self.emission.shape[1]).any() else self.emission

    @cached_property
    def _with_wildcard(self) -> NDArray[np.float32]:
        return with_wildcard(self.emission, self.blank)

    @cached_property
    def loss(self) -> NDArray[np.float64]:
        """Shape (frames + 1,): how far the blank is below the best column, added up before each frame."""
        # Along the frames, since numpy is slow along an axis as short as the columns.
        best = np.ascontiguousarray(self.emission.T).max(axis=0)
        below = self.emission[:, self.blank] - best
        return np.concatenate([[0.0], np.cumsum(below, dtype=np.float64)])

    @cached_property
    def blank_share(self) -> float:
        """Share of the frames in which the blank is the best column, 0..1."""
        return float(np.mean(np.diff(self.loss) == 0.0))

    def frames_within(self, start: Seconds, end: Seconds) -> tuple[int, int]:
        """The first frame, and the one after the last, of those between two times."""
        first = np.searchsorted(self.ends_s, start, side="right")
        return int(first), max(int(first), int(np.searchsorted(self.starts_s, end, side="left")))
