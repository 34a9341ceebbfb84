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


_BLOCK = 64
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
            score = ending[: len(heard[row]) + 1, row]
            end = int(np.argmax(score))
            starts = _entered(moved, row, len(columns[row]), end) if np.isfinite(score[end]) else None
            if starts is None:
                found[place] = UnalignableError("the acoustic model gave no usable probabilities")
            else:
                found[place] = _path(heard[row][:end], columns[row], blank, starts)
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
    emission: NDArray[np.float32], columns: NDArray[np.int64], blank: int, starts: NDArray[np.int64]
) -> TokenTimes:
    """A path and its scores; `emission` ends where the path does."""
    ends = np.append(starts[1:], len(emission))
    probability = np.exp(emission[:, blank], dtype=np.float64)
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
        `moved`, shape (frames, recordings, tokens + 1): whether the best way to have entered token j by frame t enters
        it in t. And `ending`, shape (frames + 1, recordings): the score of all tokens after so many frames.
    """
    # Every row begins with a cell for no token yet, and all rows are one flat array: so the tokens before are the same
    # array one cell earlier, also between rows, where what comes out is written over in the next frame.
    frames, rows, width = len(emissions[0]), len(emissions), 1 + max(map(len, columns))
    waited = [
        np.concatenate([[0.0], np.cumsum(one[:, blank], dtype=np.float64)]).astype(np.float32) for one in emissions
    ]
    moved = np.empty((frames, rows * width), dtype=np.bool_)
    ending = np.full((frames + 1, rows), -np.inf, dtype=np.float32)
    # The order of additions and the float32 are whisperX's: where emissions are flat, rounding decides.
    cells = np.full(rows * width, -np.inf, dtype=np.float32)
    last = np.array([row * width + len(one) for row, one in enumerate(columns)], dtype=np.intp)
    # What stands here after a recording's end reaches nothing that is read.
    block = min(_BLOCK, frames)
    entered = np.full((block, rows, width), -np.inf, dtype=np.float32)
    stay = np.zeros((block, rows, 1), dtype=np.float32)
    waiting = np.zeros((block, rows), dtype=np.float32)
    for first in range(0, frames, block):
        going = sum(len(one) > first for one in emissions)
        for place, tokens in enumerate(columns[:going]):
            part = emissions[place][first : first + block]
            entered[: len(part), place, : len(tokens)] = part.take(tokens, axis=1)
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
            np.greater(changed, stayed_here, out=moved[first + t, : len(here)])
            np.maximum(changed, stayed_here, out=here)
            cells.take(last, out=ending[first + t + 1], mode="clip")
    return moved.reshape(frames, rows, width), ending


def _entered(moved: NDArray[np.bool_], row: int, count: int, end: int) -> NDArray[np.int64] | None:
    """Follow the best path of one recording back from its last frame.

    Args:
        moved: Shape (frames, recordings, tokens or more).
        row: Which recording.
        count: Its tokens.
        end: Frames of the path.

    Returns:
        Shape (tokens,): the frame in which each token is entered; None where it never enters the first.
    """
    _, rows, width = moved.shape
    steps = moved.data.cast("B")  # whose single items are read three times as fast
    place = ((end - 1) * rows + row) * width + count - 1
    starts: list[int] = []
    for t in range(end - 1, -1, -1):
        if steps[place]:
            starts.append(t)
            if len(starts) == count:
                return np.array(starts[::-1], dtype=np.int64)
            place -= 1
        place -= rows * width
    return None
