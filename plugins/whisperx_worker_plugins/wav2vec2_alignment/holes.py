"""Words whose letters are together: where other speech is inside a word, the letters on one side of it are moved. Pure.

Speech that the text leaves out costs a forced path the same wherever it is, so a single letter that is hardly heard in
its own place is enough to put the beginning or the end of a word on the other side of a whole sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError, best_paths
from whisperx_worker_plugins.wav2vec2_alignment.found import Path, gain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Seconds
    from whisperx_worker_plugins.wav2vec2_alignment.sound import Sound

_MAX_HOLE_S: Seconds = 0.5
"""A longer time between two letters of a word is no drawn letter."""
_S_PER_LETTER: Seconds = 0.16
_MAX_LOSS = 10.0
"""Log-probability that a letter may lose in its new place inside of a word."""


def without_holes(path: Path, places: Sequence[tuple[int, int]], sound: Sound) -> Path:
    """A path without holes, where that is about as probable.

    Args:
        path: The way of a text's tokens.
        places: Where each word begins in the tokens, and where it ends.
        sound: What the path goes through.
    """
    frame_s = float(sound.ends_s[0] - sound.starts_s[0])
    longest, step = round(_MAX_HOLE_S / frame_s), max(1, round(_S_PER_LETTER / frame_s))
    for hole in np.flatnonzero(np.diff(path.starts) > longest).tolist():
        word = next(((a, b) for a, b in places if a <= hole < b - 1), None)
        if word:
            path = _closed(path, word, hole, sound, step)
    return path


def _closed(path: Path, word: tuple[int, int], hole: int, sound: Sound, step: int) -> Path:
    """The path with the letters of a word on one side of a hole, the better one, or as it is."""
    first, after = word
    columns, starts = path.columns[first:after], path.starts[first:after]
    emission = sound.scores(columns)
    before, behind = hole + 1 - first, after - hole - 1
    moves = [
        (int(starts[0]), min(int(starts[before - 1]) + 1 + step * behind, int(starts[before])), behind),
        (max(int(starts[before]) - step * before, int(starts[before - 1]) + 1), int(path.ends[after - 1]), before),
    ]
    parts = [emission[begin:end] for begin, end, _ in moves]
    whole = gain(emission, columns, starts, sound.blank)
    found = []
    for (begin, _, moved), part, way in zip(
        moves, parts, best_paths(parts, [columns.tolist()] * 2, sound.blank), strict=True
    ):
        if not isinstance(way, UnalignableError):
            loss = whole - gain(part, columns, way.starts, sound.blank)
            found.append((loss / moved, begin, way))
    if not found or (best := min(found, key=lambda one: one[0]))[0] > _MAX_LOSS:
        return path
    _, begin, way = best
    changed = {"starts": path.starts.copy(), "ends": path.ends.copy(), "scores": path.scores.copy()}
    changed["starts"][first:after] = way.starts + begin
    changed["ends"][first:after] = way.ends + begin
    changed["scores"][first:after] = way.scores
    return Path(path.columns, **changed)
