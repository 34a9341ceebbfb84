"""The compared systems on Whisper base, with equal precision, beam, threads and language.

Each gives text without alignment. faster-whisper's sequential path finds speech first, as its batched one does; all
else is what each has by default. whisperX's batches are those of its command line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, TypeAlias

from bench.systems import BEAM_SIZE, COMPUTE_TYPE, WHISPERX_BATCH_SIZE
from tools.real_models import SHA256, WHISPER
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.real_conditions import RealRecording
    from whisperx_worker import Seconds

    Transcribe: TypeAlias = Callable[[RealRecording], "Transcript"]


@dataclass(frozen=True)
class Segment:
    """A piece of text with its times."""

    start: Seconds
    end: Seconds
    text: str


@dataclass(frozen=True)
class Transcript:
    """Answer of a system."""

    segments: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All text."""
        return " ".join(segment.text for segment in self.segments)


def this_worker(threads: int) -> Transcribe:
    """Load this worker; it runs whole jobs."""
    worker = open_worker(load_settings(device="cpu", threads=threads, models=WHISPER.parent))

    def transcribe(recording: RealRecording) -> Transcript:
        asked = {
            "model": WHISPER.name,
            "compute_type": COMPUTE_TYPE,
            "beam_size": BEAM_SIZE,
            "audio_base64": recording.flac_base64,
            **({"language": recording.language} if recording.language else {}),
        }
        response = answer(worker, recording.name, asked)
        if "error" in response:
            raise RuntimeError(f"this worker failed on {recording.name}: {response['error']}")
        segments = tuple(Segment(one["start"], one["end"], one["text"]) for one in response["segments"])
        return Transcript(segments, tuple(response["warnings"]))

    return transcribe


def whisperx(threads: int) -> Transcribe:
    """Load whisperX, with pyannote's detector that it contains."""
    import whisperx

    options = {"beam_size": BEAM_SIZE}
    model = whisperx.load_model(str(WHISPER), "cpu", compute_type=COMPUTE_TYPE, asr_options=options, threads=threads)

    def transcribe(recording: RealRecording) -> Transcript:
        found = model.transcribe(recording.sound, batch_size=WHISPERX_BATCH_SIZE, language=recording.language)
        return Transcript(tuple(Segment(one["start"], one["end"], one["text"]) for one in found["segments"]))

    return transcribe


def faster_whisper_batched(threads: int) -> Transcribe:
    """Load faster-whisper's batched pipeline."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(WHISPER), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=threads)
    pipeline = BatchedInferencePipeline(model)

    def transcribe(recording: RealRecording) -> Transcript:
        found, _ = pipeline.transcribe(recording.sound, language=recording.language, beam_size=BEAM_SIZE)
        return Transcript(tuple(Segment(one.start, one.end, one.text) for one in found))

    return transcribe


def faster_whisper_sequential(threads: int) -> Transcribe:
    """Load faster-whisper's sequential path, with its detector and its ladder of temperatures."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(WHISPER), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=threads)

    def transcribe(recording: RealRecording) -> Transcript:
        found, _ = model.transcribe(recording.sound, language=recording.language, beam_size=BEAM_SIZE, vad_filter=True)
        return Transcript(tuple(Segment(one.start, one.end, one.text) for one in found))

    return transcribe


OURS = "ours"
LOADERS: Mapping[str, Callable[[int], Transcribe]] = {
    OURS: this_worker,
    "whisperx": whisperx,
    "batched": faster_whisper_batched,
    "sequential": faster_whisper_sequential,
}
"""Loaders of the systems by their names on the command line."""
TITLES: Mapping[str, str] = {
    OURS: "this worker",
    "whisperx": "whisperX",
    "batched": "faster-whisper, batched",
    "sequential": "faster-whisper, sequential",
}
LIBRARIES = ("whisperx", "faster-whisper", "ctranslate2", "torch", "onnxruntime", "pyannote.audio")


def identity(name: str) -> tuple[str, ...]:
    """Return what a peer's text depends on, beside the recording."""
    versions = [f"{library} {metadata.version(library)}" for library in LIBRARIES]
    return (name, SHA256["model.bin"], COMPUTE_TYPE, str(BEAM_SIZE), *versions)


def load_system(name: str, threads: int) -> Transcribe:
    """Load a system without a network.

    Args:
        name: One of `LOADERS`.
        threads: Threads of the system.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    torch.set_num_threads(threads)
    return LOADERS[name](threads)
