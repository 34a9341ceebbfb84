"""One group's way: its texts and its emissions become words with times, and sentences. Knows no model library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import Seconds, Segment, Span, Word
from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.holes import without_holes
from whisperx_worker_plugins.wav2vec2_alignment.placing import Placed, Task, place, room, settle
from whisperx_worker_plugins.wav2vec2_alignment.sound import Sound
from whisperx_worker_plugins.wav2vec2_alignment.text import sentence_starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker_plugins.wav2vec2_alignment.placing import Settled
    from whisperx_worker_plugins.wav2vec2_alignment.text import Alphabet
    from whisperx_worker_plugins.wav2vec2_alignment.texts import Text

_DIGITS = 3
"""Times are told in milliseconds, and scores as finely."""


@dataclass(frozen=True)
class Line:
    """Texts that are aligned as one."""

    texts: Sequence[Text]
    """In time order."""
    pieces: Sequence[Span]
    """The sound that has them."""


def align_lines(
    lines: Sequence[Line], emissions: Sequence[Sequence[NDArray[np.float32]]], alphabet: Alphabet
) -> list[list[list[Segment] | UnalignableError]]:
    """Give the words of some texts their times, and cut the texts into sentences.

    Args:
        lines: The texts as read.
        emissions: For each piece of each line, shape (frames, columns): log-probabilities that cover it evenly.
        alphabet: The acoustic model's characters.

    Returns:
        For each text of each line, one segment per sentence, with its words; text and words together are those of the
        whole. Or why it cannot be aligned: its characters do not fit into the frames, or its words are not there.
    """
    sounds = [Sound.of(line.pieces, parts, alphabet.blank) for line, parts in zip(lines, emissions, strict=True)]
    whole = [Task(line.texts, sound, 0, len(sound.emission)) for line, sound in zip(lines, sounds, strict=True)]
    together = place(whole, alphabet)
    return [
        _told(line, sound, settle(line.texts, sound, paths, alphabet))
        for line, sound, paths in zip(lines, sounds, together, strict=True)
    ]


def _told(line: Line, sound: Sound, settled: Settled) -> list[list[Segment] | UnalignableError]:
    """The sentences of each text."""
    kept = {number: placed for number, placed in enumerate(settled) if isinstance(placed, Placed)}
    told: list[list[Segment] | UnalignableError] = []
    for number, (text, placed) in enumerate(zip(line.texts, settled, strict=True)):
        if isinstance(placed, UnalignableError):
            told.append(placed)
            continue
        first, after = room(number, kept, sound)
        between = Span(float(sound.starts_s[first]), float(sound.ends_s[after - 1]))
        told.append(_sentences(text, _timed(text, placed, sound, between)))
    return told


def _timed(text: Text, placed: Placed, sound: Sound, between: Span) -> list[Word]:
    """All words of a text with their times."""
    path = without_holes(placed.path, placed.places, sound)
    last = np.minimum(path.ends, sound.piece_ends[path.starts]) - 1
    starts, ends = (
        np.round(times_s, _DIGITS).clip(between.start, between.end).tolist()
        for times_s in (sound.starts_s[path.starts], sound.ends_s[last])
    )
    scores = path.scores.tolist()
    timed = []
    for (begin, stop), (first, after) in zip(text.words, placed.places, strict=True):
        written = text.segment.text[begin:stop]
        if first == after:
            timed.append(Word(written))
            continue
        score = round(sum(scores[first:after]) / (after - first), _DIGITS)
        timed.append(Word(written, starts[first], ends[after - 1], score))
    frame_s = float(sound.ends_s[path.starts[0]] - sound.starts_s[path.starts[0]])
    return _with_punctuation(timed, between, frame_s)


def _clock(time_s: Seconds, span: Span) -> Seconds:
    return min(max(round(time_s, _DIGITS), span.start), span.end)


def _with_punctuation(words: Sequence[Word], span: Span, frame_s: Seconds) -> list[Word]:
    """Put each word that nobody speaks at the edge of its neighbour, one frame long.

    In the pause after the word before it; where there is no pause, in that word's last frame.
    """
    placed: list[Word] = []
    before: Span | None = None
    for index, word in enumerate(words):
        own = _span(word)
        if own is None:
            after = next((later for later in map(_span, words[index:]) if later), None)
            place = _edge(before, after, span, frame_s)
            placed.append(replace(word, start=_clock(place.start, span), end=_clock(place.end, span)))
        else:
            before = own
            placed.append(word)
    return placed


def _span(word: Word) -> Span | None:
    return None if word.start is None or word.end is None else Span(word.start, word.end)


def _edge(before: Span | None, after: Span | None, span: Span, frame_s: Seconds) -> Span:
    """One frame between two words, or beside the only one."""
    if before:
        pause_end = min(after.start if after else span.end, before.end + frame_s)
        shared = Span(max(before.start, before.end - frame_s), before.end)
        return Span(before.end, pause_end) if pause_end - before.end > frame_s / 2 else shared
    if after:
        pause_start = max(span.start, after.start - frame_s)
        shared = Span(after.start, min(after.end, after.start + frame_s))
        return Span(pause_start, after.start) if after.start - pause_start > frame_s / 2 else shared
    return span


def _sentences(whole: Text, words: list[Word]) -> list[Segment]:
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
