"""Alignable texts: a segment's words, the tokens of each, and their verbalisations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import Span
from whisperx_worker_plugins._shared.text_boundaries import has_spaces, word_spans
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import WILDCARD
from whisperx_worker_plugins.wav2vec2_alignment.text.text_graph import TextGraphBuilder, chain_graph
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.words import verbalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Seconds, Segment
    from whisperx_worker_plugins._shared.text_boundaries import TextSpan
    from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet
    from whisperx_worker_plugins.wav2vec2_alignment.text.text_graph import TextGraph
    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import Verbalisation

MIN_DURATION_S: Seconds = 0.01
"""Shorter audio is no speech, and its times would round to nothing."""


@dataclass(frozen=True)
class AlignableText:
    """Segment with an alignable text."""

    segment: Segment
    span: Span
    """The segment's times, cut to the length of the recording."""
    words: Sequence[TextSpan]
    """Every word of the text."""
    tokens: Sequence[Sequence[int]]
    """Columns of each word's spoken characters; empty for punctuation."""
    verbalisations: Sequence[Verbalisation | None]
    """Spoken forms of each word that is not spoken as it is spelled."""
    language: str | None


def prepare_text(segment: Segment, alphabet: Alphabet, language: str | None, duration_s: Seconds) -> AlignableText:
    """Prepare a segment's text for alignment.

    Args:
        segment: The segment.
        alphabet: The acoustic model's characters.
        language: ISO code.
        duration_s: Length of the recording.

    Raises:
        UnalignableError: When the segment has no spoken text, or no audio.
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
    if span.duration_s < MIN_DURATION_S:
        raise UnalignableError(f"it is shorter than {MIN_DURATION_S} s")
    verbalisations: list[Verbalisation | None] = [None] * len(words)
    # In a language without spaces each digit is a word, so a number cannot be verbalised.
    if has_spaces(language) and any(WILDCARD in one for one in tokens):
        written = [segment.text[start:end] for start, end in words]
        verbalisations = verbalise(written, language, alphabet.letters)
    return AlignableText(segment, span, words, tokens, verbalisations, language)


def build_text_graph(texts: Sequence[AlignableText], alphabet: Alphabet) -> TextGraph:
    """Build the token graph of all words of consecutive texts."""
    separator = alphabet.separator if has_spaces(texts[0].language) else None
    if not any(any(text.verbalisations) for text in texts):
        return chain_graph((tokens for text in texts for tokens in text.tokens), separator)
    builder = TextGraphBuilder(alphabet, separator)
    for text in texts:
        for tokens, verbalisation in zip(text.tokens, text.verbalisations, strict=True):
            builder.add_word(tokens, verbalisation)
    return builder.build()
