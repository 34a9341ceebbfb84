"""The best path of known characters through CTC emissions. Pure numpy; knows neither text nor sound.

The path is whisperX's, so that times agree with it: a character is entered in exactly one frame, every frame after
that until the next character counts as blank, and both the beginning and the end are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import WorkerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


_BLOCK = 512
"""Frames whose characters are looked up at once: many enough to be fast, few enough to bound memory."""


class UnalignableError(WorkerError, ValueError):
    """Why one segment cannot be aligned, as the part of a sentence that follows "could not be aligned:"."""


@dataclass(frozen=True, eq=False)
class TokenTimes:
    """Where each token of a path lies, in frames."""

    starts: NDArray[np.int64]
    """Shape (tokens,): the frame in which a token is entered. Strictly increasing."""
    ends: NDArray[np.int64]
    """Shape (tokens,): the frame after a token's last one; the next token's start."""
    scores: NDArray[np.float64]
    """Shape (tokens,), in 0..1: mean probability along the token's part of the path."""


def best_path(emission: NDArray[np.float32], tokens: Sequence[int], blank: int) -> TokenTimes:
    """Find the most probable way through all tokens in order.

    Args:
        emission: Shape (frames, columns): log-probabilities.
        tokens: Column of each character.
        blank: Column of the blank.

    Raises:
        UnalignableError: When there are more tokens than frames, or no finite path.
    """
    frames = len(emission)
    if not tokens:
        raise UnalignableError("nothing in its text is spoken")
    if len(tokens) > frames:
        raise UnalignableError(f"its {len(tokens)} characters do not fit into {frames} frames of sound")
    columns = np.asarray(tokens, dtype=np.int64)
    moved, ending = _trellis(emission, columns, blank)
    end = int(np.argmax(ending))
    if not np.isfinite(ending[end]):
        raise UnalignableError("the acoustic model gave no usable probabilities")
    starts = _entered(moved, end)
    ends = np.append(starts[1:], end)
    probability = np.exp(emission[:end, blank], dtype=np.float64)
    probability[starts] = np.exp(emission[starts, columns])
    sums = np.add.reduceat(probability, starts)
    return TokenTimes(starts, ends, sums / (ends - starts))


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


def _trellis(
    emission: NDArray[np.float32], columns: NDArray[np.int64], blank: int
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Score all partial paths, one row of tokens at a time.

    Returns:
        `moved`, shape (frames, tokens): whether the best way to have entered token j by frame t enters it in t. And
        `ending`, shape (frames + 1,): the score of all tokens after so many frames.
    """
    frames, count = len(emission), len(columns)
    stay = np.ascontiguousarray(emission[:, blank])
    waiting = np.concatenate([[0.0], np.cumsum(stay, dtype=np.float64)]).astype(np.float32)
    moved = np.empty((frames, count), dtype=np.bool_)
    ending = np.full(frames + 1, -np.inf, dtype=np.float32)
    # The order of additions and the float32 are whisperX's: where emissions are flat, rounding decides.
    row = np.full(count + 1, -np.inf, dtype=np.float32)
    here, before = row[1:], row[:-1]
    stayed, changed = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.float32)
    for first in range(0, frames, _BLOCK):
        for t, entered in enumerate(emission[first : first + _BLOCK, columns], start=first):
            row[0] = waiting[t]
            np.add(here, stay[t], out=stayed)
            np.add(before, entered, out=changed)
            np.greater(changed, stayed, out=moved[t])
            np.maximum(changed, stayed, out=here)
            ending[t + 1] = row[-1]
    return moved, ending


def _entered(moved: NDArray[np.bool_], end: int) -> NDArray[np.int64]:
    """Follow the best path back from its last frame.

    Returns:
        Shape (tokens,): the frame in which each token is entered.
    """
    starts = np.empty(moved.shape[1], dtype=np.int64)
    token = moved.shape[1] - 1
    for t in range(end - 1, -1, -1):
        if moved[t, token]:
            starts[token] = t
            token -= 1
            if token < 0:
                return starts
    raise UnalignableError("the acoustic model gave no usable probabilities")
