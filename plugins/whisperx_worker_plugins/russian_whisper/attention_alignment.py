"""Word times from the decoder's cross-attention, for jobs with diarization and without forced alignment.

The smoothed weights of a model's alignment heads are the cost of each token at each frame; dynamic time warping finds
the cheapest path (Whisper's `timing.py`, here inside CTranslate2). A word begins where the path enters its first token,
and ends where it enters the next word.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from whisperx_worker import (
    JobCancelledError,
    OomBackoff,
    Segment,
    Span,
    StrictError,
    Word,
    WorkerError,
    intervals,
)
from whisperx_worker_plugins._shared.whisper.library_types import TIMESTAMP_S, EncoderStates, Tokenizer, Whisper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from whisperx_worker import Job, Request
    from whisperx_worker_plugins.russian_whisper.chunking import Chunk

log = logging.getLogger(__name__)

MAX_TOKENS = 440
"""Maximum number of text tokens of one chunk.

The decoder has 448 positions, and the prompt takes some.
"""

MAX_CHUNKS_ON_CPU = 4
"""Maximum number of chunks aligned at once on a CPU.

More are no faster, and each takes memory of its tokens times the vocabulary.
"""

TokenizedWord: TypeAlias = tuple[str, list[int]]
"""Word and its tokens."""

_FRAMES_PER_SECOND = 100
_UNSPACED = frozenset({"ja", "lo", "my", "th", "yue", "zh"})


@dataclass(frozen=True)
class ChunkText:
    """Recognised text of one chunk."""

    chunk: Chunk
    segments: Sequence[Segment]
    """In time order."""


SegmentWords: TypeAlias = tuple[tuple[Word, ...], ...]
"""Words of each segment of a chunk."""


def needs_word_times(request: Request) -> bool:
    """Return whether a job needs word times from attention.

    It does where the speakers need them and forced alignment is off; those of a translation would be meaningless.
    """
    return request.diarization and not request.align_output and request.task == "transcribe"


def align_batch(  # noqa: PLR0913  what aligning takes, and the job
    whisper: Whisper,
    tokenizer: Tokenizer,
    select_states: Callable[[Sequence[int]], EncoderStates],
    texts: Sequence[ChunkText],
    speech: Sequence[Span],
    job: Job,
) -> list[SegmentWords]:
    """Align a batch with `align_by_attention`; where that fails, log the error and return no words.

    The assignment of speakers warns about missing words. A folder that was converted without `alignment_heads` has
    none.

    Args:
        whisper: The model that encoded the chunks.
        tokenizer: Tokenizer of the spoken language.
        select_states: Returns the encoder states of some chunks, by rising index.
        texts: Chunks with their segments, at least one.
        speech: Speech intervals, in time order, disjoint.
        job: For warnings about memory.
    """

    def align(indices: Sequence[int]) -> list[SegmentWords]:
        selected = [texts[index] for index in indices]
        return align_by_attention(whisper, tokenizer, select_states(indices), selected, speech)

    most = MAX_CHUNKS_ON_CPU if whisper.model.device == "cpu" else len(texts)
    try:
        return OomBackoff(job, "transcribe", most).run(range(len(texts)), align)
    except (StrictError, JobCancelledError):
        raise
    except (RuntimeError, ValueError, IndexError, WorkerError) as error:
        log.warning("no word times by attention: %s", error)
        job.health.note(error)
        return [() for _ in texts]


def align_by_attention(
    whisper: Whisper, tokenizer: Tokenizer, states: EncoderStates, texts: Sequence[ChunkText], speech: Sequence[Span]
) -> list[SegmentWords]:
    """Align the text of encoded chunks with their audio.

    Args:
        whisper: The model that encoded the chunks.
        tokenizer: Tokenizer of the spoken language.
        states: Encoder states, shape (chunks, states, width).
        texts: Chunks with their segments, in the same order.
        speech: Speech intervals, in time order, disjoint.

    Returns:
        For each segment of each chunk its words: all of its text, in order, inside the segment, without overlap. No
        words where a chunk has more text than the decoder takes.

    Raises:
        RuntimeError: When the model cannot align.
    """
    tokenized = [[_tokenize_words(segment.text, tokenizer) for segment in text.segments] for text in texts]
    tokens = [[token for words in chunk for _, own in words for token in own] for chunk in tokenized]
    is_short = [0 < len(row) <= MAX_TOKENS for row in tokens]
    if not any(is_short):
        return [() for _ in texts]
    # Every row of a batch must have text; a row that does not fit gets a placeholder, whose result is not used.
    rows = [row if fits else tokenizer.encode(" -") for row, fits in zip(tokens, is_short, strict=True)]
    frames = [max(1, round(text.chunk.duration_s * _FRAMES_PER_SECOND)) for text in texts]
    results = whisper.model.align(states, list(tokenizer.sot_sequence), rows, frames)
    return [
        _time_segments(text, words, result, speech) if fits else ()
        for text, words, result, fits in zip(texts, tokenized, results, is_short, strict=True)
    ]


def _time_segments(
    text: ChunkText,
    tokenized: Sequence[Sequence[TokenizedWord]],
    result: Any,  # noqa: ANN401
    speech: Sequence[Span],
) -> SegmentWords:
    timed = iter(_time_words([word for words in tokenized for word in words], result, text.chunk))
    return tuple(
        tuple(_clip_to_speech(next(timed), segment, speech) for _ in words)
        for segment, words in zip(text.segments, tokenized, strict=True)
    )


def drop_stale_words(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Remove the words of segments that no longer match the text."""
    return tuple(segment if _has_own_words(segment) else replace(segment, words=()) for segment in segments)


def _has_own_words(segment: Segment) -> bool:
    return "".join(word.word for word in segment.words) == "".join(segment.text.split())


def _tokenize_words(text: str, tokenizer: Tokenizer) -> list[TokenizedWord]:
    """Return words with their tokens.

    A language without spaces is cut at each character where a token ends.
    """
    if tokenizer.language_code not in _UNSPACED:
        return [(word, tokenizer.encode(" " + word)) for word in text.split()]
    pieces = zip(*tokenizer.split_tokens_on_unicode(tokenizer.encode(text)), strict=True)
    return [("".join(piece.split()), tokens) for piece, tokens in pieces]


def _time_words(words: Sequence[TokenizedWord], result: Any, chunk: Chunk) -> list[Word]:  # noqa: ANN401
    """Return words with the times of a `ctranslate2.models.WhisperAlignmentResult`."""
    path = np.asarray(result.alignments, np.int64).reshape(-1, 2)
    edges = [0, *accumulate(len(tokens) for _, tokens in words)]
    # The path also contains the end-of-text token.
    frames = path[np.searchsorted(path[:, 0], edges).clip(max=len(path) - 1), 1]
    times_s = np.minimum(frames * TIMESTAMP_S, chunk.duration_s).tolist()
    spans = [chunk.to_recording(start_s, end_s) for start_s, end_s in pairwise(times_s)]
    scores = np.concatenate(([0.0], np.cumsum(result.text_token_probs)))
    return [
        Word(
            word,
            round(span.start, 3),
            round(span.end, 3),
            float((scores[after] - scores[first]) / (after - first)) if after > first else None,
        )
        for (word, _), span, (first, after) in zip(words, spans, pairwise(edges), strict=True)
    ]


def _clip_to_speech(word: Word, segment: Segment, speech: Sequence[Span]) -> Word:
    """Clip a word to its segment, without the pause before or after it."""
    start, end = (min(max(time or 0.0, segment.start), segment.end) for time in (word.start, word.end))
    pieces = intervals.within(speech, start, end)
    spoken = max(pieces, key=attrgetter("duration_s"), default=None)
    return Word(word.word, spoken.start, spoken.end, word.score) if spoken else Word(word.word, start, end, word.score)
