"""One segment's way: its text and its emissions become words with times, and sentences. Knows no model library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Segment, Span, Word
from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError, best_paths, with_wildcard
from whisperx_worker_plugins.wav2vec2_alignment.text import WILDCARD, has_spaces, sentence_starts, word_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker_plugins.wav2vec2_alignment.ctc import TokenTimes
    from whisperx_worker_plugins.wav2vec2_alignment.text import Alphabet, TextSpan

_DIGITS = 3
"""Times are told in milliseconds, and scores as finely."""


SHORTEST_S: Seconds = 0.01
"""Less sound than this is no speech, and its times would round to nothing."""


@dataclass(frozen=True)
class Line:
    """A segment that can be aligned."""

    segment: Segment
    span: Span
    """The part of the recording to listen to: the segment's, cut to what exists."""
    words: Sequence[TextSpan]
    """Every word of the text."""
    tokens: Sequence[Sequence[int]]
    """Columns of each word's spoken characters; empty for a word that is only punctuation."""
    language: str | None


def prepare(segment: Segment, alphabet: Alphabet, language: str | None, duration_s: Seconds) -> Line:
    """Read a segment's text.

    Args:
        segment: The segment.
        alphabet: The acoustic model's characters.
        language: ISO code.
        duration_s: Length of the recording.

    Raises:
        UnalignableError: When there is nothing to say or nothing to hear.
    """
    words = word_spans(segment.text, language)
    tokens = [alphabet.tokens(segment.text[start:end]) for start, end in words]
    if not words:
        raise UnalignableError("it has no text")
    if not any(tokens):
        raise UnalignableError("nothing in its text is spoken")
    if segment.end <= segment.start:
        raise UnalignableError("it has no length")
    span = Span(max(0.0, segment.start), min(segment.end, duration_s))
    if span.duration_s <= 0:
        raise UnalignableError("it lies outside the recording")
    if span.duration_s < SHORTEST_S:
        raise UnalignableError(f"it is shorter than {SHORTEST_S} s")
    return Line(segment, span, words, tokens, language)


@dataclass(frozen=True)
class Spelling:
    """A line as the acoustic model spells it."""

    tokens: list[int]
    """Columns of all words' characters, with separators between words; `WILDCARD` for what the alphabet lacks."""
    places: list[tuple[int, int] | None]
    """Where each word begins and ends in the tokens; None for one that is only punctuation."""


def align_lines(
    lines: Sequence[Line], emissions: Sequence[NDArray[np.float32]], alphabet: Alphabet
) -> list[list[Segment] | UnalignableError]:
    """Give the words of some segments their times, and cut the segments into sentences.

    Args:
        lines: The segments as read.
        emissions: For each, shape (frames, columns): log-probabilities that cover `line.span` evenly.
        alphabet: The acoustic model's characters.

    Returns:
        For each, one segment per sentence, with its words; text and words together are those of the whole. Or why it
        cannot be aligned: the characters do not fit into the frames.
    """
    spellings = [_spelled(line, alphabet) for line in lines]
    heard, tokens = [], []
    for spelling, emission in zip(spellings, emissions, strict=True):
        has_wildcard = WILDCARD in spelling.tokens
        heard.append(with_wildcard(emission, alphabet.blank) if has_wildcard else emission)
        tokens.append([emission.shape[1] if token == WILDCARD else token for token in spelling.tokens])
    paths = best_paths(heard, tokens, alphabet.blank)
    return [
        path if isinstance(path, UnalignableError) else _sentences(line, _timed(line, spelling, path, len(emission)))
        for line, spelling, path, emission in zip(lines, spellings, paths, heard, strict=True)
    ]


def _spelled(line: Line, alphabet: Alphabet) -> Spelling:
    separator = alphabet.separator if has_spaces(line.language) else None
    spelling = Spelling([], [])
    for spoken in line.tokens:
        if spoken and spelling.tokens and separator is not None:
            spelling.tokens.append(separator)
        first = len(spelling.tokens)
        spelling.places.append((first, first + len(spoken)) if spoken else None)
        spelling.tokens.extend(spoken)
    return spelling


def _timed(line: Line, spelling: Spelling, path: TokenTimes, frames: int) -> list[Word]:
    """All words of a line with their times."""
    frame_s = line.span.duration_s / frames
    starts, ends, scores = path.starts.tolist(), path.ends.tolist(), path.scores.tolist()
    timed = []
    for (begin, stop), place in zip(line.words, spelling.places, strict=True):
        text = line.segment.text[begin:stop]
        if not place:
            timed.append(Word(text))
            continue
        first, after = place
        start = _clock(starts[first] * frame_s + line.span.start, line.span)
        end = _clock(ends[after - 1] * frame_s + line.span.start, line.span)
        timed.append(Word(text, start, end, round(sum(scores[first:after]) / (after - first), _DIGITS)))
    return _with_punctuation(timed, line.span, frame_s)


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


def _sentences(line: Line, words: list[Word]) -> list[Segment]:
    text = line.segment.text
    firsts = sentence_starts(text, line.words, line.language)
    if len(firsts) == 1:
        return [_segment(line.segment, text, words)]
    return [
        _segment(line.segment, text[line.words[first][0] : line.words[after - 1][1]], words[first:after])
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
