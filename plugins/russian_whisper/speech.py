"""Where somebody speaks, and how that is packed into chunks that fill a Whisper window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WINDOW_S: Seconds = 30.0
"""What Whisper hears at once."""

_MIN_SILENCE_MS = 300
_PADDING_MS = 200


@dataclass(frozen=True)
class Packing:
    """How speech is packed into chunks."""

    longest_s: Seconds = WINDOW_S
    """No chunk is longer."""
    longest_pause_s: Seconds = 5.0
    """A longer pause begins a new chunk: silence inside a chunk invites invented text."""


def find(audio: Audio, *, onset: float, offset: float, longest_s: Seconds = WINDOW_S) -> tuple[Span, ...]:
    """Stretches of speech, in time order, padded by 0.2 s.

    The detector is Silero's, as it comes with faster-whisper.

    Args:
        audio: The recording.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends.
        longest_s: A longer stretch is cut, in a pause where there is one.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not len(audio.samples):
        return ()
    options = VadOptions(
        threshold=onset,
        neg_threshold=offset,
        max_speech_duration_s=longest_s,
        min_silence_duration_ms=_MIN_SILENCE_MS,
        speech_pad_ms=_PADDING_MS,
    )
    found = get_speech_timestamps(audio.samples, options)
    return tuple(Span(part["start"] / SAMPLE_RATE_HZ, part["end"] / SAMPLE_RATE_HZ) for part in found)


def chunks(speech: Sequence[Span], packing: Packing) -> list[Span]:
    """Neighbouring stretches joined while they fit into one chunk and no long pause is between them."""
    joined: list[Span] = []
    for span in speech:
        last = joined[-1] if joined else None
        if last and span.end - last.start <= packing.longest_s and span.start - last.end <= packing.longest_pause_s:
            joined[-1] = Span(last.start, span.end)
        else:
            joined.append(span)
    return joined


def window(audio: Audio, speech: tuple[Span, ...], skip_s: Seconds) -> NDArray[np.float32]:
    """Up to 30 s of nothing but speech.

    Args:
        audio: The recording.
        speech: Its stretches of speech.
        skip_s: How much speech to leave out before it.

    Returns:
        Samples, shape (n,), n at most 480,000.
    """
    parts, wanted_s = [], WINDOW_S
    for span in speech:
        if skip_s >= span.duration_s:
            skip_s -= span.duration_s
            continue
        start, skip_s = span.start + skip_s, 0.0
        end = min(span.end, start + wanted_s)
        parts.append(audio.between(start, end))
        wanted_s -= end - start
        if wanted_s <= 0:
            break
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
