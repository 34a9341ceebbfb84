"""Token graphs: the token sequences that a CTC path may follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

START = -1
"""Predecessor of a token that may be the first one of a path."""


@dataclass(frozen=True, eq=False)
class TokenGraph:
    """Tokens in topological order: each one after all of its predecessors."""

    columns: NDArray[np.int64]
    """Shape (tokens,): column of each token in the emissions."""
    predecessors: Mapping[int, tuple[int, ...]]
    """Predecessors of each token with others than the one before it."""
    final: tuple[int, ...]
    """Tokens that a path may end with."""

    @classmethod
    def chain(cls, columns: Sequence[int]) -> TokenGraph:
        """Return a graph in which each token follows the one before it."""
        return cls(np.asarray(columns, dtype=np.int64), {}, (len(columns) - 1,))

    @property
    def min_tokens(self) -> int:
        """Minimum number of tokens of a path."""
        if not self.predecessors:
            return len(self.columns)
        counts: list[int] = []
        for token in range(len(self.columns)):
            before = self.predecessors.get(token, (token - 1,))
            counts.append(1 + min(counts[one] if one >= 0 else 0 for one in before))
        return min(counts[token] for token in self.final)
