"""Grouping of voices by person: the same for the same voices, in whatever order they came. Pure.

The voices of one person are joined by average linkage: the two groups with the highest mean score are joined first,
until no two reach the threshold. Below it groups of several voices may still be joined (`joining`). What must be
together is one item from the start; what cannot be together has a distance that no mean brings below the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.voices.constraints import Constraints
from whisperx_worker.voices.joining import joined_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds
    from whisperx_worker.voices.scoring import Scorer

_NEVER = 1e12
"""Distance that stays above every threshold in the mean of a million pairs."""
MIN_ESTABLISHED = 2
"""Voices of a group that a single voice may be uncertain about."""


@dataclass(frozen=True, eq=False)
class GroupedVoice:
    """What grouping needs of one voice."""

    embedding: NDArray[np.float32] = field(repr=False)
    """Shape (d,), of length 1."""
    speech_s: Seconds
    recording: bytes | None
    """Hash of its recording; None for an enrolled one."""
    label: str | None
    """Speaker label in the recording; voices of one recording with different labels are two people's."""
    anchor: int | None = None
    """Person who has it by enrolment or by name."""


@dataclass(frozen=True)
class Link:
    """Decision of a person about two voices."""

    together: bool
    first: int
    """Index of a voice."""
    second: int


@dataclass(frozen=True)
class Doubt:
    """Voice that may be another group's, with the two best ones."""

    candidates: tuple[tuple[int, float], ...]
    """Groups with their scores, the best first; at most two."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Voices by person."""

    groups: NDArray[np.intp]
    """Group of each voice, shape (voices,)."""
    doubts: dict[int, Doubt]
    """By index of the voice."""


def group_voices(voices: Sequence[GroupedVoice], links: Sequence[Link], scorer: Scorer) -> Grouping:
    """Group voices by person.

    Args:
        voices: All of one speaker model.
        links: Decisions of a person, the oldest first; a later one wins.
        scorer: Scores of the model's embeddings.
    """
    if not voices:
        return Grouping(np.zeros(0, np.intp), {})
    # Sums and ties must not depend on the order of the voices.
    order = sorted(range(len(voices)), key=lambda index: _content(voices[index]))
    place = {index: position for position, index in enumerate(order)}
    ordered = [voices[index] for index in order]
    moved = [Link(link.together, place[link.first], place[link.second]) for link in links]
    items, apart = constraints_of(ordered, moved).components()
    means = np.stack([_mean([ordered[at] for at in np.flatnonzero(items == item)]) for item in range(len(apart))])
    scores = scorer.scores(means, means)
    scores = np.where(apart, np.nan, (scores + scores.T) / 2)
    anchored = {int(items[at]) for at, voice in enumerate(ordered) if voice.anchor is not None}
    sizes = np.bincount(items)
    item_groups = joined_groups(scores, _linked(scores, scorer.threshold), sizes, anchored, scorer)
    doubts = _doubts(scores, item_groups, sizes, anchored, scorer)
    by_voice = {order[at]: doubts[int(item)] for at, item in enumerate(items) if int(item) in doubts}
    groups = item_groups[items]
    return Grouping(groups[[place[index] for index in range(len(voices))]], by_voice)


def constraints_of(voices: Sequence[GroupedVoice], links: Sequence[Link]) -> Constraints:
    """Return all constraints: decisions, the latest first, then people with names, then labels of one recording."""
    constraints = Constraints(len(voices))
    for link in reversed(links):
        (constraints.join if link.together else constraints.part)(link.first, link.second)
    anchored = _by_key((voice.anchor, at) for at, voice in enumerate(voices) if voice.anchor is not None)
    for own in anchored.values():
        constraints.join_all(own)
    first_of = [own[0] for own in anchored.values()]
    _part_all(constraints, first_of)
    recorded = _by_key((voice.recording, at) for at, voice in enumerate(voices) if voice.recording and voice.label)
    for own in recorded.values():
        _part_all(constraints, own)
    return constraints


def _part_all(constraints: Constraints, voices: Sequence[int]) -> None:
    for at, first in enumerate(voices):
        for second in voices[at + 1 :]:
            constraints.part(first, second)


def _by_key(pairs: Iterable[tuple[object, int]]) -> dict[object, list[int]]:
    found: dict[object, list[int]] = {}
    for key, index in pairs:
        found.setdefault(key, []).append(index)
    return found


def _content(voice: GroupedVoice) -> tuple[bytes, str, bytes]:
    return voice.recording or b"", voice.label or "", voice.embedding.tobytes()


def _mean(voices: Sequence[GroupedVoice]) -> NDArray[np.float32]:
    """Return the mean direction of voices by their seconds, shape (d,), of length 1."""
    weights = np.asarray([max(voice.speech_s, 1e-3) for voice in voices])
    total = weights @ np.stack([voice.embedding for voice in voices]).astype(np.float64)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _linked(scores: NDArray[np.float64], threshold: float) -> NDArray[np.intp]:
    """Return the group of each item, shape (items,), numbered by first item."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(scores) == 1:
        return np.zeros(1, np.intp)
    top = float(np.nanmax(scores))
    distances = np.where(np.isnan(scores), _NEVER, top - scores)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average")
    found = fcluster(tree, top - threshold, "distance")
    number = {group: index for index, group in enumerate(dict.fromkeys(found.tolist()))}
    return np.asarray([number[group] for group in found.tolist()], np.intp)


def _doubts(
    scores: NDArray[np.float64],
    groups: NDArray[np.intp],
    voices: NDArray[np.intp],
    anchored: set[int],
    scorer: Scorer,
) -> dict[int, Doubt]:
    """Return the items of one voice that may belong to another group, by item.

    The other group has a name or several voices, and the item is nearer to it than to the rest of its own group, or,
    where it is alone, nearly near enough. So may one that is in a group with a name, by too low a score for one of so
    many names.

    Args:
        scores: Shape (items, items); NaN where two cannot be together.
        groups: Shape (items,).
        voices: How many voices each item has, shape (items,).
        anchored: Items of people with names.
        scorer: Scores of the model's embeddings.
    """
    members = np.eye(int(groups.max()) + 1)[groups]
    blocked = np.isnan(scores)
    known = np.where(blocked, 0.0, scores)
    own_place = np.arange(len(groups)), groups
    sums, counts = known @ members, np.tile(members.sum(axis=0), (len(groups), 1))
    sums[own_place] -= known.diagonal()
    counts[own_place] -= 1
    means = np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf)
    means[blocked.astype(np.float64) @ members > 0] = -np.inf
    named = {int(groups[item]) for item in anchored}
    sizes = voices @ members
    established = np.asarray([group in named or size >= MIN_ESTABLISHED for group, size in enumerate(sizes)])
    name_threshold = scorer.name_threshold(len(named))
    found = {}
    for item in np.flatnonzero(voices == 1):
        if item in anchored:
            continue
        own = float(means[item, groups[item]])
        row = np.where(established, means[item], -np.inf)
        row[groups[item]] = -np.inf
        best = [int(group) for group in np.argsort(-row, kind="stable")[:2] if np.isfinite(row[group])]
        is_alone = not np.isfinite(own)
        if groups[item] in named and own < name_threshold:
            ranked = [(int(groups[item]), own), *((group, float(row[group])) for group in best)]
            found[int(item)] = Doubt(tuple(sorted(ranked, key=lambda pair: -pair[1])[:2]))
            continue
        floor = scorer.threshold - scorer.uncertain_below if is_alone else own
        if best and row[best[0]] >= floor:
            ranked = [(group, float(row[group])) for group in best]
            mine = [] if is_alone else [(int(groups[item]), own)]
            found[int(item)] = Doubt(tuple(sorted(ranked + mine, key=lambda pair: -pair[1])[:2]))
    return found
