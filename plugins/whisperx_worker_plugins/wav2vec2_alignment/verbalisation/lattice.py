"""Lattices of spoken forms: texts on arcs between nodes. Pure; knows no language.

A verbalisation adds its arcs to a lattice from a given node, and returns its last node.

Example:
    >>> kilos = concatenate(union(accept("два"), accept("двух")), accept(" кило"))
    >>> lattice_arcs(kilos)
    ([(0, 1, 'два'), (0, 2, 'двух'), (1, 3, ''), (2, 3, ''), (3, 4, ' кило')], 4)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WILDCARD_CHARACTER = "\ufffc"
"""Character with an unknown sound."""

Node: TypeAlias = int
"""Place between two pieces of speech; later nodes have higher numbers."""

Arc: TypeAlias = "tuple[Node, Node, str]"
"""Begin, end and text of an arc.

The text is in lower case, with a space before each word except the first.
"""


@dataclass
class Lattice:
    """Arcs between nodes, of which the first is 0."""

    arcs: list[Arc] = field(default_factory=list)
    nodes: int = 1
    """Number of nodes."""

    def add_node(self) -> Node:
        """Add a node after all others."""
        self.nodes += 1
        return self.nodes - 1

    def add_arcs(self, begin: Node, end: Node, texts: Iterable[str]) -> None:
        """Add an arc for each different text."""
        self.arcs += [(begin, end, text) for text in dict.fromkeys(texts)]


Verbalisation: TypeAlias = "Callable[[Lattice, Node], Node]"
"""Function that adds the spoken forms of something to a lattice."""


def accept(*texts: str) -> Verbalisation:
    """Accept any one of some texts; an empty one is silence."""

    def build(lattice: Lattice, begin: Node) -> Node:
        end = lattice.add_node()
        lattice.add_arcs(begin, end, texts)
        return end

    return build


def concatenate(*verbalisations: Verbalisation) -> Verbalisation:
    """Join verbalisations in a row."""

    def build(lattice: Lattice, begin: Node) -> Node:
        for verbalisation in verbalisations:
            begin = verbalisation(lattice, begin)
        return begin

    return build


def union(*verbalisations: Verbalisation) -> Verbalisation:
    """Accept any one of some verbalisations."""
    if len(verbalisations) == 1:
        return verbalisations[0]

    def build(lattice: Lattice, begin: Node) -> Node:
        ends = [verbalisation(lattice, begin) for verbalisation in verbalisations]
        after = lattice.add_node()
        for end in ends:
            lattice.add_arcs(end, after, [""])
        return after

    return build


def cover_row(count: int, pieces: Iterable[tuple[int, int, Iterable[str]]]) -> Verbalisation:
    """Accept any sequence of pieces that covers a row of symbols, such as digits.

    Args:
        count: Symbols in the row.
        pieces: For each piece its first symbol, the one after its last, and its texts.
    """

    def build(lattice: Lattice, begin: Node) -> Node:
        nodes = [begin, *(lattice.add_node() for _ in range(count))]
        for first, after, texts in pieces:
            lattice.add_arcs(nodes[first], nodes[after], texts)
        return nodes[-1]

    return build


def lattice_arcs(verbalisation: Verbalisation) -> tuple[list[Arc], Node]:
    """Return the arcs of a verbalisation, sorted by first node, and its last node."""
    lattice = Lattice()
    end = verbalisation(lattice, 0)
    return sorted(lattice.arcs, key=lambda arc: arc[0]), end
