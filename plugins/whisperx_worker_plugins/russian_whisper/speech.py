"""Where somebody speaks, and how that is packed into chunks that fill a Whisper window."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WINDOW_S: Seconds = 30.0
"""What Whisper hears at once."""

PIECE = 30 * 60 * SAMPLE_RATE_HZ
"""Samples that the detector hears at once."""
_FRAME = 512
"""Samples of one of its frames."""
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

    The detector is Silero's, as it comes with faster-whisper. It takes more than twice the memory of what it listens
    to, so a long recording goes through it in pieces, cut in pauses.

    Args:
        audio: The recording.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends.
        longest_s: A longer stretch is cut, in a pause where there is one.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=onset,
        neg_threshold=offset,
        max_speech_duration_s=longest_s,
        min_silence_duration_ms=_MIN_SILENCE_MS,
        speech_pad_ms=_PADDING_MS,
    )
    found: list[Span] = []
    begin = 0
    while begin < len(audio.samples):
        end = min(begin + PIECE, len(audio.samples))
        heard = [
            (begin + part["start"], begin + part["end"])
            for part in get_speech_timestamps(audio.samples[begin:end], options)
        ]
        begin = end if end == len(audio.samples) else _best_cut(heard, begin, end)
        found += [Span(a / SAMPLE_RATE_HZ, min(b, begin) / SAMPLE_RATE_HZ) for a, b in heard if a < begin]
    return tuple(found)


def _best_cut(speech: Sequence[tuple[int, int]], begin: int, end: int) -> int:
    """Where to end a piece: the middle of the longest pause in its second half, on a frame; all are samples."""
    pauses = pairwise([begin, *(edge for stretch in speech for edge in stretch), end])
    late = [(a, b) for a, b in list(pauses)[::2] if b > (begin + end) // 2]
    longest = max(late, key=lambda pause: pause[1] - pause[0])
    return sum(longest) // 2 // _FRAME * _FRAME


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


def window_parts(speech: Sequence[Span], skip_s: Seconds) -> list[Span]:
    """Up to 30 s of nothing but speech.

    Args:
        speech: Stretches of speech.
        skip_s: How much speech to leave out before it.
    """
    parts: list[Span] = []
    wanted_s = WINDOW_S
    for span in speech:
        if skip_s >= span.duration_s:
            skip_s -= span.duration_s
            continue
        start, skip_s = span.start + skip_s, 0.0
        end = min(span.end, start + wanted_s)
        parts.append(Span(start, end))
        wanted_s -= end - start
        if wanted_s <= 0:
            break
    return parts


def samples_of(audio: Audio, parts: Sequence[Span]) -> NDArray[np.float32]:
    """The samples of some stretches, one after the other; shape (n,)."""
    return np.concatenate([np.zeros(0, np.float32), *(audio.between(part.start, part.end) for part in parts)])
