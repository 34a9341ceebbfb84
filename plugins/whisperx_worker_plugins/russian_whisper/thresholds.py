"""Thresholds on a chunk's scores: silence, failure, retry and choice of the best attempt."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_whisper.hallucinations import find_loop, fitting_words

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
    """Return whether a chunk fails a threshold or repeats itself too much, and is not silence."""
    return (fails_threshold(chunk, settings) or is_loop(chunk, settings)) and not is_silence(chunk, settings)


def is_sure(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether the log-probability of a chunk is at least half the threshold."""
    return chunk.avg_logprob >= settings.logprob_threshold / 2


def is_loop(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk repeats itself more often or faster than a person does."""
    text = chunk.text.replace("-", " ")
    is_often = find_loop(text).is_suspicious
    return is_often or not all(fitting_words(text, chunk.speech_s, is_sure=is_sure(chunk, settings)))


def pick_best(attempts: Sequence[DecodedChunk], settings: Settings) -> DecodedChunk:
    """Return the most probable attempt that passes, else the most probable one without repetition.

    Where all repeat themselves, it is the one that does so least: the longer a loop is, the surer is the model of it.
    """
    passing = [attempt for attempt in attempts if not needs_retry(attempt, settings)]
    without_repetition = [
        attempt
        for attempt in attempts
        if attempt.compression_ratio <= settings.compression_ratio_threshold and not is_loop(attempt, settings)
    ]
    if chosen := passing or without_repetition:
        return max(chosen, key=attrgetter("avg_logprob"))
    return min(attempts, key=attrgetter("compression_ratio"))
