"""Coarse features of sounds: pairs of neighbouring consonants, by which likely matches are found quickly."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CLASSES = ("бп", "вф", "дт", "гкх", "зсц", "жшщчџ", "мн", "р", "л")
"""Consonants that are taken for one another; vowels and й are left out."""
_EDGE = len(_CLASSES)
_CLASS_OF = {ord(phone): chr(number) for number, phones in enumerate(_CLASSES) for phone in phones}
_LEFT_OUT = dict.fromkeys(map(ord, "аоуэиый"))


def skeleton_bigrams(sounds: Sequence[str]) -> NDArray[np.float32]:
    """Return which pairs of consonant classes each sound has, shape (sounds, pairs), 0 or 1.

    Begin and end of the sound count as a class of their own.
    """
    kinds = _EDGE + 1
    features = np.zeros((len(sounds), kinds * kinds), np.float32)
    table = {**_LEFT_OUT, **_CLASS_OF}
    for row, sound in enumerate(sounds):
        classes = [_EDGE, *map(ord, sound.translate(table)), _EDGE]
        features[row, [first * kinds + second for first, second in itertools.pairwise(classes)]] = 1.0
    return features
