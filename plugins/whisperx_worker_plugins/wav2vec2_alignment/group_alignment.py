"""Alignment of groups of texts: sentences of words with times. Knows no model library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from whisperx_worker import Segment, Span
from whisperx_worker_plugins._shared.text_boundaries import sentence_starts
from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.placement import (
    Placement,
    PlacementTask,
    free_frames,
    place_jointly,
    place_texts,
)
from whisperx_worker_plugins.wav2vec2_alignment.word_times import time_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Word
    from whisperx_worker_plugins.wav2vec2_alignment.placement import Placements
    from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import AlignableText
    from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet


@dataclass(frozen=True)
class TextGroup:
    """Texts that are aligned as one, with their audio."""

    texts: Sequence[AlignableText]
    """In time order."""
    pieces: Sequence[Span]
    """Pieces of audio in which the texts are, in time order, without overlap."""


def align_text_groups(
    groups: Sequence[TextGroup], emissions: Sequence[Sequence[NDArray[np.float32]]], alphabet: Alphabet
) -> list[list[list[Segment] | UnalignableError]]:
    """Give the words of texts their times, and cut the texts into sentences.

    Args:
        groups: Groups of texts.
        emissions: For each piece of each group, shape (frames, columns): log-probabilities that cover it evenly.
        alphabet: The acoustic model's characters.

    Returns:
        For each text of each group, one segment per sentence, with its words; text and words together are those of the
        whole. Or why it cannot be aligned: its characters do not fit into the frames, or its words are not there.
    """
    timed = [
        TimedEmission.concatenate(group.pieces, parts, alphabet.blank)
        for group, parts in zip(groups, emissions, strict=True)
    ]
    tasks = [
        PlacementTask(group.texts, emission, 0, len(emission.log_probs))
        for group, emission in zip(groups, timed, strict=True)
    ]
    joint = place_jointly(tasks, alphabet)
    return [
        _sentences_of_group(group, emission, place_texts(group.texts, emission, placed, alphabet))
        for group, emission, placed in zip(groups, timed, joint, strict=True)
    ]


def _sentences_of_group(
    group: TextGroup, emission: TimedEmission, placements: Placements
) -> list[list[Segment] | UnalignableError]:
    """Return the sentences of each text, or why it has none."""
    placed = {number: one for number, one in enumerate(placements) if isinstance(one, Placement)}
    found: list[list[Segment] | UnalignableError] = []
    for number, (text, placement) in enumerate(zip(group.texts, placements, strict=True)):
        if isinstance(placement, UnalignableError):
            found.append(placement)
            continue
        first, after = free_frames(number, placed, emission)
        bounds = Span(float(emission.starts_s[first]), float(emission.ends_s[after - 1]))
        found.append(_sentences(text, time_words(text, placement, emission, bounds)))
    return found


def _sentences(whole: AlignableText, words: list[Word]) -> list[Segment]:
    text = whole.segment.text
    firsts = sentence_starts(text, whole.words, whole.language)
    if len(firsts) == 1:
        return [_segment(whole.segment, text, words)]
    return [
        _segment(whole.segment, text[whole.words[first][0] : whole.words[after - 1][1]], words[first:after])
        for first, after in pairwise([*firsts, len(words)])
    ]


def _segment(whole: Segment, text: str, words: Sequence[Word]) -> Segment:
    start, end = words[0].start, words[-1].end
    return replace(
        whole,
        start=whole.start if start is None else start,
        end=whole.end if end is None else end,
        text=text,
        words=tuple(words),
    )
