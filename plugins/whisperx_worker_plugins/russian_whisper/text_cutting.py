"""Text with word times cut into segments at pauses, at sentences, and where it is too long. Pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, Span, Word, intervals
from whisperx_worker_plugins._shared.text_boundaries import TextSpan, sentence_starts, word_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker_plugins.russian_whisper.chunking import Chunk

MIN_PAUSE_S: Seconds = 0.5
"""Gap between words at which a segment ends.

Words end with their speech interval, which is padded by 0.2 s: the pause is 0.9 s long.
"""
MAX_SEGMENT_S: Seconds = 10.0
"""Duration above which a segment is cut inside a sentence."""
_MAX_S_PER_LETTER: Seconds = 0.12
_SLACK_S: Seconds = 0.6
"""Duration that a word may have beyond that of its letters."""
_USUAL_SLACK_S: Seconds = 0.2
"""Duration beyond that of its letters that a longer word gets."""


def cut_text(text: str, words: Sequence[Word], language: str) -> list[range]:
    """Return the words of each segment as ranges of indices, in order and together all of them.

    Args:
        text: The text.
        words: All of its words with times, in order.
        language: ISO code of the text.
    """
    if not words:
        return []
    sentences = set(sentence_starts(text, spans_of_words(text, words), language))
    starts = [
        index for index in range(len(words)) if index == 0 or index in sentences or _gap_s(words, index) >= MIN_PAUSE_S
    ]
    ends = [*starts[1:], len(words)]
    return [piece for start, end in zip(starts, ends, strict=True) for piece in _halve(words, range(start, end))]


def shorten_words(text: str, words: Sequence[Word], language: str) -> list[Word]:
    """Return words without more time than they can take.

    Attention gives each moment to some word: one beside speech that the text leaves out is as long as that speech. A
    run of such words moves to what comes after it where it begins a sentence, and else to what comes before it.

    Args:
        text: The text.
        words: All of its words with times, in order.
        language: ISO code of the text.
    """
    sentences = {0, *sentence_starts(text, spans_of_words(text, words), language)}
    is_long = [_end_s(word) - _start_s(word) > _MAX_S_PER_LETTER * len(word.word) + _SLACK_S for word in words]
    shortened = list(words)
    starts = [index for index in range(len(words)) if is_long[index] and (index in sentences or not is_long[index - 1])]
    for start in starts:
        inside = (index for index in range(start + 1, len(words)) if index in sentences or not is_long[index])
        run = range(start, next(inside, len(words)))
        time_s = _end_s(words[run[-1]]) if start in sentences else _start_s(words[start])
        for index in reversed(run) if start in sentences else run:
            duration_s = _MAX_S_PER_LETTER * len(words[index].word) + _USUAL_SLACK_S
            other_s = time_s + duration_s * (-1 if start in sentences else 1)
            first_s, last_s = sorted((time_s, other_s))
            shortened[index] = replace(words[index], start=first_s, end=last_s)
            time_s = other_s
    return shortened


def spans_of_words(text: str, words: Sequence[Word]) -> list[TextSpan]:
    """Return the place of each word in a text that has these words and white space."""
    places = [index for index, char in enumerate(text) if not char.isspace()]
    ends = list(accumulate(len(word.word) for word in words))
    return [(places[end - len(word.word)], places[end - 1] + 1) for word, end in zip(words, ends, strict=True)]


def spread_words(text: str, chunk: Chunk, speech: Sequence[Span], language: str) -> list[Word]:
    """Return the words of a text, spread over the speech of a chunk by their length.

    Args:
        text: The text.
        chunk: The chunk.
        speech: Speech intervals, in time order, disjoint.
        language: ISO code of the text.
    """
    words = [text[start:end] for start, end in word_spans(text, language)]
    spoken = intervals.within(speech, chunk.start, chunk.end) or chunk.parts
    letters = [0, *accumulate(len(word) + 1 for word in words)]
    s_per_letter = intervals.total_s(spoken) / letters[-1]
    spread = []
    for word, before, after in zip(words, letters, letters[1:], strict=False):
        # A word at a pause belongs to the side of its middle.
        piece, offset_s = _find_piece(spoken, (before + after) / 2 * s_per_letter)
        start, end = (piece.start + letter * s_per_letter - offset_s for letter in (before, after))
        spread.append(Word(word, max(start, piece.start), min(end, piece.end)))
    return spread


def _find_piece(pieces: Sequence[Span], time_s: Seconds) -> tuple[Span, Seconds]:
    """Return the interval at a time that counts only the intervals, and the duration of those before it."""
    before_s = 0.0
    for piece in pieces[:-1]:
        if time_s < before_s + piece.duration_s:
            return piece, before_s
        before_s += piece.duration_s
    return pieces[-1], before_s


def _halve(words: Sequence[Word], piece: range) -> list[range]:
    """Cut a range of words at its longest gap until no part is too long.

    Of several longest gaps it is the most central one. A cut leaves a quarter of the time on both sides, so that no
    crumbs come off.
    """
    start_s, end_s = _start_s(words[piece[0]]), _end_s(words[piece[-1]])
    quarter_s = (end_s - start_s) / 4
    inner = [
        index for index in piece[1:] if start_s + quarter_s <= _start_s(words[index]) <= end_s - quarter_s
    ] or piece[1:]
    if end_s - start_s <= MAX_SEGMENT_S or not inner:
        return [piece]
    middle_s = (start_s + end_s) / 2
    cut = max(inner, key=lambda index: (round(_gap_s(words, index), 3), -abs(_start_s(words[index]) - middle_s)))
    return [*_halve(words, range(piece.start, cut)), *_halve(words, range(cut, piece.stop))]


def _gap_s(words: Sequence[Word], index: int) -> Seconds:
    return _start_s(words[index]) - _end_s(words[index - 1])


def _start_s(word: Word) -> Seconds:
    return word.start or 0.0


def _end_s(word: Word) -> Seconds:
    return word.end or 0.0
