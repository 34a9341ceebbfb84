"""Times and scores of words, from the path of their text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import Seconds, Span, Word
from whisperx_worker_plugins.wav2vec2_alignment.word_gaps import close_word_gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission
    from whisperx_worker_plugins.wav2vec2_alignment.placement import Placement
    from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import AlignableText

_DECIMALS = 3
"""Of times in seconds, and of scores."""


def time_words(text: AlignableText, placement: Placement, emission: TimedEmission, bounds: Span) -> list[Word]:
    """Return all words of a text with their times.

    Args:
        text: The text.
        placement: Where it is.
        emission: What it was placed in.
        bounds: Times that the words may have.
    """
    path = close_word_gaps(placement.path, placement.word_ranges, emission)
    last = np.minimum(path.ends, emission.piece_ends[path.starts]) - 1
    starts, ends = (
        np.round(times_s, _DECIMALS).clip(bounds.start, bounds.end).tolist()
        for times_s in (emission.starts_s[path.starts], emission.ends_s[last])
    )
    scores = path.scores.tolist()
    timed = []
    for (begin, stop), (first, after) in zip(text.words, placement.word_ranges, strict=True):
        written = text.segment.text[begin:stop]
        if first == after:
            timed.append(Word(written))
            continue
        score = round(sum(scores[first:after]) / (after - first), _DECIMALS)
        timed.append(Word(written, starts[first], ends[after - 1], score))
    frame_s = float(emission.ends_s[path.starts[0]] - emission.starts_s[path.starts[0]])
    return _keep_extra(_time_silent_words(timed, bounds, frame_s), text.segment.words)


def _keep_extra(words: list[Word], recognised: Sequence[Word]) -> list[Word]:
    """Return words with the extra data of the recogniser's words, where these are the same."""
    has_extra = any(word.extra for word in recognised)
    if not has_extra or [word.word for word in words] != [word.word.strip() for word in recognised]:
        return words
    return [replace(word, extra=before.extra) for word, before in zip(words, recognised, strict=True)]


def _time_silent_words(words: Sequence[Word], bounds: Span, frame_s: Seconds) -> list[Word]:
    """Put each silent word, such as a dash, in one frame at its neighbour's edge.

    In the pause after the word before it; where there is no pause, in that word's last frame.
    """
    timed: list[Word] = []
    before: Span | None = None
    for index, word in enumerate(words):
        span = _span(word)
        if span is None:
            after = next((later for later in map(_span, words[index:]) if later), None)
            place = _edge_frame(before, after, bounds, frame_s)
            timed.append(replace(word, start=_round(place.start, bounds), end=_round(place.end, bounds)))
        else:
            before = span
            timed.append(word)
    return timed


def _round(time_s: Seconds, bounds: Span) -> Seconds:
    return min(max(round(time_s, _DECIMALS), bounds.start), bounds.end)


def _span(word: Word) -> Span | None:
    return None if word.start is None or word.end is None else Span(word.start, word.end)


def _edge_frame(before: Span | None, after: Span | None, bounds: Span, frame_s: Seconds) -> Span:
    """Return one frame between two words, or beside the only one."""
    if before:
        pause_end = min(after.start if after else bounds.end, before.end + frame_s)
        shared = Span(max(before.start, before.end - frame_s), before.end)
        return Span(before.end, pause_end) if pause_end - before.end > frame_s / 2 else shared
    if after:
        pause_start = max(bounds.start, after.start - frame_s)
        shared = Span(after.start, min(after.end, after.start + frame_s))
        return Span(pause_start, after.start) if after.start - pause_start > frame_s / 2 else shared
    return bounds
