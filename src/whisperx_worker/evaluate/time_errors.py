"""Errors of word times, and words outside of all speech. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.evaluate.speaker_errors import Ratio
from whisperx_worker.intervals import gaps, total_s
from whisperx_worker.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker.evaluate.reference import Spoken
    from whisperx_worker.evaluate.word_errors import Pair
    from whisperx_worker.types import Seconds, Segment

FAR_S = 0.1
"""A boundary further from the truth than this is counted as far."""
SPEECH_MARGIN_S = 0.25
"""Distance from the reference's speech within which no word counts as invented."""


def boundary_errors(
    reference: Sequence[Spoken], hypothesis: Sequence[Spoken], pairs: Iterable[Pair]
) -> tuple[Ratio, Ratio]:
    """Return the error of the boundaries of right words, in milliseconds, and how many are far.

    Returns:
        The sum of distances and the number of boundaries; the number of far boundaries and of all.
    """
    distances_s = [
        abs(found_s - true_s)
        for pair in pairs
        if pair.kind == "equal" and pair.reference is not None and pair.hypothesis is not None
        for true_s, found_s in zip(_times(reference[pair.reference]), _times(hypothesis[pair.hypothesis]), strict=True)
        if true_s is not None and found_s is not None
    ]
    far = sum(distance_s > FAR_S for distance_s in distances_s)
    return Ratio(1_000 * sum(distances_s), len(distances_s)), Ratio(far, len(distances_s))


def _times(word: Spoken) -> tuple[Seconds | None, Seconds | None]:
    return word.start, word.end


def invented_words(speech: Sequence[Span], hypothesis: Sequence[Segment], duration_s: Seconds) -> Ratio:
    """Return the words in stretches without speech, and their length in minutes.

    A word lies where its middle is; words without times lie evenly in their segment.
    """
    silences = [
        Span(start, end)
        for gap in gaps(speech, 0.0, duration_s)
        for start, end in [
            (gap.start + SPEECH_MARGIN_S * (gap.start > 0), gap.end - SPEECH_MARGIN_S * (gap.end < duration_s))
        ]
        if start < end
    ]
    middles = [middle_s for segment in hypothesis for middle_s in word_middles(segment)]
    invented = sum(any(span.start < middle_s < span.end for span in silences) for middle_s in middles)
    return Ratio(invented, total_s(silences) / 60)


def word_middles(segment: Segment) -> list[Seconds]:
    """Return the middle of each written word of a segment.

    >>> from whisperx_worker.types import Segment
    >>> word_middles(Segment(0.0, 4.0, "добрый день"))
    [1.0, 3.0]
    """
    words = segment.text.split()
    times = [(word.start, word.end) for word in segment.words]
    if times and all(start is not None and end is not None for start, end in times):
        return [((start or 0.0) + (end or 0.0)) / 2 for start, end in times]
    step_s = (segment.end - segment.start) / max(1, len(words))
    return [segment.start + step_s * (place + 0.5) for place in range(len(words))]
