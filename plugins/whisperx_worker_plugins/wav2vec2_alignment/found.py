"""Whether the words of a text are in the sound that they were aligned with. Pure numpy.

A forced alignment puts any text somewhere. Two numbers, each for one character, say how well: how far its path is below
the best path of the same frames, and how far it is above paths of its own characters in random order. Both are about
the same sound and model, so noise and a weak model lower them for true and for false text alike. The limits are such
that of 750 true texts of 12 and more characters (read sentences of 27 people, telephone prompts, synthetic voices;
clean and as a noisy telephone call) none is below with the small model that is shipped, and of false ones every second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError, best_paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker_plugins.wav2vec2_alignment.sound import Sound

MIN_JUDGED = 12
"""Fewer characters may by chance be anywhere."""
_LONG = 20
_MIN_LONG, _MIN_SHORT = -3.6, -4.6
"""Least sum of both numbers for texts of `_LONG` characters and more, and for shorter ones."""
_SURE_BELOW = -2.4
"""Above this, the first number alone says that the words are there."""
_SURE_PROBABILITY = 0.45
"""Mean probability of its characters that a false text has not, whatever the model."""
_MIN_BLANK_SHARE = 0.1
"""A model that has learned something gives the blank in more of the frames; another one can say nothing of a text."""
_SHUFFLES = 5
_SHUFFLED = 200
"""Characters that are shuffled in all, or once: the longer a text, the less it matters in which order."""


@dataclass(frozen=True, eq=False)
class Path:
    """The way of a text's tokens through the frames of a sound."""

    columns: NDArray[np.int64]
    """Shape (tokens,); a column that the emissions do not have is any sound."""
    starts: NDArray[np.int64]
    """Shape (tokens,): the frame in which each is entered."""
    ends: NDArray[np.int64]
    scores: NDArray[np.float64]


def is_found(path: Path, sound: Sound, first: int, after: int, separator: int | None) -> bool:
    """Whether the sound has the text's words; true where that cannot be said.

    Args:
        path: Where the text is.
        sound: In which it is.
        first: The first frame that the text may have.
        after: The frame after the last.
        separator: Column of what stands between words.
    """
    known = path.columns < sound.emission.shape[1]
    columns, starts = path.columns[known], path.starts[known]
    count = len(columns)
    entered = sound.emission[starts, columns]
    if count < MIN_JUDGED or np.exp(entered).mean() > _SURE_PROBABILITY:
        return True
    below = below_best(path, sound)
    if below > _SURE_BELOW or sound.blank_share < _MIN_BLANK_SHARE:
        return True
    own = gain(sound.emission, columns, starts, sound.blank)
    part = sound.emission[first:after]
    at_random = _gains_at_random(part, columns, sound.blank, separator)
    above = (own - float(np.mean(at_random))) / count if at_random else 0.0
    return bool(below + above >= (_MIN_LONG if count >= _LONG else _MIN_SHORT))


def below_best(path: Path, sound: Sound) -> float:
    """Log-probability of a path below that of the best one through the same frames, for each known character."""
    count = int(np.count_nonzero(path.columns < sound.emission.shape[1]))
    loss = sound.loss[path.ends[-1]] - sound.loss[path.starts[0]]
    return float(loss + _known_gain(path, sound)) / max(1, count)


def _known_gain(path: Path, sound: Sound) -> float:
    known = path.columns < sound.emission.shape[1]
    return gain(sound.emission, path.columns[known], path.starts[known], sound.blank)


def gain(emission: NDArray[np.float32], columns: NDArray[np.int64], starts: NDArray[np.int64], blank: int) -> float:
    """Log-probability of a path over that of blanks only."""
    return float((emission[starts, columns] - emission[starts, blank]).sum(dtype=np.float64))


def _gains_at_random(
    part: NDArray[np.float32], columns: NDArray[np.int64], blank: int, separator: int | None
) -> list[float]:
    """Gains of the best paths of the same characters in some random orders, the words as long as they are."""
    draw = np.random.default_rng(len(columns))
    letters = columns != separator
    count = max(1, min(_SHUFFLES, _SHUFFLED // len(columns)))
    orders = [columns.copy() for _ in range(count)]
    for order in orders:
        order[letters] = draw.permutation(columns[letters])
    paths = best_paths([part] * len(orders), [order.tolist() for order in orders], blank, to_the_end=True)
    return [
        gain(part, order, path.starts, blank)
        for order, path in zip(orders, paths, strict=True)
        if not isinstance(path, UnalignableError)
    ]
