"""Transcription of the speech in a recording: first pass, redecoding, and warnings about missing text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker import Span, intervals
from whisperx_worker_plugins.russian_whisper import coverage, decoding, filtering
from whisperx_worker_plugins.russian_whisper.attention_alignment import drop_stale_words
from whisperx_worker_plugins.russian_whisper.chunking import ChunkLimits, pack_chunks
from whisperx_worker_plugins.russian_whisper.redecoding import redecode_gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Audio, Job, Segment
    from whisperx_worker_plugins.russian_whisper.library_types import Whisper


def transcribe_speech(  # noqa: PLR0913  the inputs of decoding
    whisper: Whisper, audio: Audio, speech: Sequence[Span], limits: ChunkLimits, language: str, job: Job
) -> tuple[Segment, ...]:
    """Decode speech chunk by chunk, and decode again where it has too little text.

    Args:
        whisper: The model.
        audio: The recording.
        speech: Speech intervals, at least one.
        limits: Limits on the chunks.
        language: ISO code.
        job: For the request, the thresholds and warnings.
    """

    def decode(chunks: Sequence[Span], *, is_retry: bool = True) -> filtering.Filtered:
        decoded = decoding.decode_chunks(whisper, audio, chunks, speech, language, job, prompted=not is_retry)
        pairs = zip(chunks, decoded, strict=True)
        return filtering.filter_chunks(pairs, speech, whisper, job, keep_unreliable=not is_retry)

    chunks = pack_chunks(speech, limits)
    result = redecode_gaps(decode(chunks, is_retry=False), chunks, decode, speech, limits)
    filtering.report_removed([*result.removed, *result.misplaced], job)
    without_text = coverage.speech_without_text(speech, chunks, result.segments, limits)
    _warn_without_text(without_text, [one.span for one in result.removed], job)
    for segment in result.segments:
        if coverage.is_sparse(segment, speech):
            job.warn("there is far more speech here than text", Span(segment.start, segment.end))
    return drop_stale_words(result.segments)


def _warn_without_text(without_text: Sequence[Span], removed: Sequence[Span], job: Job) -> None:
    """Warn about speech without text where no removal is reported."""
    reported = intervals.merge(removed)
    for gap in without_text:
        if not intervals.within(reported, gap.start, gap.end):
            job.warn("speech was heard here, but the model gave no text", gap)
