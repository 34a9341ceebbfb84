"""Errors of words and speakers: cpWER and tcpWER by meeteval, WDER, DER by pyannote.metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyannote.core import Annotation

    from whisperx_worker.evaluate.reference import Spoken
    from whisperx_worker.evaluate.word_errors import Pair
    from whisperx_worker.types import Seconds, Segment, SpeakerTurn

TCPWER_COLLAR_S = 5.0
MAX_SPEAKERS = 20
"""meeteval compares no more speakers of one recording."""
NO_SPEAKER = "<none>"
"""Stream of the words that have no speaker."""


@dataclass(frozen=True)
class Ratio:
    """Sum of errors and the sum that they are a part of."""

    errors: float
    total: float


def cp_and_tcp(
    reference: Sequence[Spoken],
    of_reference: Sequence[Segment],
    hypothesis: Sequence[Spoken],
    of_hypothesis: Sequence[Segment],
) -> tuple[Ratio, Ratio] | None:
    """Return the errors of cpWER and tcpWER, or None where there are too many speakers.

    Args:
        reference: Normalised words.
        of_reference: The segments that they are in.
        hypothesis: Normalised words.
        of_hypothesis: The segments that they are in.
    """
    from meeteval.io import SegLST
    from meeteval.wer.wer.cp import cp_word_error_rate
    from meeteval.wer.wer.time_constrained import tcp_word_error_rate

    if max(len({word.speaker for word in side}) for side in (reference, hypothesis)) > MAX_SPEAKERS:
        return None
    true, found = (
        SegLST(timed_streams(words, segments))
        for words, segments in ((reference, of_reference), (hypothesis, of_hypothesis))
    )
    cp = cp_word_error_rate(true, found)
    tcp = tcp_word_error_rate(true, found, collar=TCPWER_COLLAR_S)
    return Ratio(cp.errors, cp.length), Ratio(tcp.errors, tcp.length)


def timed_streams(words: Sequence[Spoken], segments: Sequence[Segment]) -> list[dict[str, object]]:
    """Return words as meeteval's segments: one for each written word with times, else one for each segment."""
    rough = {word.segment for word in words if word.start is None or word.end is None}

    def stretch(word: Spoken) -> tuple[int, Seconds, Seconds, str]:
        segment = segments[word.segment]
        exact = word.segment not in rough and word.start is not None and word.end is not None
        start, end = (word.start, word.end) if exact else (segment.start, segment.end)
        return word.segment, start or 0.0, end or 0.0, word.speaker or NO_SPEAKER

    return [
        {
            "session_id": "recording",
            "speaker": speaker,
            "start_time": start,
            "end_time": max(start, end),
            "words": " ".join(word.text for word in spoken),
        }
        for (_, start, end, speaker), spoken in groupby(words, key=stretch)
    ]


def wder(reference: Sequence[Spoken], hypothesis: Sequence[Spoken], pairs: Iterable[Pair]) -> Ratio:
    """Return how many recognised words have the wrong speaker, after the best assignment of speakers.

    As Shafey et al. 2019 define it: of the correct and the substituted words.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    together = Counter(
        (reference[pair.reference].speaker, hypothesis[pair.hypothesis].speaker)
        for pair in pairs
        if pair.reference is not None and pair.hypothesis is not None and reference[pair.reference].speaker
    )
    true = sorted({str(names[0]) for names in together})
    found = sorted({names[1] for names in together if names[1] is not None})
    matched = np.array([[together[one, other] for other in found] for one in true]).reshape(len(true), len(found))
    rows, columns = linear_sum_assignment(matched, maximize=True)
    total = sum(together.values())
    return Ratio(total - int(matched[rows, columns].sum()), total)


def der(
    reference: Iterable[SpeakerTurn], hypothesis: Iterable[SpeakerTurn], duration_s: Seconds, collar_s: Seconds
) -> Ratio:
    """Return the wrong seconds and all seconds of speech, overlapping speech included.

    Args:
        reference: True turns.
        hypothesis: Found turns.
        duration_s: Length of the recording.
        collar_s: Not scored on each side of a reference boundary; pyannote.metrics calls twice of it its collar.
    """
    from pyannote.core import Segment as Stretch
    from pyannote.core import Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    true, found = annotation(reference), annotation(hypothesis)
    ends = [turns.get_timeline().extent().end for turns in (true, found) if turns]
    whole = Timeline([Stretch(0.0, max([duration_s, *ends]))])
    rate: Callable[..., dict[str, float]] = DiarizationErrorRate(collar=2 * collar_s, skip_overlap=False)
    parts = rate(true, found, uem=whole, detailed=True)
    return Ratio(parts["confusion"] + parts["missed detection"] + parts["false alarm"], parts["total"])


def annotation(turns: Iterable[SpeakerTurn]) -> Annotation:
    """Return turns as pyannote's annotation; touching turns of one speaker are one."""
    from pyannote.core import Annotation, Segment

    made = Annotation()
    for track, turn in enumerate(turns):
        made[Segment(turn.start, turn.end), track] = turn.speaker
    return made.support()
