"""Placement of a group's texts in its emission: jointly, then the absent ones alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import build_text_graph
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import WILDCARD
from whisperx_worker_plugins.wav2vec2_alignment.utterance_verification import (
    AlignmentPath,
    is_text_present,
    relative_log_prob,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Seconds
    from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission
    from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import TokenPath
    from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import AlignableText
    from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet
    from whisperx_worker_plugins.wav2vec2_alignment.text.text_graph import TextGraph

_MAX_ROUNDS = 3
"""Joint placements, each without the absent texts of the one before."""
_SEARCH_MARGIN_S: Seconds = 1.0
"""Time around its segment in which an absent text is searched alone."""
_NOT_FOUND = "its words were not found in the sound"


@dataclass(frozen=True, eq=False)
class PlacementTask:
    """Consecutive texts, and the frames of an emission in which to place them."""

    texts: Sequence[AlignableText]
    emission: TimedEmission
    first: int
    """The first frame that the texts may have."""
    after: int
    """The frame after the last."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Path of one text through an emission."""

    path: AlignmentPath
    word_ranges: Sequence[tuple[int, int]]
    """First token of each word, and the one after its last."""


Placements: TypeAlias = "list[Placement | UnalignableError]"
"""For each text its placement, or why it has none."""


def place_jointly(tasks: Sequence[PlacementTask], alphabet: Alphabet) -> list[list[Placement] | UnalignableError]:
    """Place the texts of each task along one path, or return why there is none."""
    text_graphs = [build_text_graph(task.texts, alphabet) for task in tasks]
    emissions, graphs = [], []
    for task, text_graph in zip(tasks, text_graphs, strict=True):
        graph = text_graph.graph
        if (graph.columns == WILDCARD).any():
            wildcard = task.emission.log_probs.shape[1]
            graph = replace(graph, columns=np.where(graph.columns == WILDCARD, wildcard, graph.columns))
        emissions.append(task.emission.log_probs_for(graph.columns)[task.first : task.after])
        graphs.append(graph)
    paths = best_paths(emissions, graphs, alphabet.blank, to_the_end=True)
    return [
        path if isinstance(path, UnalignableError) else _split_path(task, text_graph, graph.columns, path)
        for task, text_graph, graph, path in zip(tasks, text_graphs, graphs, paths, strict=True)
    ]


def _split_path(
    task: PlacementTask, text_graph: TextGraph, columns: NDArray[np.int64], path: TokenPath
) -> list[Placement]:
    """Split the path of several texts into the path of each."""
    counts = [len(text.words) for text in task.texts]
    all_ranges = text_graph.word_ranges(path, sum(counts))
    path_columns, word = columns[path.tokens], 0
    found = []
    for count in counts:
        ranges = all_ranges[word : word + count]
        first, after = ranges[0][0], ranges[-1][1]
        part = slice(first, after)
        found.append(
            Placement(
                AlignmentPath(
                    path_columns[part],
                    path.starts[part] + task.first,
                    path.ends[part] + task.first,
                    path.scores[part],
                ),
                [(a - first, b - first) for a, b in ranges],
            )
        )
        word += count
    return found


def place_texts(
    texts: Sequence[AlignableText],
    emission: TimedEmission,
    joint: list[Placement] | UnalignableError,
    alphabet: Alphabet,
) -> Placements:
    """Place each text, so that absent texts do not displace their neighbours.

    Args:
        texts: In the order in which they are spoken.
        emission: The group's emission.
        joint: Their joint placement, as returned by `place_jointly`.
        alphabet: The acoustic model's characters.

    Returns:
        For each text its placement, or why it has none.
    """
    if isinstance(joint, UnalignableError):
        return [joint] if len(texts) == 1 else _place_within_segments(texts, emission, alphabet)
    placements = _place_without_absent(texts, emission, joint, alphabet)
    if len(texts) == 1 or not any(isinstance(one, UnalignableError) for one in placements):
        return placements
    # A false text may take the audio of a true one, which then counts as absent: the segments' times decide.
    return max(placements, _place_within_segments(texts, emission, alphabet), key=partial(_quality, emission=emission))


def _quality(placements: Placements, emission: TimedEmission) -> tuple[int, float]:
    """Return the number of placed texts, and their mean relative log-probability."""
    paths = [one.path for one in placements if isinstance(one, Placement)]
    below_best = [relative_log_prob(path, emission) for path in paths]
    return len(paths), sum(below_best) / len(below_best) if below_best else 0.0


def _place_within_segments(texts: Sequence[AlignableText], emission: TimedEmission, alphabet: Alphabet) -> Placements:
    """Place each text within its segment's times."""
    tasks: list[PlacementTask] = []
    for text in texts:
        first, after = emission.frames_within(text.span.start, text.span.end)
        tasks.append(PlacementTask([text], emission, max([first, *(task.after for task in tasks[-1:])]), after))
    placements: Placements = []
    for task, placed in zip(tasks, place_jointly(tasks, alphabet), strict=True):
        if isinstance(placed, UnalignableError):
            placements.append(placed)
        elif is_text_present(placed[0].path, emission, task.first, task.after, alphabet.separator):
            placements.append(placed[0])
        else:
            placements.append(UnalignableError(_NOT_FOUND))
    return placements


def _place_without_absent(
    texts: Sequence[AlignableText], emission: TimedEmission, joint: list[Placement], alphabet: Alphabet
) -> Placements:
    """Place the present texts jointly, and each other one in the remaining frames."""
    present = dict(enumerate(joint))
    for _ in range(_MAX_ROUNDS):
        absent = _absent_texts(present, emission, alphabet)
        if not absent:
            break
        remaining = [number for number in present if number not in absent]
        tasks = (
            [PlacementTask([texts[number] for number in remaining], emission, 0, len(emission.log_probs))]
            if remaining
            else []
        )
        again = next(iter(place_jointly(tasks, alphabet)), UnalignableError(_NOT_FOUND))
        present = {} if isinstance(again, UnalignableError) else dict(zip(remaining, again, strict=True))
    alone: dict[int, Placement | UnalignableError] = {}
    for number in sorted(set(range(len(texts))) - present.keys()):
        placement = alone[number] = _place_alone(number, texts[number], present, emission, alphabet)
        if not isinstance(placement, UnalignableError):
            present[number] = placement
    return [present.get(number) or alone[number] for number in range(len(texts))]


def _absent_texts(placed: Mapping[int, Placement], emission: TimedEmission, alphabet: Alphabet) -> list[int]:
    return [
        number
        for number, placement in placed.items()
        if not is_text_present(placement.path, emission, *free_frames(number, placed, emission), alphabet.separator)
    ]


def free_frames(number: int, placed: Mapping[int, Placement], emission: TimedEmission) -> tuple[int, int]:
    """Return the first frame after the text before, and the next text's first."""
    before = max((one for one in placed if one < number), default=None)
    after = min((one for one in placed if one > number), default=None)
    return (
        0 if before is None else int(placed[before].path.starts[-1]) + 1,
        len(emission.log_probs) if after is None else int(placed[after].path.starts[0]),
    )


def _place_alone(
    number: int, text: AlignableText, placed: Mapping[int, Placement], emission: TimedEmission, alphabet: Alphabet
) -> Placement | UnalignableError:
    """Place a text near its segment's times, in the frames between its neighbours."""
    first, after = free_frames(number, placed, emission)
    near_first, near_after = emission.frames_within(
        text.span.start - _SEARCH_MARGIN_S, text.span.end + _SEARCH_MARGIN_S
    )
    first, after = max(first, near_first), min(after, near_after)
    (found,) = place_jointly([PlacementTask([text], emission, first, after)], alphabet) if first < after else (None,)
    if isinstance(found, list) and is_text_present(found[0].path, emission, first, after, alphabet.separator):
        return found[0]
    return UnalignableError(_NOT_FOUND)
