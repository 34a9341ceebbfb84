"""Which language is spoken: a vote of windows that are spread over the speech of the whole recording."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import OomBackoff, Span, intervals
from whisperx_worker_plugins.russian_whisper import chunking
from whisperx_worker_plugins.russian_whisper.encoded import encode
from whisperx_worker_plugins.russian_whisper.spectrogram import log_mel_spectrogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from whisperx_worker import Audio, Job, Seconds
    from whisperx_worker_plugins.russian_whisper.whisper_model import Whisper

log = logging.getLogger(__name__)

_MIN_DISSENT = 0.5
"""A window whose best language is less probable says nothing against the others."""


_MIN_CERTAIN = 0.6
"""A language with less is told as a doubt."""


@dataclass(frozen=True)
class Vote:
    """What one window says."""

    span: Span
    """From the window's first speech to its last."""
    speech_s: Seconds
    probabilities: Mapping[str, float]
    """By ISO code."""

    @property
    def language(self) -> str:
        """The most probable one."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def probability(self) -> float:
        """That of the most probable language."""
        return self.probabilities[self.language]


def detect(whisper: Whisper, audio: Audio, heard: tuple[Span, ...], job: Job) -> tuple[str, float]:
    """The language and its probability, averaged over all windows by their speech.

    A job that sets `language_detection_min_prob` has windows looked at one by one, until one reaches it and decides.
    The client is told where none does, and where windows are in another language than the one that was found.

    Args:
        whisper: The model.
        audio: The recording.
        heard: Its stretches of speech, at least one.
        job: For the request's limits.

    Returns:
        ISO code and probability in 0..1.
    """
    enough = job.request.language_detection_min_prob
    if not whisper.model.is_multilingual:
        return "en", 1.0
    votes = _votes(whisper, audio, heard, job)
    is_enough = enough > 0 and votes[-1].probability >= enough
    code, probability = (votes[-1].language, votes[-1].probability) if is_enough else winner(votes)
    log.info("language: %s with probability %.2f by %d windows", code, probability, len(votes))
    if enough and not is_enough:
        job.warn(
            f"the language was taken to be {code!r} with probability {probability:.2f}: no window of {len(votes)} "
            f"reached language_detection_min_prob {enough:g}"
        )
    elif probability < _MIN_CERTAIN:
        job.warn(f"the language is not certain: {code!r} was taken, with probability {probability:.2f}")
    for message, span in dissent(votes, code):
        job.warn(message, span)
    return code, probability


def winner(votes: Sequence[Vote]) -> tuple[str, float]:
    """The language with the most probability, and its mean; both weighted by speech."""
    total: Counter[str] = Counter()
    for vote in votes:
        total.update({code: probability * vote.speech_s for code, probability in vote.probabilities.items()})
    code, summed = total.most_common(1)[0]
    return code, summed / sum(vote.speech_s for vote in votes)


def dissent(votes: Sequence[Vote], code: str) -> Iterator[tuple[str, Span]]:
    """A sentence for each run of windows in another language than the one that was found, and where they lie."""
    listened_s = sum(vote.speech_s for vote in votes)
    in_order = sorted(votes, key=lambda vote: vote.span.start)
    for other, run in groupby(in_order, key=attrgetter("language")):
        windows = [vote for vote in run if vote.probability >= _MIN_DISSENT]
        if windows and other != code:
            share = sum(vote.speech_s for vote in windows) / listened_s
            message = (
                f"{share:.0%} of the speech that was listened to sounds like {other!r}, with probability "
                f"{max(vote.probability for vote in windows):.2f}; the language was taken to be {code!r}"
            )
            yield message, Span(windows[0].span.start, max(vote.span.end for vote in windows))


def window_offsets(speech_s: Seconds, tries: int) -> list[Seconds]:
    """Where windows begin, counted in seconds of speech: spread evenly, the middle one first, as most typical.

    Args:
        speech_s: How much speech there is.
        tries: At most so many windows.
    """
    count = max(1, min(tries, math.ceil(speech_s / chunking.WINDOW_S)))
    last = max(0.0, speech_s - chunking.WINDOW_S)
    spread = [last / 2] if count == 1 else [last * place / (count - 1) for place in range(count)]
    return sorted(spread, key=lambda offset: abs(offset - last / 2))


def _votes(whisper: Whisper, audio: Audio, heard: tuple[Span, ...], job: Job) -> list[Vote]:
    """What the windows say that are looked at; together, where none of them can end the search."""
    request = job.request
    offsets = window_offsets(intervals.total_s(heard), request.language_detection_max_tries)
    windows = [chunking.speech_window(heard, skip_s) for skip_s in offsets]

    def look(some: Sequence[list[Span]]) -> list[Vote]:
        mels = np.stack([log_mel_spectrogram(whisper, chunking.join_samples(audio, parts)) for parts in some])
        found = whisper.model.detect_language(encode(whisper, mels))
        return [
            Vote(
                Span(parts[0].start, parts[-1].end),
                intervals.total_s(parts),
                {token[2:-2]: float(probability) for token, probability in languages},
            )
            for parts, languages in zip(some, found, strict=True)
        ]

    enough = request.language_detection_min_prob
    fitting = OomBackoff(job, "transcribe", most=request.batch_size)
    votes: list[Vote] = []
    size = 1 if enough else len(windows)
    for start in range(0, len(windows), size):
        job.progress("transcribe", 0.0)
        votes += fitting.run(windows[start : start + size], look)
        if enough and votes[-1].probability >= enough:
            break
    return votes
