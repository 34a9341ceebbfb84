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


def best_paths(
    emissions: Sequence[NDArray[np.float32]], tokens: Sequence[Sequence[int]], blank: int
) -> list[TokenTimes | UnalignableError]:
    """Find the most probable way through all tokens in order, of several recordings at once.

    Args:
        emissions: Each of shape (frames, columns): log-probabilities.
        tokens: For each, the column of each character.
        blank: Column of the blank.

    Returns:
        For each its path, or why there is none: more tokens than frames, or no finite path.
    """
    found: dict[int, TokenTimes | UnalignableError] = {}
    for place, (emission, spelled) in enumerate(zip(emissions, tokens, strict=True)):
        why = _why_not(len(emission), len(spelled))
        if why:
            found[place] = UnalignableError(why)
    # The longest first, so that those still going on are always the first rows.
    left = sorted(set(range(len(emissions))) - found.keys(), key=lambda place: -len(emissions[place]))
    columns = [np.asarray(tokens[place], dtype=np.int64) for place in left]
    heard = [emissions[place] for place in left]
    if left:
        moved, ending = _trellis(heard, columns, blank)
        for row, place in enumerate(left):
            found[place] = _path(heard[row], columns[row], blank, moved[:, row], ending[: len(heard[row]) + 1, row])
    return [found[place] for place in range(len(emissions))]


def best_path(emission: NDArray[np.float32], tokens: Sequence[int], blank: int) -> TokenTimes:
    """`best_paths` of one recording.

    Raises:
        UnalignableError: When there is no path.
    """
    (path,) = best_paths([emission], [tokens], blank)
    if isinstance(path, UnalignableError):
        raise path
    return path


def _why_not(frames: int, tokens: int) -> str | None:
    if not tokens:
        return "nothing in its text is spoken"
    return f"its {tokens} characters do not fit into {frames} frames of sound" if tokens > frames else None


def _path(
    emission: NDArray[np.float32],
    columns: NDArray[np.int64],
    blank: int,
    moved: NDArray[np.bool_],
    ending: NDArray[np.float32],
) -> TokenTimes | UnalignableError:
    """Read one recording's path off the trellis, from its best end back."""
    end = int(np.argmax(ending))
    starts = _entered(moved, len(columns), end) if np.isfinite(ending[end]) else None
    if starts is None:
        return UnalignableError("the acoustic model gave no usable probabilities")
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
    emissions: Sequence[NDArray[np.float32]], columns: Sequence[NDArray[np.int64]], blank: int
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Score all partial paths, frame by frame, of all recordings at once: one call of numpy costs more than its work.

    Args:
        emissions: The longest first.
        columns: The tokens of each.
        blank: Column of the blank.

    Returns:
        `moved`, shape (frames, recordings, tokens): whether the best way to have entered token j by frame t enters it
        in t. And `ending`, shape (frames + 1, recordings): the score of all tokens after so many frames.
    """
    frames, width = len(emissions[0]), max(map(len, columns))
    waited = [
        np.concatenate([[0.0], np.cumsum(one[:, blank], dtype=np.float64)]).astype(np.float32) for one in emissions
    ]
    moved = np.empty((frames, len(emissions), width), dtype=np.bool_)
    ending = np.full((frames + 1, len(emissions)), -np.inf, dtype=np.float32)
    # The order of additions and the float32 are whisperX's: where emissions are flat, rounding decides.
    row = np.full((len(emissions), width + 1), -np.inf, dtype=np.float32)
    flat = row.reshape(-1)
    last = np.arange(len(emissions)) * (width + 1) + [len(one) for one in columns]
    for first in range(0, frames, _BLOCK):
        going = sum(len(one) > first for one in emissions)
        size = min(_BLOCK, frames - first)
        entered = np.empty((size, going, width), dtype=np.float32)
        stay = np.zeros((size, going, 1), dtype=np.float32)
        waiting = np.zeros((size, going), dtype=np.float32)
        for place, tokens in enumerate(columns[:going]):
            part = emissions[place][first : first + size]
            entered[: len(part), place, : len(tokens)] = part.take(tokens, axis=1)
            entered[len(part) :, place], entered[:, place, len(tokens) :] = -np.inf, -np.inf
            stay[: len(part), place, 0] = part[:, blank]
            waiting[: len(part), place] = waited[place][first : first + len(part)]
        here, before, start = row[:going, 1:], row[:going, :-1], row[:going, 0]
        stayed, changed = np.empty((2, going, width), dtype=np.float32)
        for t in range(size):
            start[:] = waiting[t]
            np.add(here, stay[t], out=stayed)
            np.add(before, entered[t], out=changed)
            np.greater(changed, stayed, out=moved[first + t, :going])
            np.maximum(changed, stayed, out=here)
            ending[first + t + 1] = flat[last]
    return moved, ending


def _entered(moved: NDArray[np.bool_], count: int, end: int) -> NDArray[np.int64] | None:
    """Follow the best path back from its last frame.

    Args:
        moved: Shape (frames, tokens or more).
        count: Tokens.
        end: Frames of the path.

    Returns:
        Shape (tokens,): the frame in which each token is entered; None where it never enters the first.
    """
    starts = np.empty(count, dtype=np.int64)
    token = count - 1
    for t in range(end - 1, -1, -1):
        if moved[t, token]:
            starts[token] = t
            token -= 1
            if token < 0:
                return starts
    return None
