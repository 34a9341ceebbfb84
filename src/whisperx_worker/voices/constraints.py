"""Constraints between voices: which must be one person's and which cannot be. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class Constraints:
    """Components of voices that must be together, and pairs of components that cannot be.

    A constraint that contradicts earlier ones has no effect: add the most binding first.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._apart: list[set[int]] = [set() for _ in range(count)]

    def join(self, first: int, second: int) -> bool:
        """Put two voices into one component; return whether no earlier constraint is against it."""
        kept, other = self._root(first), self._root(second)
        if kept == other:
            return True
        if other in self._apart[kept]:
            return False
        self._parent[other] = kept
        for enemy in self._apart[other]:
            self._apart[enemy].discard(other)
            self._apart[enemy].add(kept)
        self._apart[kept] |= self._apart[other]
        return True

    def part(self, first: int, second: int) -> bool:
        """Keep two voices apart; return whether no earlier constraint is against it."""
        one, other = self._root(first), self._root(second)
        if one == other:
            return False
        self._apart[one].add(other)
        self._apart[other].add(one)
        return True

    def join_all(self, voices: Iterable[int]) -> None:
        """Put all voices into one component, as far as earlier constraints allow."""
        joined = list(voices)
        for other in joined[1:]:
            self.join(joined[0], other)

    def components(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return each voice's component, numbered by first voice, and which components cannot be together.

        Returns:
            Shapes (voices,) and (components, components).
        """
        roots = [self._root(voice) for voice in range(len(self._parent))]
        number = {root: index for index, root in enumerate(dict.fromkeys(roots))}
        apart = np.zeros((len(number), len(number)), np.bool_)
        for root, index in number.items():
            for enemy in self._apart[root]:
                apart[index, number[enemy]] = True
        return np.asarray([number[root] for root in roots], np.intp), apart

    def _root(self, voice: int) -> int:
        while self._parent[voice] != voice:
            self._parent[voice] = self._parent[self._parent[voice]]
            voice = self._parent[voice]
        return voice
