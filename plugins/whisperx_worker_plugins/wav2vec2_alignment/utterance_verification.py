"""Verification that the words of a text are in its audio. Pure numpy.

A forced alignment gives any text a path. Two numbers per character rate the path: its log-probability below that of
the best path of the same frames, and above that of its own characters in random order. Both are about the same audio
and model, so noise and a weak model lower them for true and for false text alike. The limits are such that of 750 true
texts of 12 and more characters (read sentences of 27 people, telephone prompts, synthetic voices; clean and as a noisy
telephone call) none is rejected with the small model that is shipped, and of false ones every second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission

MIN_CHARACTERS = 12
"""A shorter text is not verified: it may by chance be anywhere."""
_LONG_TEXT_CHARACTERS = 20
_MIN_SCORE_OF_LONG, _MIN_SCORE_OF_SHORT = -3.6, -4.6
"""Minimum sum of both numbers, for texts of `_LONG_TEXT_CHARACTERS` and for shorter ones."""
_SUFFICIENT_RELATIVE_LOG_PROB = -2.4
"""Above this, the first number alone verifies the text."""
_SUFFICIENT_PROBABILITY = 0.45
"""Mean probability of its characters that no false text reaches."""
_MIN_BLANK_SHARE = 0.1
"""Minimum share of blank frames; an untrained model has less and verifies nothing."""
_MAX_SHUFFLES = 5
_MAX_SHUFFLED_CHARACTERS = 200
"""Characters in all shuffles of a text; a longer text is shuffled only one time.

The longer a text, the less its order matters.
"""


@dataclass(frozen=True, eq=False)
class AlignmentPath:
    """Path of a text's tokens through the frames of an emission."""

    columns: NDArray[np.int64]
    """Shape (tokens,); a column that the emission does not have is the wildcard."""
    starts: NDArray[np.int64]
    """Shape (tokens,): frame in which each is entered."""
    ends: NDArray[np.int64]
    """Shape (tokens,): frame after the last one of each."""
    scores: NDArray[np.float64]
    """Shape (tokens,), in 0..1: mean probability of each."""


def is_text_present(
    path: AlignmentPath, emission: TimedEmission, first: int, after: int, separator: int | None
) -> bool:
    """Return whether the audio has the text's words; true where that is unknown.

    Args:
        path: The text's path.
        emission: What the path goes through.
        first: The first frame that the text may have.
        after: The frame after the last.
        separator: Column of the separator between words.
    """
    known = path.columns < emission.log_probs.shape[1]
    columns, starts = path.columns[known], path.starts[known]
    count = len(columns)
    entered = emission.log_probs[starts, columns]
    if count < MIN_CHARACTERS or np.exp(entered).mean() > _SUFFICIENT_PROBABILITY:
        return True
    below_best = relative_log_prob(path, emission)
    if below_best > _SUFFICIENT_RELATIVE_LOG_PROB or emission.blank_share < _MIN_BLANK_SHARE:
        return True
    gain = log_prob_gain(emission.log_probs, columns, starts, emission.blank)
    part = emission.log_probs[first:after]
    shuffled = _shuffled_gains(part, columns, emission.blank, separator)
    above_shuffled = (gain - float(np.mean(shuffled))) / count if shuffled else 0.0
    min_score = _MIN_SCORE_OF_LONG if count >= _LONG_TEXT_CHARACTERS else _MIN_SCORE_OF_SHORT
    return bool(below_best + above_shuffled >= min_score)


def relative_log_prob(path: AlignmentPath, emission: TimedEmission) -> float:
    """Return a path's log-probability per character, relative to the best path of its frames.

    Only characters of the alphabet count.
    """
    count = int(np.count_nonzero(path.columns < emission.log_probs.shape[1]))
    loss = emission.cumulative_loss[path.ends[-1]] - emission.cumulative_loss[path.starts[0]]
    return float(loss + _known_gain(path, emission)) / max(1, count)


def _known_gain(path: AlignmentPath, emission: TimedEmission) -> float:
    known = path.columns < emission.log_probs.shape[1]
    return log_prob_gain(emission.log_probs, path.columns[known], path.starts[known], emission.blank)


def log_prob_gain(
    emission: NDArray[np.float32], columns: NDArray[np.int64], starts: NDArray[np.int64], blank: int
) -> float:
    """Return the log-probability of a path above that of blanks only."""
    return float((emission[starts, columns] - emission[starts, blank]).sum(dtype=np.float64))


def _shuffled_gains(
    part: NDArray[np.float32], columns: NDArray[np.int64], blank: int, separator: int | None
) -> list[float]:
    """Return the gains of shuffled characters' best paths, in words of the same lengths."""
    draw = np.random.default_rng(len(columns))
    letters = columns != separator
    count = max(1, min(_MAX_SHUFFLES, _MAX_SHUFFLED_CHARACTERS // len(columns)))
    orders = [columns.copy() for _ in range(count)]
    for order in orders:
        order[letters] = draw.permutation(columns[letters])
    paths = best_paths([part] * len(orders), [order.tolist() for order in orders], blank, to_the_end=True)
    return [
        log_prob_gain(part, order, path.starts, blank)
        for order, path in zip(orders, paths, strict=True)
        if not isinstance(path, UnalignableError)
    ]
