"""Speech of one speaker alone. Pure: times only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from whisperx_worker import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whisperx_worker import SpeakerTurn


def solo_speech(turns: Iterable[SpeakerTurn]) -> dict[str, list[Span]]:
    """Return the spans of each speaker in which no other speaks, in time order.

    Speakers are in the order in which they first speak. One pass over the turns' edges takes hours of them.
    """
    by_start = sorted(turns, key=lambda turn: turn.start)
    solo: dict[str, list[Span]] = {turn.speaker: [] for turn in by_start}
    edges = sorted(
        [(turn.start, 1, turn.speaker) for turn in by_start] + [(turn.end, -1, turn.speaker) for turn in by_start]
    )
    speaking: Counter[str] = Counter()
    since = 0.0
    for time, change, speaker in edges:
        if len(speaking) == 1 and time > since:
            _append(solo[next(iter(speaking))], Span(since, time))
        speaking[speaker] += change
        if not speaking[speaker]:
            del speaking[speaker]
        since = time
    return solo


def _append(spans: list[Span], span: Span) -> None:
    """Append a span, or lengthen the last one where the new one touches it."""
    if spans and spans[-1].end == span.start:
        spans[-1] = Span(spans[-1].start, span.end)
    else:
        spans.append(span)
