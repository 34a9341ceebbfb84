"""Distance of sounds: edits of phones, weighted by how easily one is taken for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.vocabulary.phones import CONSONANTS, PHONES, VOWELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NEAR = {
    0.05: "иы",
    0.15: "ао эи эы",
    0.2: "бп вф гк дт жш зс жџ",
    0.3: "чџ чщ шщ йи аэ",
    0.4: "аи сш зж цс гх кх мн оу эо чш цч ву",
    0.5: "рл цт чт бв аы зш сж",
    0.6: "ау иу тк пк дг бг фп фх лв",
}
"""Costs of exchanging two phones, the cheaper first: reduction without stress, voice, manner, place."""
_OTHER_VOWEL, _OTHER_CONSONANT, _VOWEL_FOR_CONSONANT = 0.7, 1.0, 1.2
_GAP_VOWEL, _GAP_GLIDE, _GAP_CONSONANT = 0.5, 0.3, 0.8


PARTS = 4
"""Parts of the pairs, by length."""
_CODES = np.full(max(map(ord, PHONES)) + 1, len(PHONES), np.int8)
_CODES[[ord(phone) for phone in PHONES]] = range(len(PHONES))
"""Index of each phone by its code point; the one of padding elsewhere."""


def _exchange_costs() -> NDArray[np.float32]:
    """Return the cost of exchanging two phones.

    Shape (phones + 1, phones + 1); the last index is padding, which no phone may be exchanged for.
    """
    costs = np.full((len(PHONES) + 1,) * 2, _VOWEL_FOR_CONSONANT, np.float32)
    for same_kind, cost in ((VOWELS, _OTHER_VOWEL), (CONSONANTS, _OTHER_CONSONANT)):
        of_kind = [PHONES.index(phone) for phone in same_kind]
        costs[np.ix_(of_kind, of_kind)] = cost
    for cost, pairs in reversed(_NEAR.items()):
        for pair in pairs.split():
            a, b = map(PHONES.index, pair)
            costs[a, b] = costs[b, a] = cost
    costs[-1] = costs[:, -1] = np.inf
    np.fill_diagonal(costs, 0.0)
    return costs


EXCHANGE = _exchange_costs()
GAP = np.array(
    [_GAP_VOWEL if p in VOWELS else _GAP_GLIDE if p == "й" else _GAP_CONSONANT for p in PHONES] + [0.0], np.float32
)
"""Cost of a phone that only one of the two sounds has; the last one is padding."""


def encode(sounds: Sequence[str]) -> NDArray[np.int8]:
    """Return sounds as indices of phones, shape (sounds, longest), padded at the end."""
    longest = max(map(len, sounds), default=0)
    if not longest:
        return np.empty((len(sounds), 0), np.int8)
    codes: NDArray[np.int8] = _CODES[np.array(sounds, f"<U{longest}").view("<u4").reshape(len(sounds), longest)]
    return codes


def pair_distances(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float32]:
    """Return the weighted edit distances of pairs of sounds.

    Returns:
        Distances, shape (pairs,): 0 for the same sound, about 1 for each other consonant.
    """
    longest = np.array([max(pair) for pair in zip(map(len, first), map(len, second), strict=True)], int)
    distances = np.zeros(len(longest), np.float32)
    # Together with much longer ones, short sounds would be mostly padding.
    for pairs in np.array_split(np.argsort(longest, kind="stable"), PARTS):
        distances[pairs] = _fill_tables(
            encode([first[pair] for pair in pairs]), encode([second[pair] for pair in pairs])
        )
    return distances


def _fill_tables(first: NDArray[np.int8], second: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return the distance of each row of `first` to the same row of `second`.

    All pairs go through the Wagner-Fischer table together. Padding costs nothing, so that the last cell of the table is
    the distance of sounds of any length.

    Args:
        first: Encoded sounds, shape (pairs, phones).
        second: Encoded sounds, shape (pairs, other phones).
    """
    above = np.cumsum(np.pad(GAP[second], ((0, 0), (1, 0))), axis=1)
    for i in range(first.shape[1]):
        phone = first[:, i]
        row = np.empty_like(above)
        row[:, 0] = above[:, 0] + GAP[phone]
        for j in range(second.shape[1]):
            other = second[:, j]
            exchanged = above[:, j] + EXCHANGE[phone, other]
            row[:, j + 1] = np.minimum(exchanged, np.minimum(above[:, j + 1] + GAP[phone], row[:, j] + GAP[other]))
        above = row
    return above[:, -1]
