"""Which language is spoken, from windows spread over the speech of the whole recording."""

from __future__ import annotations

import logging
import math
from collections import Counter
from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_whisper import speech
from whisperx_worker_plugins.russian_whisper.model import Whisper, features

if TYPE_CHECKING:
    from whisperx_worker import Audio, Job, Seconds, Span

log = logging.getLogger(__name__)


def detect(whisper: Whisper, audio: Audio, heard: tuple[Span, ...], job: Job) -> tuple[str, float]:
    """The language and its probability.

    The first window that reaches the job's `language_detection_min_prob` decides. Where none does, probabilities are
    averaged over all windows, and the client is told.

    Args:
        whisper: The model.
        audio: The recording.
        heard: Its stretches of speech, at least one.
        job: For the request's limits.

    Returns:
        ISO code and probability in 0..1.
    """
    enough, tries = job.request.language_detection_min_prob, job.request.language_detection_max_tries
    if not whisper.model.is_multilingual:
        return "en", 1.0
    offsets = window_offsets(sum(span.duration_s for span in heard), tries)
    total: Counter[str] = Counter()
    for skip_s in offsets:
        job.progress("transcribe", 0.0)
        window = features(whisper, speech.window(audio, heard, skip_s))
        found = {token[2:-2]: float(p) for token, p in whisper.model.detect_language(whisper.encode(window))[0]}
        total.update(found)
        code, probability = max(found.items(), key=lambda item: item[1])
        log.info("language: %s with probability %.2f after %.0f s of speech", code, probability, skip_s)
        if probability >= enough:
            return code, probability
    code, summed = total.most_common(1)[0]
    probability = summed / len(offsets)
    job.warn(
        f"the language was taken to be {code!r} with probability {probability:.2f}: no window of {len(offsets)} "
        f"reached language_detection_min_prob {enough:g}"
    )
    return code, probability


def window_offsets(speech_s: Seconds, tries: int) -> list[Seconds]:
    """Where windows begin, counted in seconds of speech: spread evenly, the middle one first, as most typical.

    Args:
        speech_s: How much speech there is.
        tries: At most so many windows.
    """
    count = max(1, min(tries, math.ceil(speech_s / speech.WINDOW_S)))
    last = max(0.0, speech_s - speech.WINDOW_S)
    spread = [last / 2] if count == 1 else [last * place / (count - 1) for place in range(count)]
    return sorted(spread, key=lambda offset: abs(offset - last / 2))
