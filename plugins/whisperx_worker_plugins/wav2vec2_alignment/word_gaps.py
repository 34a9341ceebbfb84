"""Gaps inside words, closed by moving the letters on one side. Pure.

Speech without text costs a forced path the same wherever it is, so one letter that is weak in its own place can put the
beginning or the end of a word on the other side of a whole sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.utterance_verification import AlignmentPath, log_prob_gain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Seconds
    from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission

_MAX_GAP_S: Seconds = 0.5
"""A longer time between two letters of a word is no drawn-out letter."""
_S_PER_LETTER: Seconds = 0.16
_MAX_LOSS_PER_LETTER = 10.0
"""Log-probability that each moved letter may lose."""


def close_word_gaps(
    path: AlignmentPath, word_ranges: Sequence[tuple[int, int]], emission: TimedEmission
) -> AlignmentPath:
    """Close the gaps inside words, where the new path is about as probable.

    Args:
        path: Path of a text.
        word_ranges: First token of each word, and the one after its last.
        emission: What the path goes through.
    """
    frame_s = float(emission.ends_s[0] - emission.starts_s[0])
    max_gap, frames_per_letter = round(_MAX_GAP_S / frame_s), max(1, round(_S_PER_LETTER / frame_s))
    for gap in np.flatnonzero(np.diff(path.starts) > max_gap).tolist():
        word = next(((a, b) for a, b in word_ranges if a <= gap < b - 1), None)
        if word:
            path = _close_gap(path, word, gap, emission, frames_per_letter)
    return path


def _close_gap(
    path: AlignmentPath, word: tuple[int, int], gap: int, emission: TimedEmission, frames_per_letter: int
) -> AlignmentPath:
    """Move the letters on the side of a gap with the smaller, tolerable loss."""
    first, after = word
    columns, starts = path.columns[first:after], path.starts[first:after]
    log_probs = emission.log_probs_for(columns)
    before, behind = gap + 1 - first, after - gap - 1
    moves = [
        (int(starts[0]), min(int(starts[before - 1]) + 1 + frames_per_letter * behind, int(starts[before])), behind),
        (
            max(int(starts[before]) - frames_per_letter * before, int(starts[before - 1]) + 1),
            int(path.ends[after - 1]),
            before,
        ),
    ]
    parts = [log_probs[begin:end] for begin, end, _ in moves]
    gain = log_prob_gain(log_probs, columns, starts, emission.blank)
    found = []
    for (begin, _, moved), part, way in zip(
        moves, parts, best_paths(parts, [columns.tolist()] * 2, emission.blank), strict=True
    ):
        if not isinstance(way, UnalignableError):
            loss = gain - log_prob_gain(part, columns, way.starts, emission.blank)
            found.append((loss / moved, begin, way))
    if not found or (best := min(found, key=lambda one: one[0]))[0] > _MAX_LOSS_PER_LETTER:
        return path
    _, begin, way = best
    changed = {"starts": path.starts.copy(), "ends": path.ends.copy(), "scores": path.scores.copy()}
    changed["starts"][first:after] = way.starts + begin
    changed["ends"][first:after] = way.ends + begin
    changed["scores"][first:after] = way.scores
    return AlignmentPath(path.columns, **changed)
