"""Ways to read a written word aloud, put together from small ones. Pure; knows no language.

A reading adds arcs, each with the text that it spells, from a point to points after it, and tells the last of them.

Example:
    >>> kilos = then(either(say("два"), say("двух")), say(" кило"))
    >>> sorted(texts(kilos))
    ['два кило', 'двух кило']
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ANY_SOUND = "\ufffc"
"""Stands in a reading for a character whose sound is not known."""

Point: TypeAlias = int
"""A place between two pieces of speech; later ones have higher numbers."""


@dataclass
class Arcs:
    """Pieces of speech between points, of which the first is 0."""

    arcs: list[tuple[Point, Point, str]] = field(default_factory=list)
    """From where, to where, and the text in between: in lower case, with a space before each word but the first."""
    points: int = 1

    def point(self) -> Point:
        """Add a point that is after all others."""
        self.points += 1
        return self.points - 1

    def add(self, begin: Point, end: Point, options: Iterable[str]) -> None:
        """Add an arc for each different text."""
        self.arcs += [(begin, end, text) for text in dict.fromkeys(options)]


Reading: TypeAlias = "Callable[[Arcs, Point], Point]"


def say(*options: str) -> Reading:
    """Read any one of some texts; an empty one is silence."""

    def read(arcs: Arcs, begin: Point) -> Point:
        end = arcs.point()
        arcs.add(begin, end, options)
        return end

    return read


def then(*readings: Reading) -> Reading:
    """Read all of them in a row."""

    def read(arcs: Arcs, begin: Point) -> Point:
        for reading in readings:
            begin = reading(arcs, begin)
        return begin

    return read


def either(*readings: Reading) -> Reading:
    """Read any one of them."""
    if len(readings) == 1:
        return readings[0]

    def read(arcs: Arcs, begin: Point) -> Point:
        ends = [reading(arcs, begin) for reading in readings]
        after = arcs.point()
        for end in ends:
            arcs.add(end, after, [""])
        return after

    return read


def steps(count: int, pieces: Iterable[tuple[int, int, Iterable[str]]]) -> Reading:
    """Read any way through pieces that each take some of a row of things, such as the digits of a number.

    Args:
        count: Things in the row.
        pieces: From which thing, to before which one, and the texts that it can have.
    """

    def read(arcs: Arcs, begin: Point) -> Point:
        places = [begin, *(arcs.point() for _ in range(count))]
        for first, after, options in pieces:
            arcs.add(places[first], places[after], options)
        return places[-1]

    return read


def arcs_of(reading: Reading) -> tuple[list[tuple[Point, Point, str]], Point]:
    """All arcs of a reading, those from earlier points first, and its last point."""
    arcs = Arcs()
    end = reading(arcs, 0)
    return sorted(arcs.arcs, key=lambda arc: arc[0]), end


def texts(reading: Reading) -> set[str]:
    """All texts that a reading can have."""
    arcs, end = arcs_of(reading)
    found: dict[Point, set[str]] = {0: {""}}
    for begin, after, text in arcs:
        found.setdefault(after, set()).update(before + text for before in found.get(begin, ()))
    return found[end]
