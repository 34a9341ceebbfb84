"""Recordings with their transcripts, and the one that comes with the kit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.testing.values import make_audio, make_diarization, make_transcript
from whisperx_worker.types import Audio, Diarization, Segment, Transcript, Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds

DEMO_FILE = Path(__file__).parent / "demo.wav"
"""The first seconds of the demo dialogue: 16 kHz, μ-law; synthetic voices, licensed as the package is."""
_DEMO_WORDS: dict[str, tuple[tuple[str, Seconds, Seconds], ...]] = {
    "SPEAKER_00": (
        ("Доброе", 0.33, 0.715),
        ("утро,", 0.715, 1.035),
        ("я", 1.18, 1.33),
        ("вас", 1.33, 1.515),
        ("слушаю.", 1.515, 2.06),
    ),
    "SPEAKER_01": (("Здравствуйте,", 2.605, 3.6), ("Анна", 3.815, 4.1), ("Сергеевна!", 4.1, 4.935)),
}
"""Words of the demo with start and end as the synthesiser reported them, by speaker."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording, and what the kit's engines find in it."""

    audio: Audio = field(default_factory=make_audio)
    transcript: Transcript = field(default_factory=make_transcript)
    """Answer of `transcribe`, which streams it, and of `align`."""
    diarization: Diarization = field(default_factory=make_diarization)


def demo_recording() -> Recording:
    """Return five seconds of two synthetic voices in Russian, with exact word times and turns."""
    segments = []
    for words in _DEMO_WORDS.values():
        timed = tuple(Word(word, start, end) for word, start, end in words)
        segments.append(Segment(words[0][1], words[-1][2], " ".join(word.word for word in timed), timed))
    turns = [(segment.start, segment.end, speaker) for speaker, segment in zip(_DEMO_WORDS, segments, strict=True)]
    return Recording(
        Audio(_mu_law_samples(DEMO_FILE.read_bytes())), Transcript(tuple(segments), "ru"), make_diarization(*turns)
    )


def _mu_law_samples(wav: bytes) -> NDArray[np.float32]:
    """Return the samples of a μ-law WAV, expanded as in ITU-T G.711; shape (n,), in -1..1."""
    begin = wav.index(b"data") + 8
    size = int.from_bytes(wav[begin - 4 : begin], "little")
    codes = ~np.frombuffer(wav, np.uint8, size, begin)
    steps = (((codes & 0x0F).astype(np.int32) << 3) + 0x84) << ((codes >> 4) & 0x07)
    return (np.where(codes & 0x80, 0x84 - steps, steps - 0x84) / 32768).astype(np.float32)
