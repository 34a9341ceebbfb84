"""Word times from the decoder's cross-attention, for jobs with speakers and without forced alignment.

The weights of a model's alignment heads, smoothed, are a cost of every token at every frame; dynamic time warping finds
the cheapest path through them (Whisper's own `timing.py`; here it runs inside CTranslate2). A word begins where the
path enters its first token, and ends where it enters the next word.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from whisperx_worker import (
    JobCancelledError,
    OomBackoff,
    Seconds,
    Segment,
    Span,
    StrictError,
    Word,
    WorkerError,
    intervals,
)
from whisperx_worker_plugins.russian_whisper.whisper_model import TIMESTAMP_S, EncoderStates, Tokenizer, Whisper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from whisperx_worker import Job, Request

log = logging.getLogger(__name__)

MAX_TOKENS = 440
"""Text tokens of one chunk; the decoder has 448 places, of which the prompt takes some."""

MAX_CHUNKS_ON_CPU = 4
"""More at once are no faster there, and each takes the memory of its tokens times the vocabulary."""

MIN_PIECE_S: Seconds = 0.1
"""A word is not in a shorter piece of speech that its times touch, if they touch a longer one."""

Spelled: TypeAlias = tuple[str, list[int]]
"""A word and its tokens."""

_FRAMES_PER_SECOND = 100
_UNSPACED = frozenset({"ja", "lo", "my", "th", "yue", "zh"})


@dataclass(frozen=True)
class Text:
    """What was recognised in one chunk."""

    chunk: Span
    segments: Sequence[Segment]
    """In time order."""


Words: TypeAlias = tuple[tuple[Word, ...], ...]
"""The words of each segment of a chunk."""


def are_wanted(request: Request) -> bool:
    """Whether a job needs word times that no other stage gives; those of a translation would mean nothing."""
    return request.diarization and not request.align_output and request.task == "transcribe"


def words_of_batch(  # noqa: PLR0913  what aligning takes, and the job
    whisper: Whisper,
    tokenizer: Tokenizer,
    part: Callable[[Sequence[int]], EncoderStates],
    texts: Sequence[Text],
    speech: Sequence[Span],
    job: Job,
) -> list[Words]:
    """Align a batch as `words_by_attention` does; where that fails, log it and give no words.

    Whoever joins the text with the speakers warns where words are missed. A folder that was converted without
    `alignment_heads` has none.

    Args:
        whisper: As there.
        tokenizer: As there.
        part: Gives the encoder's output of some chunks, by rising index.
        texts: As there, at least one.
        speech: As there.
        job: For warnings of memory.
    """

    def align(some: Sequence[int]) -> list[Words]:
        return words_by_attention(whisper, tokenizer, part(some), [texts[number] for number in some], speech)

    most = MAX_CHUNKS_ON_CPU if whisper.model.device == "cpu" else len(texts)
    try:
        return OomBackoff(job, "transcribe", most).run(range(len(texts)), align)
    except (StrictError, JobCancelledError):
        raise
    except (RuntimeError, ValueError, IndexError, WorkerError) as error:
        log.warning("no word times by attention: %s", error)
        job.health.note(error)
        return [() for _ in texts]


def words_by_attention(
    whisper: Whisper, tokenizer: Tokenizer, encoded: EncoderStates, texts: Sequence[Text], speech: Sequence[Span]
) -> list[Words]:
    """Align the text of encoded chunks with their sound.

    Args:
        whisper: The model that encoded the chunks.
        tokenizer: Of the language that is spoken.
        encoded: Shape (chunks, frames, width).
        texts: Chunks with their segments, in the same order.
        speech: Speech intervals, in time order and apart.

    Returns:
        For each segment of each chunk its words: all of its text, in order, inside the segment, none overlapping. None
        where a chunk has more text than the decoder takes.

    Raises:
        RuntimeError: When the model cannot align.
    """
    spelled = [[_spelled(segment.text, tokenizer) for segment in text.segments] for text in texts]
    tokens = [[token for words in chunk for _, spelling in words for token in spelling] for chunk in spelled]
    fits = [0 < len(row) <= MAX_TOKENS for row in tokens]
    if not any(fits):
        return [() for _ in texts]
    # Every row of a batch must have some text; what does not fit has a stand-in, which is not used.
    given = [row if fitting else tokenizer.encode(" -") for row, fitting in zip(tokens, fits, strict=True)]
    frames = [max(1, round(text.chunk.duration_s * _FRAMES_PER_SECOND)) for text in texts]
    results = whisper.model.align(encoded, list(tokenizer.sot_sequence), given, frames)
    return [
        _words(text, words, result, speech) if fitting else ()
        for text, words, result, fitting in zip(texts, spelled, results, fits, strict=True)
    ]


def _words(text: Text, spelled: Sequence[Sequence[Spelled]], result: Any, speech: Sequence[Span]) -> Words:  # noqa: ANN401
    timed = iter(_timed([word for words in spelled for word in words], result, text.chunk))
    return tuple(
        tuple(_inside(next(timed), segment, speech) for _ in words)
        for segment, words in zip(text.segments, spelled, strict=True)
    )


def without_stale_words(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Segments, those without their words whose text is no longer made of them."""
    return tuple(segment if _are_its_words(segment) else replace(segment, words=()) for segment in segments)


def _are_its_words(segment: Segment) -> bool:
    return "".join(word.word for word in segment.words) == "".join(segment.text.split())


def _spelled(text: str, tokenizer: Tokenizer) -> list[Spelled]:
    """Words with their tokens; a language without spaces is cut at every character that tokens end with."""
    if tokenizer.language_code not in _UNSPACED:
        return [(word, tokenizer.encode(" " + word)) for word in text.split()]
    pieces = zip(*tokenizer.split_tokens_on_unicode(tokenizer.encode(text)), strict=True)
    return [("".join(piece.split()), tokens) for piece, tokens in pieces]


def _timed(words: Sequence[Spelled], result: Any, chunk: Span) -> list[Word]:  # noqa: ANN401
    """Words with the times of a `ctranslate2.models.WhisperAlignmentResult`."""
    path = np.asarray(result.alignments, np.int64).reshape(-1, 2)
    edges = [0, *accumulate(len(tokens) for _, tokens in words)]
    # The end of the text is a token of the path too.
    frames = path[np.searchsorted(path[:, 0], edges).clip(max=len(path) - 1), 1]
    times = np.minimum(chunk.start + frames * TIMESTAMP_S, chunk.end).round(3).tolist()
    scores = np.concatenate(([0.0], np.cumsum(result.text_token_probs)))
    return [
        Word(word, start, end, float((scores[after] - scores[first]) / (after - first)) if after > first else None)
        for (word, _), (start, end), (first, after) in zip(words, pairwise(times), pairwise(edges), strict=True)
    ]


def _inside(word: Word, segment: Segment, speech: Sequence[Span]) -> Word:
    """A word without the pause that follows or precedes it, and inside its segment."""
    start, end = (min(max(time or 0.0, segment.start), segment.end) for time in (word.start, word.end))
    pieces = intervals.within(speech, start, end)
    spoken = next((piece for piece in pieces if piece.duration_s >= MIN_PIECE_S), pieces[0] if pieces else None)
    return Word(word.word, spoken.start, spoken.end, word.score) if spoken else Word(word.word, start, end, word.score)
