"""Thresholds on a chunk's scores: silence, failure, retry and choice of the best attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_whisper.hallucinations import find_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Settings
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk


def is_silence(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk is silence by both thresholds, as in Whisper's own rule."""
    return chunk.no_speech_prob > settings.no_speech_threshold and chunk.avg_logprob < settings.logprob_threshold


def fails_threshold(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk fails the compression ratio or the log-probability threshold."""
    return (
        chunk.compression_ratio > settings.compression_ratio_threshold or chunk.avg_logprob < settings.logprob_threshold
    )


def needs_retry(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk fails a threshold or contains a loop, and is not silence."""
    is_bad = fails_threshold(chunk, settings) or find_loop(chunk.text).is_suspicious
    return is_bad and not is_silence(chunk, settings)


def is_reliable(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk passes, with a log-probability of at least half the threshold."""
    return not needs_retry(chunk, settings) and chunk.avg_logprob >= settings.logprob_threshold / 2


def pick_best(attempts: Sequence[DecodedChunk], settings: Settings) -> DecodedChunk:
    """Return the most probable attempt that passes, else the most probable one without repetition."""
    passing = [attempt for attempt in attempts if not needs_retry(attempt, settings)]
    without_repetition = [
        attempt
        for attempt in attempts
        if attempt.compression_ratio <= settings.compression_ratio_threshold
        and not find_loop(attempt.text).is_suspicious
    ]
    return max(passing or without_repetition or attempts, key=lambda attempt: attempt.avg_logprob)
