"""The best path of known characters through CTC emissions. Pure numpy; knows neither text nor sound.

The path is whisperX's, so that times agree with it: a character is entered in exactly one frame, every frame after
that until the next character counts as blank, and both the beginning and the end are free. Where a word can be read in
several ways its characters branch, and the best way through is the best of all readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import WorkerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


_BLOCK = 64
"""Frames whose characters are looked up at once: many enough to be fast, few enough to bound memory."""


BONUS = 1.0
"""Log-probability for each token of a path where there are longer and shorter ones.

A letter that is hardly heard is less probable than the blank, so that of two readings the shorter one would be better.
"""


class UnalignableError(WorkerError, ValueError):
    """Why one segment cannot be aligned, as the part of a sentence that follows "could not be aligned:"."""


@dataclass(frozen=True, eq=False)
class TokenGraph:
    """Tokens in an order in which each one stands after all that may precede it."""

    columns: NDArray[np.int64]
    """Shape (tokens,): the column of each token."""
    joints: Mapping[int, tuple[int, ...]]
    """Tokens that may precede a token, for those that do not just follow the one before them; -1 is the beginning."""
    last: tuple[int, ...]
    """Tokens that a path may end with."""

    @classmethod
    def chain(cls, columns: Sequence[int]) -> TokenGraph:
        """Tokens of which each one follows the one before it."""
        return cls(np.asarray(columns, dtype=np.int64), {}, (len(columns) - 1,))

    @property
    def least_tokens(self) -> int:
        """Tokens of the shortest way through."""
        if not self.joints:
            return len(self.columns)
        least: list[int] = []
        for token in range(len(self.columns)):
            ways = self.joints.get(token, (token - 1,))
            least.append(1 + min(least[way] if way >= 0 else 0 for way in ways))
        return min(least[token] for token in self.last)


@dataclass(frozen=True, eq=False)
class TokenTimes:
    """Where each token of a path lies, in frames."""

    tokens: NDArray[np.int64]
    """Shape (tokens of the path,): which tokens of the graph it goes through."""
    starts: NDArray[np.int64]
    """Shape (tokens,): the frame in which a token is entered. Strictly increasing."""
    ends: NDArray[np.int64]
    """Shape (tokens,): the frame after a token's last one; the next token's start."""
    scores: NDArray[np.float64]
    """Shape (tokens,), in 0..1: mean probability along the token's part of the path."""


def best_paths(
    emissions: Sequence[NDArray[np.float32]],
    tokens: Sequence[Sequence[int] | TokenGraph],
    blank: int,
    *,
    to_the_end: bool = False,
) -> list[TokenTimes | UnalignableError]:
    """Find the most probable way through tokens in order, of several recordings at once.

    Args:
        emissions: Each of shape (frames, columns): log-probabilities.
        tokens: For each, the column of each character, or the graph of all ways to read it.
        blank: Column of the blank.
        to_the_end: Whether what is after the path must be blank, as what is before it; whisperX's path ends freely, so
            that speech without text at the end is taken for the text's own less often than speech at the beginning.

    Returns:
        For each its path, or why there is none: more tokens than frames, or no finite path.
    """
    graphs = [one if isinstance(one, TokenGraph) else TokenGraph.chain(one) for one in tokens]
    found: dict[int, TokenTimes | UnalignableError] = {}
    for place, (emission, graph) in enumerate(zip(emissions, graphs, strict=True)):
        why = _why_not(len(emission), graph)
        if why:
            found[place] = UnalignableError(why)
    left = set(range(len(emissions))) - found.keys()
    # A graph that branches is many times as wide as a chain, so it would only make the others wide.
    branching = {place for place in left if graphs[place].joints}
    # The longest first, so that those still going on are always the first rows.
    chains = sorted(left - branching, key=lambda place: -len(emissions[place]))
    for batch in (chains, *([place] for place in branching)):
        if batch:
            heard = [emissions[place] for place in batch]
            paths = _best_together(heard, [graphs[place] for place in batch], blank, to_the_end=to_the_end)
            found.update(zip(batch, paths, strict=True))
    return [found[place] for place in range(len(emissions))]


def best_path(emission: NDArray[np.float32], tokens: Sequence[int] | TokenGraph, blank: int) -> TokenTimes:
    """`best_paths` of one recording.

    Raises:
        UnalignableError: When there is no path.
    """
    (path,) = best_paths([emission], [tokens], blank)
    if isinstance(path, UnalignableError):
        raise path
    return path


def _why_not(frames: int, graph: TokenGraph) -> str | None:
    if not len(graph.columns):
        return "nothing in its text is spoken"
    tokens = graph.least_tokens
    return f"its {tokens} characters do not fit into {frames} frames of sound" if tokens > frames else None


def _best_together(
    emissions: Sequence[NDArray[np.float32]], graphs: Sequence[TokenGraph], blank: int, *, to_the_end: bool
) -> list[TokenTimes | UnalignableError]:
    """Best paths of recordings, the longest first; a graph that branches is alone."""
    trellis = _trellis(emissions, graphs, blank)
    paths: list[TokenTimes | UnalignableError] = []
    first = 0
    for row, (emission, graph) in enumerate(zip(emissions, graphs, strict=True)):
        endings = trellis.endings[: len(emission) + 1, first : first + len(graph.last)]
        first += len(graph.last)
        after = len(emission) if to_the_end else 0
        end, way = (int(index) for index in np.unravel_index(np.argmax(endings[after:]), endings[after:].shape))
        end += after
        entered = _entered(trellis, row, graph, end, graph.last[way]) if np.isfinite(endings[end, way]) else None
        if entered is None:
            paths.append(UnalignableError("the acoustic model gave no usable probabilities"))
        else:
            last = int(entered[1][-1]) + 1 if to_the_end else end
            paths.append(_path(emission[:last], graph.columns, blank, *entered))
    return paths


def _path(
    emission: NDArray[np.float32],
    columns: NDArray[np.int64],
    blank: int,
    tokens: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> TokenTimes:
    """A path and its scores; `emission` ends where the path does."""
    ends = np.append(starts[1:], len(emission))
    probability = np.exp(emission[:, blank], dtype=np.float64)
    probability[starts] = np.exp(emission[starts, columns[tokens]])
    sums = np.add.reduceat(probability, starts)
    return TokenTimes(tokens, starts, ends, sums / (ends - starts))


def with_wildcard(emission: NDArray[np.float32], blank: int) -> NDArray[np.float32]:
    """Add a last column that any character may use: in each frame the best one that is not blank.

    Args:
        emission: Shape (frames, columns).
        blank: Column of the blank.

    Returns:
        Shape (frames, columns + 1).
    """
    best = np.delete(emission, blank, axis=1).max(axis=1, keepdims=True)
    return np.concatenate([emission, best], axis=1)


@dataclass(frozen=True, eq=False)
class _Trellis:
    """Scores of all partial paths, as far as the way back needs them."""

    moved: NDArray[np.bool_]
    """Shape (frames, recordings, tokens + 1): whether the best way into a token by a frame enters it there."""
    endings: NDArray[np.float32]
    """Shape (frames + 1, last tokens of all recordings): the score of all tokens after so many frames."""
    choices: NDArray[np.float32]
    """Shape (frames, ways into all joints): the score of each way before a frame."""


def _trellis(emissions: Sequence[NDArray[np.float32]], graphs: Sequence[TokenGraph], blank: int) -> _Trellis:
    """Score all partial paths of all recordings at once: one call of numpy costs more than its work."""
    # Every row begins with a cell for no token yet, and all rows are one flat array: so the tokens before are the same
    # array one cell earlier, also between rows, where what comes out is written over in the next frame.
    frames, rows, width = len(emissions[0]), len(emissions), 1 + max(len(graph.columns) for graph in graphs)
    waited = [
        np.concatenate([[0.0], np.cumsum(one[:, blank], dtype=np.float64)]).astype(np.float32) for one in emissions
    ]
    moved = np.empty((frames, rows * width), dtype=np.bool_)
    # The order of additions and the float32 are whisperX's: where emissions are flat, rounding decides.
    cells = np.full(rows * width, -np.inf, dtype=np.float32)
    last = np.array(
        [row * width + 1 + token for row, graph in enumerate(graphs) for token in graph.last], dtype=np.intp
    )
    endings = np.full((frames + 1, len(last)), -np.inf, dtype=np.float32)
    joints, ways, edges = _joints(graphs[0])
    choices = np.empty((frames, len(ways)), dtype=np.float32)
    # What stands here after a recording's end reaches nothing that is read.
    block = min(_BLOCK, frames)
    entered = np.full((block, rows, width), -np.inf, dtype=np.float32)
    stay = np.zeros((block, rows, 1), dtype=np.float32)
    waiting = np.zeros((block, rows), dtype=np.float32)
    for first in range(0, frames, block):
        going = sum(len(one) > first for one in emissions)
        for place, graph in enumerate(graphs[:going]):
            part = emissions[place][first : first + block]
            entered[: len(part), place, : len(graph.columns)] = part.take(graph.columns, axis=1)
            if graph.joints:
                entered[: len(part), place] += BONUS
            stay[: len(part), place, 0] = part[:, blank]
            waiting[: len(part), place] = waited[place][first : first + len(part)]
        flat = cells[: going * width]
        table, start, here, before = flat.reshape(going, width), flat[::width], flat[1:], flat[:-1]
        stayed, changed = np.empty_like(table), np.empty_like(before)
        stayed_here = stayed.reshape(-1)[1:]
        entering = entered.reshape(block, -1)[:, : len(before)]
        for t in range(min(block, frames - first)):
            start[:] = waiting[t, :going]
            np.add(table, stay[t, :going], out=stayed)
            np.add(before, entering[t], out=changed)
            if len(joints):
                flat.take(ways, out=choices[first + t], mode="clip")
                changed[joints] = np.maximum.reduceat(choices[first + t], edges) + entering[t, joints]
            np.greater(changed, stayed_here, out=moved[first + t, : len(here)])
            np.maximum(changed, stayed_here, out=here)
            cells.take(last, out=endings[first + t + 1], mode="clip")
    return _Trellis(moved.reshape(frames, rows, width), endings, choices)


def _joints(graph: TokenGraph) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The joints of a graph, the cells of the ways into all of them in a row, and where those of each joint begin."""
    ways = [way + 1 for before in graph.joints.values() for way in before]
    edges = np.cumsum([0, *map(len, graph.joints.values())])[:-1]
    return np.array([*graph.joints], dtype=np.intp), np.array(ways, dtype=np.intp), edges.astype(np.intp)


def _entered(
    trellis: _Trellis, row: int, graph: TokenGraph, end: int, token: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Follow the best path of one recording back from its last frame.

    Args:
        trellis: Its scores.
        row: Which recording.
        graph: Its tokens.
        end: Frames of the path.
        token: The token that it ends with.

    Returns:
        The tokens of the path and the frame in which each is entered; None where it never enters the first.
    """
    _, rows, width = trellis.moved.shape
    steps = trellis.moved.data.cast("B")  # whose single items are read three times as fast
    _, _, edges = _joints(graph)
    edge_of = dict(zip(graph.joints, edges.tolist(), strict=True))
    place = ((end - 1) * rows + row) * width + token
    starts: list[int] = []
    tokens: list[int] = []
    for t in range(end - 1, -1, -1):
        if steps[place]:
            starts.append(t)
            tokens.append(token)
            before = token - 1
            if ways := graph.joints.get(token):
                edge = edge_of[token]
                before = ways[int(np.argmax(trellis.choices[t, edge : edge + len(ways)]))]
            if before < 0:
                return np.array(tokens[::-1], dtype=np.int64), np.array(starts[::-1], dtype=np.int64)
            place -= token - before
            token = before
        place -= rows * width
    return None
