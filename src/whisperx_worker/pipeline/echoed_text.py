"""Text of one channel that is the echo of another: it appears once.

A headset lets the other side into its microphone, so that the same words stand in both channels. They are an echo only
where the sound is one too: two people may both answer "да" at once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import permutations
from statistics import median
from typing import TYPE_CHECKING

from whisperx_worker import intervals
from whisperx_worker.audio.channel_coherence import coherent_share, level_db
from whisperx_worker.results.channel_folding import fold_segment
from whisperx_worker.results.repeated_words import SpokenWord, repeated_runs, spoken_words
from whisperx_worker.results.segment_cutting import word_span
from whisperx_worker.types import SAMPLE_RATE_HZ, Segment, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Audio, Seconds, Transcript

MIN_COHERENT = 0.5
"""Share of a channel's sound that is the other's, from which it is an echo of it."""
MAX_ECHO_DB = -15.0
"""Level of an echo that a codec has made incoherent, against its source."""
MAX_OWN_DB = -10.0
"""Level of such an echo against the channel's other text."""
_MIN_COMPARED_S: Seconds = 0.25
"""Sound of a word that is compared, even where the word is shorter."""


def without_echo(transcript: Transcript, audio: Audio, job: Job) -> Transcript:
    """Return the transcript without words that are the echo of another channel's, and warn of them.

    Args:
        transcript: In times of the laid-out recording, no segment in two channels.
        audio: With channels that are read apart, else nothing is done.
        job: For the layout, the warning and the notes for `debug`.
    """
    if len(audio.channel_spans) < 2 or not transcript.segments:  # noqa: PLR2004
        return transcript
    search = _Search(transcript.segments, audio, job)
    for source, echo in permutations(range(len(audio.channel_spans)), 2):
        job.stop_if_cancelled()
        search.compare(source, echo)
    if not any(search.removed.values()):
        return transcript
    kept: list[Segment] = []
    dropped: list[Segment] = []
    for number, segment in enumerate(transcript.segments):
        rest, removed = _parted(segment, search.removed[number], search.words_of(number))
        kept += rest
        dropped += removed
    for segment in dropped:
        job.note_text("removed", segment, "another channel has these words at the same time, and this is their echo")
    places = job.places([Span(one.start, one.end) for one in dropped])
    count = sum(map(len, search.removed.values()))
    words = "1 word is the echo" if count == 1 else f"{count} words are the echo"
    job.warn(f"{words} of another channel, which has the same ones, and were removed ({places})", lossless=True)
    return replace(transcript, segments=tuple(kept))


@dataclass
class _Search:
    """Search for echoes among the words of all channels."""

    segments: Sequence[Segment]
    audio: Audio
    job: Job
    removed: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Places of words by index of their segment."""

    def __post_init__(self) -> None:
        layout = self.job.layout
        self._numbers = [layout.channel_of(one.start, one.end) for one in self.segments]
        self._words: dict[int, list[SpokenWord]] = defaultdict(list)
        folded = [fold_segment(segment, layout)[0] for segment in self.segments]
        for word in spoken_words(folded):
            self._words[self._numbers[word.segment]].append(word)

    def words_of(self, segment: int) -> list[SpokenWord]:
        """Return the words of a segment, in time order."""
        return [word for word in self._words[self._numbers[segment]] if word.segment == segment]

    def compare(self, source: int, echo: int) -> None:
        """Find the words of one channel that are the echo of another's."""
        runs = list(repeated_runs(self._left(source), self._left(echo)))
        if not runs:
            return
        repeated = {(other.segment, other.place) for run in runs for _, other in run}
        own = [word for word in self._left(echo) if (word.segment, word.place) not in repeated]
        usual_db = median(level_db(self._sound(echo, [word])) for word in own) if own else None
        for run in runs:
            there = [other for _, other in run]
            if self._is_echo(source, echo, [one for one, _ in run], there, usual_db):
                self._remove(there)
        self._remove_rest(source, echo)

    def _remove_rest(self, source: int, echo: int) -> None:
        """Remove the other words of segments that are mostly echo, where their sound is echo too."""
        for segment, places in list(self.removed.items()):
            if self._numbers[segment] != echo:
                continue
            left = [word for word in self.words_of(segment) if word.place not in places]
            if left and len(left) < len(places) and self._is_coherent(source, echo, left):
                self._remove(left)

    def _left(self, channel: int) -> list[SpokenWord]:
        return [word for word in self._words[channel] if word.place not in self.removed.get(word.segment, ())]

    def _remove(self, words: Iterable[SpokenWord]) -> None:
        for word in words:
            self.removed[word.segment].add(word.place)

    def _is_echo(
        self, source: int, echo: int, words: Sequence[SpokenWord], there: Sequence[SpokenWord], usual_db: float | None
    ) -> bool:
        both = [*words, *there]
        level = level_db(self._sound(echo, both))
        quieter_db = level - level_db(self._sound(source, both))
        if quieter_db > 0 or (quieter_db == 0 and echo < source):
            return False
        is_faint = quieter_db <= MAX_ECHO_DB and (usual_db is None or level - usual_db <= MAX_OWN_DB)
        return is_faint or self._is_coherent(source, echo, both)

    def _is_coherent(self, source: int, echo: int, words: Sequence[SpokenWord]) -> bool:
        return coherent_share(self._sound(source, words), self._sound(echo, words)) >= MIN_COHERENT

    def _sound(self, channel: int, words: Sequence[SpokenWord]) -> NDArray[np.float32]:
        samples = self.audio.channels[channel]
        start, end = min(word.start for word in words), max(word.end for word in words)
        margin_s = max(0.0, _MIN_COMPARED_S - (end - start)) / 2
        return samples[max(0, round((start - margin_s) * SAMPLE_RATE_HZ)) : round((end + margin_s) * SAMPLE_RATE_HZ)]


def _parted(segment: Segment, removed: set[int], words: Sequence[SpokenWord]) -> tuple[list[Segment], list[Segment]]:
    """Return a segment without some of its words, and these words as another one; either may be missing."""
    if not removed:
        return [segment], []
    stays = {word.place for word in words} - removed
    if not stays:
        return [], [segment]
    return [_part(segment, lambda place: place not in removed)], [_part(segment, lambda place: place in removed)]


def _part(segment: Segment, is_in: Callable[[int], bool]) -> Segment:
    """Return some words of a segment, in its time where they have none."""
    own = tuple(word for place, word in enumerate(segment.words) if is_in(place))
    texts = [word.word for word in own] if segment.words else [
        text for place, text in enumerate(segment.text.split()) if is_in(place)
    ]  # fmt: skip
    spans = [span for word in own if (span := word_span(word))]
    whole = intervals.merge(spans) or [Span(segment.start, segment.end)]
    text = " ".join(text.strip() for text in texts)
    return replace(segment, start=whole[0].start, end=whole[-1].end, text=text, words=own)
