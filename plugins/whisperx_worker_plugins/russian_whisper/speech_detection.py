"""Speech intervals of a recording, found by Silero's voice activity detector."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span
from whisperx_worker_plugins.russian_whisper.chunking import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Sequence

PIECE = 30 * 60 * SAMPLE_RATE_HZ
"""Samples that the detector gets at once, 30 minutes."""
_FRAME = 512
"""Samples of one frame of the detector."""
_MIN_SILENCE_MS = 300
_PADDING_MS = 200


def detect_speech(audio: Audio, *, onset: float, offset: float, longest_s: Seconds = WINDOW_S) -> tuple[Span, ...]:
    """Return the speech intervals of a recording, in time order, padded by 0.2 s.

    The detector is Silero VAD from faster-whisper. It needs more than twice the memory of its input, so a long
    recording goes through it in pieces, which are cut in pauses.

    Args:
        audio: The recording.
        onset: Probability in 0..1 at which speech begins.
        offset: Probability in 0..1 below which it ends.
        longest_s: Maximum length of an interval; a longer one is cut, in a pause where there is one.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=onset,
        neg_threshold=offset,
        max_speech_duration_s=longest_s,
        min_silence_duration_ms=_MIN_SILENCE_MS,
        speech_pad_ms=_PADDING_MS,
    )
    speech: list[Span] = []
    begin = 0
    while begin < len(audio.samples):
        end = min(begin + PIECE, len(audio.samples))
        samples = [
            (begin + part["start"], begin + part["end"])
            for part in get_speech_timestamps(audio.samples[begin:end], options)
        ]
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
    return sum(longest) // 2 // _FRAME * _FRAME
