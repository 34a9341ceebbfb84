"""Transcription of the speech in a recording: first pass, redecoding, and warnings about missing text."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker import Span, intervals
from whisperx_worker_plugins.russian_whisper import coverage, decoding
from whisperx_worker_plugins.russian_whisper.attention_alignment import drop_stale_words
from whisperx_worker_plugins.russian_whisper.chunking import pack_chunks, whole
from whisperx_worker_plugins.russian_whisper.decoding import Pass
from whisperx_worker_plugins.russian_whisper.faint_speech import FAINT_WINDOWS, add_faint
from whisperx_worker_plugins.russian_whisper.judgement import Reading, judge_chunks
from whisperx_worker_plugins.russian_whisper.readings_report import report_readings
from whisperx_worker_plugins.russian_whisper.redecoding import redecode_gaps
from whisperx_worker_plugins.russian_whisper.thresholds import is_sure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Audio, Job, Seconds, Segment, Speech
    from whisperx_worker_plugins._shared.whisper.library_types import Whisper
    from whisperx_worker_plugins.russian_whisper.chunking import Chunk, ChunkLimits


def transcribe_speech(  # noqa: PLR0913  the inputs of decoding
    whisper: Whisper, audio: Audio, detected: Speech, limits: ChunkLimits, language: str, job: Job
) -> tuple[Segment, ...]:
    """Decode speech, again where it has too little text, and once what may be speech.

    Args:
        whisper: The model.
        audio: The recording.
        detected: Speech intervals no longer than a chunk, and those that may be speech.
        limits: Limits on the chunks.
        language: ISO code.
        job: For the request, the thresholds and warnings.
    """
    speech = detected.spans
    possible = sorted((*speech, *detected.faint), key=attrgetter("start"))
    readings: list[Reading] = []

    def read(chunks: Sequence[Chunk], which: Pass) -> list[Reading]:
        decoded = decoding.decode_chunks(whisper, audio, chunks, possible, language, job, which)
        return judge_chunks(zip(chunks, decoded, strict=True), possible, whisper, job.settings)

    def reread(spans: Sequence[Span]) -> list[Reading]:
        again = read(whole(spans), Pass.AGAIN)
        readings.extend(again)
        return again

    chunks = pack_chunks(speech, limits)
    readings += read(chunks, Pass.FIRST)
    result = redecode_gaps(tuple(readings), chunks, reread, speech, limits)
    missing = report_readings([*readings, *result.withdrawn], result.segments, job)
    _warn_without_text(coverage.speech_without_text(speech, chunks, result.segments, limits), missing, job)
    faint = _faint_with_text(whisper, audio, detected.faint, limits.seams, language, job)
    segments = add_faint(result.segments, read(whole(faint), Pass.FAINT), detected.faint, job)
    for segment in segments:
        if coverage.is_sparse(segment, speech):
            job.warn("there is far more speech here than text", Span(segment.start, segment.end))
    return drop_stale_words(segments)


def _faint_with_text(  # noqa: PLR0913  the inputs of decoding
    whisper: Whisper, audio: Audio, faint: Sequence[Span], seams: tuple[Seconds, ...], language: str, job: Job
) -> list[Span]:
    """Return the intervals of faint speech that may have text: joined to windows, they have some."""
    windows = [window for window in pack_chunks(faint, replace(FAINT_WINDOWS, seams=seams)) if len(window.parts) > 1]
    decoded = decoding.decode_chunks(whisper, audio, windows, faint, language, job, Pass.FAINT)
    empty = {
        span
        for window, chunk in zip(windows, decoded, strict=True)
        if not chunk.text or not is_sure(chunk, job.settings)
        for span in intervals.within(faint, window.start, window.end)
    }
    return [span for span in faint if span not in empty]


def _warn_without_text(without_text: Sequence[Span], missing: Sequence[Span], job: Job) -> None:
    """Warn about speech without text where no removal is reported."""
    reported = intervals.merge(missing)
    for gap in without_text:
        if not intervals.within(reported, gap.start, gap.end):
            job.warn("speech was heard here, but the model gave no text", gap)
