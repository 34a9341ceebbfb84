"""Made values: a tone, a transcript, turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.types import SAMPLE_RATE_HZ, Audio, Diarization, Segment, SpeakerTurn, Transcript, Word

if TYPE_CHECKING:
    from whisperx_worker.types import Seconds


def make_audio(duration_s: Seconds = 1.0, frequency_hz: float = 220.0) -> Audio:
    """Return a quiet tone."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return Audio((0.1 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32))


def make_transcript(*texts: str, language: str = "ru") -> Transcript:
    """Return a transcript of one-second segments with words spread evenly."""
    segments = []
    for number, text in enumerate(texts):
        words = text.split()
        step = 1.0 / max(1, len(words))
        timed = tuple(
            Word(word, round(number + i * step, 3), round(number + (i + 1) * step, 3), 1.0)
            for i, word in enumerate(words)
        )
        segments.append(Segment(float(number), float(number + 1), text, timed))
    return Transcript(tuple(segments), language)


def make_diarization(*turns: tuple[Seconds, Seconds, str]) -> Diarization:
    """Return a diarization of (start, end, speaker) turns; the exclusive ones are the same."""
    made = tuple(SpeakerTurn(start, end, speaker) for start, end, speaker in turns)
    return Diarization(made, exclusive=made, embeddings={})
