"""Values that hooks of a plugin are tried with, and the recording of a whole job."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.hooks.job import StageEnd
from whisperx_worker.testing import Recording, make_audio, make_diarization, make_transcript
from whisperx_worker.types import (
    SAMPLE_RATE_HZ,
    Audio,
    DecodedText,
    Language,
    Result,
    Segment,
    Span,
    Speech,
    Transcript,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from whisperx_worker.contract.request import Request
    from whisperx_worker.types import Seconds

DURATION_S: Seconds = 3.0
"""Length of the recording."""
_TEXT = "Добрый день, мой номер 8 916 123-45-67."


@dataclass(frozen=True)
class MadeValue:
    """A value that hooks are tried with."""

    name: str
    value: Any


def made_values(request: Request) -> Mapping[str, Sequence[MadeValue]]:
    """Return the values that hooks are tried with, by the name of their argument."""
    talk = make_transcript("Добрый день, это Анна.", "Мой номер 8 916 123-45-67.", "...")
    bare = replace(talk, segments=tuple(replace(one, words=()) for one in talk.segments))
    transcripts = [
        MadeValue("a transcript", talk),
        MadeValue("a transcript without words", bare),
        MadeValue("a transcript without text", Transcript((), None)),
    ]
    turns = make_diarization((0.0, 1.0, "SPEAKER_00"), (1.0, 3.0, "SPEAKER_01"))
    response = {"segments": [{"start": 0.0, "end": 1.0, "text": "Алло."}], "detected_language": "ru", "warnings": []}
    return {
        "request": [MadeValue("a request", request)],
        "audio": [
            MadeValue("a tone", make_audio(DURATION_S)),
            MadeValue("a short silence", Audio(np.zeros(SAMPLE_RATE_HZ // 100, np.float32))),
        ],
        "sounds": [MadeValue("sounds", [make_audio(DURATION_S).samples, np.zeros(SAMPLE_RATE_HZ // 100, np.float32)])],
        "transcript": transcripts,
        "speech": [MadeValue("speech", Speech((Span(0.0, DURATION_S),))), MadeValue("no speech", Speech(()))],
        "language": [MadeValue("a language", Language("ru", 1.0))],
        "decoded": [MadeValue("a chunk's text", DecodedText(Span(0.0, DURATION_S), "Добрый день.", -0.2, 0.0))],
        "segments": [MadeValue(f"pieces of {one.name}", one.value.segments) for one in transcripts],
        "diarization": [MadeValue("turns", turns), MadeValue("no turns", make_diarization())],
        "result": [MadeValue(f"a result with {one.name}", Result(one.value, DURATION_S)) for one in transcripts],
        "response": [MadeValue("a response", response)],
        "ended": [MadeValue("the end of a stage", StageEnd("transcribe", 0.0, 1.0))],
        "error": [MadeValue("a job that succeeded", None), MadeValue("a job that failed", RuntimeError("made"))],
    }


def made_talk() -> Recording:
    """Return what engines without a model find in the recording of a whole job."""
    parts = _TEXT.split()
    step = DURATION_S / len(parts)
    words = tuple(Word(part, round(i * step, 3), round((i + 1) * step, 3), 1.0) for i, part in enumerate(parts))
    transcript = Transcript((Segment(0.0, DURATION_S, _TEXT, words),), "ru")
    return Recording(make_audio(DURATION_S), transcript, make_diarization((0.0, DURATION_S, "SPEAKER_00")))


def made_recording() -> str:
    """Return a tone as the base64 of a WAV of 16 bits."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((make_audio(DURATION_S).samples * 32767).astype("<i2").tobytes())
    return base64.b64encode(written.getvalue()).decode()
