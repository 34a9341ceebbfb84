"""Best paths of tokens through CTC emissions. Knows neither text nor audio.

The path is whisperX's, so that times agree with it: a token is entered in exactly one frame, every frame after that
until the next token counts as blank, and both the beginning and the end are free. In a graph with branches, the best
path is the best of all token sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc.token_graph import TokenGraph
from whisperx_worker_plugins.wav2vec2_alignment.ctc.trellis import backtrack, build_trellis
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TokenPath:
    """Frames of each token of a path."""

    tokens: NDArray[np.int64]
    """Shape (tokens of the path,): tokens of the graph that it goes through."""
    starts: NDArray[np.int64]
    """Shape (tokens,): frame in which a token is entered. Strictly increasing."""
    ends: NDArray[np.int64]
    """Shape (tokens,): frame after a token's last one; the next token's start."""
    scores: NDArray[np.float64]
    """Shape (tokens,), in 0..1: mean probability along each token's frames."""


def best_paths(
    emissions: Sequence[NDArray[np.float32]],
    tokens: Sequence[Sequence[int] | TokenGraph],
    blank: int,
    *,
    to_the_end: bool = False,
) -> list[TokenPath | UnalignableError]:
    """Find the most probable paths of several recordings together.

    Args:
        emissions: Each of shape (frames, columns): log-probabilities.
        tokens: For each, the columns of its tokens in order, or the graph of all possible token sequences.
        blank: Column of the blank.
        to_the_end: Whether all frames after the path must be blank, like those before it. whisperX's path ends freely,
            which takes speech without text at the end for the text's own less often than speech at the beginning.

    Returns:
        For each its path, or why there is none: more tokens than frames, or no finite path.
    """
    graphs = [one if isinstance(one, TokenGraph) else TokenGraph.chain(one) for one in tokens]
    found: dict[int, TokenPath | UnalignableError] = {}
    for number, (emission, graph) in enumerate(zip(emissions, graphs, strict=True)):
        reason = _unalignable_reason(len(emission), graph)
        if reason:
            found[number] = UnalignableError(reason)
    remaining = set(range(len(emissions))) - found.keys()
    # A graph that branches is many times as wide as a chain, and would pad all others of its batch to its width.
    branching = {number for number in remaining if graphs[number].predecessors}
    # Sorted by length, so that the recordings that have not ended are always the first rows.
    chains = sorted(remaining - branching, key=lambda number: -len(emissions[number]))
    for batch in (chains, *([number] for number in branching)):
        if batch:
            batch_emissions = [emissions[number] for number in batch]
            paths = _best_batch_paths(
                batch_emissions, [graphs[number] for number in batch], blank, to_the_end=to_the_end
            )
            found.update(zip(batch, paths, strict=True))
    return [found[number] for number in range(len(emissions))]


def _unalignable_reason(frames: int, graph: TokenGraph) -> str | None:
    if not len(graph.columns):
        return "nothing in its text is spoken"
    tokens = graph.min_tokens
    return f"its {tokens} characters do not fit into {frames} frames of sound" if tokens > frames else None


def _best_batch_paths(
    emissions: Sequence[NDArray[np.float32]], graphs: Sequence[TokenGraph], blank: int, *, to_the_end: bool
) -> list[TokenPath | UnalignableError]:
    """Find the best paths of one batch.

    Its recordings are sorted by length, the longest first; a graph that branches is a batch by itself.
    """
    trellis = build_trellis(emissions, graphs, blank)
    paths: list[TokenPath | UnalignableError] = []
    first = 0
    for row, (emission, graph) in enumerate(zip(emissions, graphs, strict=True)):
        scores = trellis.final_scores[: len(emission) + 1, first : first + len(graph.final)]
        first += len(graph.final)
        after = len(emission) if to_the_end else 0
        end, which = (int(index) for index in np.unravel_index(np.argmax(scores[after:]), scores[after:].shape))
        end += after
        entries = backtrack(trellis, row, graph, end, graph.final[which]) if np.isfinite(scores[end, which]) else None
        if entries is None:
            paths.append(UnalignableError("the acoustic model gave no usable probabilities"))
        else:
            last = int(entries[1][-1]) + 1 if to_the_end else end
            paths.append(_scored_path(emission[:last], graph.columns, blank, *entries))
    return paths


def _scored_path(
    emission: NDArray[np.float32],
    columns: NDArray[np.int64],
    blank: int,
    tokens: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> TokenPath:
    """Return a path with its scores; `emission` ends where the path does."""
    ends = np.append(starts[1:], len(emission))
    probability = np.exp(emission[:, blank], dtype=np.float64)
    probability[starts] = np.exp(emission[starts, columns[tokens]])
    sums = np.add.reduceat(probability, starts)
    return TokenPath(tokens, starts, ends, sums / (ends - starts))
