"""Thresholds on a chunk's scores: silence, failure, retry and choice of the best attempt."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_whisper.hallucinations import find_loop, fitting_words, least_letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Seconds, Settings
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk

_MIN_LETTERS_PER_S = 7
"""Letters of slow speech."""
_PAUSES_S: Seconds = 1.0
"""Speech intervals of a chunk that may be breath or padding."""
_FAIRLY_SURE = 0.7
"""Part of the log-probability threshold."""


def is_silence(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk is silence by both thresholds, as in Whisper's own rule."""
    return chunk.no_speech_prob > settings.no_speech_threshold and chunk.avg_logprob < settings.logprob_threshold


def fails_threshold(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk fails the compression ratio or the log-probability threshold."""
    return (
        chunk.compression_ratio > settings.compression_ratio_threshold or chunk.avg_logprob < settings.logprob_threshold
    )


def is_complete(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a text seems to be all that is spoken.

    It has as many letters as its speech lets expect, no loop, and the model is fairly sure of it.
    """
    letters = least_letters(chunk.text)
    has_enough = letters >= _MIN_LETTERS_PER_S * (chunk.speech_s - _PAUSES_S)
    return (
        has_enough and chunk.avg_logprob >= _FAIRLY_SURE * settings.logprob_threshold and not repeats(chunk, settings)
    )


def repeats(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk repeats itself too much, by the compression ratio threshold or as a loop."""
    return chunk.compression_ratio > settings.compression_ratio_threshold or is_loop(chunk, settings)


def needs_retry(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk repeats itself too much, and is not silence.

    A chunk that the model is only unsure of does not: other temperatures seldom give a better text, and take long.
    """
    return repeats(chunk, settings) and not is_silence(chunk, settings)


def is_sure(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether the log-probability of a chunk is at least half the threshold."""
    return chunk.avg_logprob >= settings.logprob_threshold / 2


def is_loop(chunk: DecodedChunk, settings: Settings) -> bool:
    """Return whether a chunk repeats itself more often or faster than a person does."""
    text = chunk.text.replace("-", " ")
    is_often = find_loop(text).is_suspicious
    return is_often or not all(fitting_words(text, chunk.speech_s, is_sure=is_sure(chunk, settings)))


def pick_best(attempts: Sequence[DecodedChunk], settings: Settings) -> DecodedChunk:
    """Return the most probable attempt without repetition.

    Where all repeat themselves, it is the one that does so least: the longer a loop is, the surer is the model of it.
    """
    if without_repetition := [attempt for attempt in attempts if not repeats(attempt, settings)]:
        return max(without_repetition, key=attrgetter("avg_logprob"))
    return min(attempts, key=attrgetter("compression_ratio"))
