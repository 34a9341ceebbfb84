"""Trellis of the scores of all partial paths, and its backtracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker_plugins.wav2vec2_alignment.ctc.token_graph import TokenGraph

_BLOCK_FRAMES = 64
"""Frames per block of token scores: enough to be fast, few enough to bound memory."""

TOKEN_BONUS = 1.0
"""Log-probability added per token, in graphs with paths of different lengths.

A weak letter is less probable than the blank, so that of two spoken forms the shorter one would win.
"""


@dataclass(frozen=True, eq=False)
class Trellis:
    """Scores of all partial paths, as far as backtracking needs them."""

    is_entry: NDArray[np.bool_]
    """Shape (frames, recordings, tokens + 1): whether the best path enters a token there."""
    final_scores: NDArray[np.float32]
    """Shape (frames + 1, final tokens of all recordings): score after so many frames."""
    branch_scores: NDArray[np.float32]
    """Shape (frames, predecessors of all branching tokens): score of each before a frame."""


def build_trellis(emissions: Sequence[NDArray[np.float32]], graphs: Sequence[TokenGraph], blank: int) -> Trellis:
    """Score all partial paths of all recordings together.

    One call of numpy for all of them, since a call costs more than its work.
    """
    # Every row begins with a cell for the start, and all rows are one flat array: the predecessors are the same array
    # shifted by one cell. Between two rows this computes the start's cell, which the next frame overwrites.
    frames, rows, width = len(emissions[0]), len(emissions), 1 + max(len(graph.columns) for graph in graphs)
    blanks_before = [
        np.concatenate([[0.0], np.cumsum(one[:, blank], dtype=np.float64)]).astype(np.float32) for one in emissions
    ]
    is_entry = np.empty((frames, rows * width), dtype=np.bool_)
    # The order of additions and the float32 are whisperX's: where emissions are flat, rounding decides.
    cells = np.full(rows * width, -np.inf, dtype=np.float32)
    final = np.array(
        [row * width + 1 + token for row, graph in enumerate(graphs) for token in graph.final], dtype=np.intp
    )
    final_scores = np.full((frames + 1, len(final)), -np.inf, dtype=np.float32)
    branching, sources, edges = _branches(graphs[0])
    branch_scores = np.empty((frames, len(sources)), dtype=np.float32)
    # Values of a row after its recording's end stay in these arrays, but no score that is used depends on them.
    block = min(_BLOCK_FRAMES, frames)
    token_scores = np.full((block, rows, width), -np.inf, dtype=np.float32)
    blank_scores = np.zeros((block, rows, 1), dtype=np.float32)
    start_scores = np.zeros((block, rows), dtype=np.float32)
    for first in range(0, frames, block):
        active = sum(len(one) > first for one in emissions)
        for row, graph in enumerate(graphs[:active]):
            part = emissions[row][first : first + block]
            token_scores[: len(part), row, : len(graph.columns)] = part.take(graph.columns, axis=1)
            if graph.predecessors:
                token_scores[: len(part), row] += TOKEN_BONUS
            blank_scores[: len(part), row, 0] = part[:, blank]
            start_scores[: len(part), row] = blanks_before[row][first : first + len(part)]
        flat = cells[: active * width]
        table, start, here, before = flat.reshape(active, width), flat[::width], flat[1:], flat[:-1]
        stayed, entered = np.empty_like(table), np.empty_like(before)
        stayed_here = stayed.reshape(-1)[1:]
        entry_scores = token_scores.reshape(block, -1)[:, : len(before)]
        for t in range(min(block, frames - first)):
            start[:] = start_scores[t, :active]
            np.add(table, blank_scores[t, :active], out=stayed)
            np.add(before, entry_scores[t], out=entered)
            if len(branching):
                flat.take(sources, out=branch_scores[first + t], mode="clip")
                entered[branching] = np.maximum.reduceat(branch_scores[first + t], edges) + entry_scores[t, branching]
            np.greater(entered, stayed_here, out=is_entry[first + t, : len(here)])
            np.maximum(entered, stayed_here, out=here)
            cells.take(final, out=final_scores[first + t + 1], mode="clip")
    return Trellis(is_entry.reshape(frames, rows, width), final_scores, branch_scores)


def _branches(graph: TokenGraph) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the branching tokens, all their predecessors' cells, and each token's first cell."""
    sources = [one + 1 for before in graph.predecessors.values() for one in before]
    edges = np.cumsum([0, *map(len, graph.predecessors.values())])[:-1]
    return np.array([*graph.predecessors], dtype=np.intp), np.array(sources, dtype=np.intp), edges.astype(np.intp)


def backtrack(
    trellis: Trellis, row: int, graph: TokenGraph, end: int, token: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Follow the best path of one recording back from its last frame.

    Args:
        trellis: Scores of the partial paths.
        row: Index of the recording.
        graph: Its tokens.
        end: Frames of the path.
        token: The token that it ends with.

    Returns:
        The tokens of the path and the frame in which each is entered; None where it never enters the first.
    """
    _, rows, width = trellis.is_entry.shape
    is_entry = trellis.is_entry.data.cast("B")  # single items of a memoryview are read three times as fast
    _, _, edges = _branches(graph)
    edge_of = dict(zip(graph.predecessors, edges.tolist(), strict=True))
    cell = ((end - 1) * rows + row) * width + token
    starts: list[int] = []
    tokens: list[int] = []
    for t in range(end - 1, -1, -1):
        if is_entry[cell]:
            starts.append(t)
            tokens.append(token)
            before = token - 1
            if sources := graph.predecessors.get(token):
                edge = edge_of[token]
                before = sources[int(np.argmax(trellis.branch_scores[t, edge : edge + len(sources)]))]
            if before < 0:
                return np.array(tokens[::-1], dtype=np.int64), np.array(starts[::-1], dtype=np.int64)
            cell -= token - before
            token = before
        cell -= rows * width
    return None
