"""Language detection: a vote of windows spread over the speech of the whole recording."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import Language, OomBackoff, Span, intervals
from whisperx_worker_plugins._shared.whisper.encoder_states import encode_spectrograms
from whisperx_worker_plugins._shared.whisper.spectrogram import WINDOW_S, join_samples, log_mel_spectrogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from whisperx_worker import Audio, Job, Seconds
    from whisperx_worker_plugins._shared.whisper.library_types import Whisper

log = logging.getLogger(__name__)

_MIN_DISAGREEMENT = 0.5
"""Minimum probability at which a window in another language is reported."""

_MIN_CERTAIN = 0.6
"""Minimum probability of a language that is not reported as uncertain."""


@dataclass(frozen=True)
class Vote:
    """Language probabilities of one window."""

    span: Span
    """From the start of the window's first speech to the end of its last."""
    speech_s: Seconds
    probabilities: Mapping[str, float]
    """By ISO code."""

    @property
    def language(self) -> str:
        """Most probable language."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def probability(self) -> float:
        """Probability of the most probable language."""
        return self.probabilities[self.language]


def detect_language(whisper: Whisper, audio: Audio, speech: tuple[Span, ...], job: Job) -> Language:
    """Return the language and its probability, averaged over all windows by their speech.

    With `language_detection_min_prob` in the request, windows are classified one by one until one reaches it and
    decides. Warns where none does, and where windows are in another language than the detected one.

    Args:
        whisper: The model.
        audio: The recording.
        speech: Speech intervals, at least one.
        job: For the request's limits.

    Returns:
        With its probability.
    """
    min_probability = job.request.language_detection_min_prob
    if not whisper.model.is_multilingual:
        return Language("en", 1.0)
    votes = _collect_votes(whisper, audio, speech, job)
    is_reached = min_probability > 0 and votes[-1].probability >= min_probability
    code, probability = (votes[-1].language, votes[-1].probability) if is_reached else count_votes(votes)
    log.info("language: %s with probability %.2f by %d windows", code, probability, len(votes))
    if min_probability and not is_reached:
        job.warn(
            f"the language was taken to be {code!r} with probability {probability:.2f}: no window of {len(votes)} "
            f"reached language_detection_min_prob {min_probability:g}"
        )
    elif probability < _MIN_CERTAIN:
        job.warn(f"the language is not certain: {code!r} was taken, with probability {probability:.2f}")
    for message, span in disagreements(votes, code):
        job.warn(message, span)
    return Language(code, probability)


def count_votes(votes: Sequence[Vote]) -> tuple[str, float]:
    """Return the language of the highest mean probability, weighted by speech, and that mean."""
    total: Counter[str] = Counter()
    for vote in votes:
        total.update({code: probability * vote.speech_s for code, probability in vote.probabilities.items()})
    code, weighted_sum = total.most_common(1)[0]
    return code, weighted_sum / sum(vote.speech_s for vote in votes)


def disagreements(votes: Sequence[Vote], code: str) -> Iterator[tuple[str, Span]]:
    """Yield a warning with its interval for each run of windows in another language."""
    total_s = sum(vote.speech_s for vote in votes)
    in_order = sorted(votes, key=lambda vote: vote.span.start)
    for other, run in groupby(in_order, key=attrgetter("language")):
        windows = [vote for vote in run if vote.probability >= _MIN_DISAGREEMENT]
        if windows and other != code:
            share = sum(vote.speech_s for vote in windows) / total_s
            message = (
                f"{share:.0%} of the speech that was listened to sounds like {other!r}, with probability "
                f"{max(vote.probability for vote in windows):.2f}; the language was taken to be {code!r}"
            )
            yield message, Span(windows[0].span.start, max(vote.span.end for vote in windows))


def window_offsets(speech_s: Seconds, tries: int) -> list[Seconds]:
    """Return window starts in seconds of speech, evenly spread, from the middle outwards.

    The middle of a recording is its most typical part.

    Args:
        speech_s: Total duration of the speech.
        tries: Maximum number of windows.
    """
    count = max(1, min(tries, math.ceil(speech_s / WINDOW_S)))
    last = max(0.0, speech_s - WINDOW_S)
    spread = [last / 2] if count == 1 else [last * index / (count - 1) for index in range(count)]
    return sorted(spread, key=lambda offset: abs(offset - last / 2))


def speech_window(speech: Sequence[Span], skip_s: Seconds) -> list[Span]:
    """Return intervals of up to 30 s of speech, without the pauses.

    Args:
        speech: Speech intervals, in time order.
        skip_s: Seconds of speech before the window.
    """
    parts: list[Span] = []
    left_s = WINDOW_S
    for span in speech:
        if skip_s >= span.duration_s:
            skip_s -= span.duration_s
            continue
        start, skip_s = span.start + skip_s, 0.0
        end = min(span.end, start + left_s)
        parts.append(Span(start, end))
        left_s -= end - start
        if left_s <= 0:
            break
    return parts


def _collect_votes(whisper: Whisper, audio: Audio, speech: tuple[Span, ...], job: Job) -> list[Vote]:
    """Classify windows, one by one where a probability ends the search, else in batches."""
    request = job.request
    offsets = window_offsets(intervals.total_s(speech), request.language_detection_max_tries)
    windows = [speech_window(speech, skip_s) for skip_s in offsets]

    def classify(batch: Sequence[list[Span]]) -> list[Vote]:
        mels = np.stack([log_mel_spectrogram(whisper, join_samples(audio, parts)) for parts in batch])
        detected = whisper.model.detect_language(encode_spectrograms(whisper, mels))
        return [
            Vote(
                Span(parts[0].start, parts[-1].end),
                intervals.total_s(parts),
                {token[2:-2]: float(probability) for token, probability in languages},
            )
            for parts, languages in zip(batch, detected, strict=True)
        ]

    min_probability = request.language_detection_min_prob
    backoff = OomBackoff(job, "identify_language", most=request.batch_size)
    votes: list[Vote] = []
    size = 1 if min_probability else len(windows)
    for start in range(0, len(windows), size):
        job.progress("identify_language", start / len(windows))
        votes += backoff.run(windows[start : start + size], classify)
        if min_probability and votes[-1].probability >= min_probability:
            break
    return votes
