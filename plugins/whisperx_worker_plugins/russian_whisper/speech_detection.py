"""Speech intervals of a recording, found by Silero's voice activity detector."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span
from whisperx_worker_plugins._shared import silero
from whisperx_worker_plugins.russian_whisper.chunking import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Sequence

PIECE_SAMPLES = 30 * 60 * SAMPLE_RATE_HZ
"""Maximum number of samples that the detector gets at once, 30 minutes."""
_PADDING_MS = 200


def detect_speech(audio: Audio, *, onset: float, offset: float, longest_s: Seconds = WINDOW_S) -> tuple[Span, ...]:
    """Return the speech intervals of a recording, in time order, padded by 0.2 s.

    Silero's detector needs more than twice the memory of its input, so a long recording goes through it in pieces,
    which are cut in pauses.

    Args:
        audio: The recording.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends.
        longest_s: Maximum length of an interval; a longer one is cut, in a pause where there is one.
    """
    speech: list[Span] = []
    begin = 0
    while begin < len(audio.samples):
        end = min(begin + PIECE_SAMPLES, len(audio.samples))
        found = silero.detect_speech(
            audio.samples[begin:end], padding_ms=_PADDING_MS, onset=onset, offset=offset, max_duration_s=longest_s
        )
        samples = [(begin + start, begin + after) for start, after in found]
        begin = end if end == len(audio.samples) else _best_cut(samples, begin, end)
        speech += [Span(a / SAMPLE_RATE_HZ, min(b, begin) / SAMPLE_RATE_HZ) for a, b in samples if a < begin]
    return tuple(speech)


def _best_cut(speech: Sequence[tuple[int, int]], begin: int, end: int) -> int:
    """Return the middle of the longest pause in the second half of a piece.

    All positions are in samples; the result is on the edge of a frame.
    """
    pauses = pairwise([begin, *(edge for interval in speech for edge in interval), end])
    late = [(a, b) for a, b in list(pauses)[::2] if b > (begin + end) // 2]
    longest = max(late, key=lambda pause: pause[1] - pause[0])
    return sum(longest) // 2 // silero.FRAME_SAMPLES * silero.FRAME_SAMPLES
