"""A segment's text as it is aligned: its words, the tokens of each, and how each is read. Knows no sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import Span
from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.spelling import Speller, chain_of
from whisperx_worker_plugins.wav2vec2_alignment.spoken import readings_of
from whisperx_worker_plugins.wav2vec2_alignment.text import WILDCARD, has_spaces, word_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Seconds, Segment
    from whisperx_worker_plugins.wav2vec2_alignment.readings import Reading
    from whisperx_worker_plugins.wav2vec2_alignment.spelling import Spelling
    from whisperx_worker_plugins.wav2vec2_alignment.text import Alphabet, TextSpan

SHORTEST_S: Seconds = 0.01
"""Less sound than this is no speech, and its times would round to nothing."""


@dataclass(frozen=True)
class Text:
    """A segment that can be aligned."""

    segment: Segment
    span: Span
    """The segment's times, cut to what exists of the recording."""
    words: Sequence[TextSpan]
    """Every word of the text."""
    tokens: Sequence[Sequence[int]]
    """Columns of each word's spoken characters; empty for a word that is only punctuation."""
    readings: Sequence[Reading | None]
    """How each word is read, where that is not as it is spelled."""
    language: str | None


def read_text(segment: Segment, alphabet: Alphabet, language: str | None, duration_s: Seconds) -> Text:
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
    readings: list[Reading | None] = [None] * len(words)
    # Where words are not written apart, a number is several of them.
    if has_spaces(language) and any(WILDCARD in one for one in tokens):
        written = [segment.text[start:end] for start, end in words]
        readings = readings_of(written, language, alphabet.letters)
    return Text(segment, span, words, tokens, readings, language)


def spelled(texts: Sequence[Text], alphabet: Alphabet) -> Spelling:
    """All words of texts that follow each other as the acoustic model spells them."""
    separator = alphabet.separator if has_spaces(texts[0].language) else None
    if not any(any(text.readings) for text in texts):
        return chain_of((tokens for text in texts for tokens in text.tokens), separator)
    speller = Speller(alphabet, separator)
    for text in texts:
        for tokens, reading in zip(text.tokens, text.readings, strict=True):
            speller.add(tokens, reading)
    return speller.spelling()
