"""The three compared systems, with equal weights, precision, beam and threads, else with defaults.

Libraries get the recording decoded; this worker decodes it itself, as part of the job. whisperX's Python call has no
batches by default; it gets those of its command line, which are as large as faster-whisper's.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.recordings import TimedWord
from demo.demo import plain
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bench.recordings import Recording
    from whisperx_worker import Seconds

    Transcribe: TypeAlias = Callable[[Recording], list[TimedWord]]
    """Transcription of a recording."""

WHISPER, ALIGNER = "demo-whisper-ru", "demo-wav2vec2-ru"
COMPUTE_TYPE = "int8"
BEAM_SIZE = 5
WHISPERX_BATCH_SIZE = 8


def this_worker(threads: int) -> Transcribe:
    """Load this worker; it runs whole jobs with alignment."""
    worker = open_worker(load_settings(device="cpu", threads=threads))
    fields = {
        "model": WHISPER,
        "compute_type": COMPUTE_TYPE,
        "beam_size": BEAM_SIZE,
        "language": "ru",
        "align_output": True,
        "plugins": {"wav2vec2_alignment": {"model": ALIGNER}},
    }

    def transcribe(recording: Recording) -> list[TimedWord]:
        response = answer(worker, recording.name, {"audio_base64": recording.flac_base64, **fields})
        if "error" in response:
            raise RuntimeError(f"this worker failed on {recording.name}: {response['error']}")
        return [word for segment in response["segments"] for word in of_segment(segment)]

    return transcribe


def whisperx(threads: int) -> Transcribe:
    """Load whisperX, with pyannote's voice activity detection that it contains."""
    import whisperx
    from whisperx import alignment

    # It downloads what splits a text into sentences. Without it words and their times are the same.
    alignment.nltk_load = lambda _name: SimpleNamespace(span_tokenize=lambda text: [(0, len(text))])
    folder = shipped_models()
    options = {"beam_size": BEAM_SIZE}
    model = whisperx.load_model(
        str(folder / WHISPER), "cpu", compute_type=COMPUTE_TYPE, asr_options=options, language="ru", threads=threads
    )
    aligner, metadata = whisperx.load_align_model("ru", "cpu", model_name=str(folder / ALIGNER), model_cache_only=True)

    def transcribe(recording: Recording) -> list[TimedWord]:
        transcript = model.transcribe(recording.sound, batch_size=WHISPERX_BATCH_SIZE)
        aligned = whisperx.align(transcript["segments"], aligner, metadata, recording.sound, "cpu")
        return [word for segment in aligned["segments"] for word in of_segment(segment)]

    return transcribe


def faster_whisper(threads: int) -> Transcribe:
    """Load faster-whisper, batched; it has no aligner, and its times are those of the decoder's attention."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    folder = shipped_models() / WHISPER
    model = WhisperModel(str(folder), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=threads)
    pipeline = BatchedInferencePipeline(model)

    def transcribe(recording: Recording) -> list[TimedWord]:
        segments, _ = pipeline.transcribe(recording.sound, language="ru", beam_size=BEAM_SIZE, word_timestamps=True)
        return [timed for one in segments for word in one.words for timed in spread(word.word, word.start, word.end)]

    return transcribe


OURS = "this worker"
SYSTEMS: Mapping[str, Callable[[int], Transcribe]] = {
    OURS: this_worker,
    "whisperX": whisperx,
    "faster-whisper": faster_whisper,
}
"""Loaders of the systems."""


def load_systems(threads: int) -> dict[str, Transcribe]:
    """Load all systems without a network.

    Args:
        threads: Threads of each.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    torch.set_num_threads(threads)
    return {name: load(threads) for name, load in SYSTEMS.items()}


def of_segment(segment: Mapping[str, Any]) -> Iterable[TimedWord]:
    """Yield the words of a segment as JSON; those without times get the segment's."""
    start, end = segment["start"], segment["end"]
    if not segment.get("words"):
        yield from spread(segment["text"], start, end, exact=False)
    for word in segment.get("words", ()):
        exact = "start" in word and "end" in word
        yield from spread(word["word"], word.get("start", start), word.get("end", end), exact=exact)


def spread(text: str, start: Seconds, end: Seconds, *, exact: bool = True) -> list[TimedWord]:
    """Distribute the words of a text over equal parts of its time.

    >>> spread("Да!", 1.0, 1.5)
    [TimedWord(text='да', start=1.0, end=1.5, exact=True)]
    >>> [(word.start, word.exact) for word in spread("Алло. Это кто?", 0.0, 3.0)]
    [(0.0, False), (1.0, False), (2.0, False)]
    """
    words = plain(text).split()
    share_s = (end - start) / max(1, len(words))
    exact = exact and len(words) == 1
    return [
        TimedWord(word, float(start + place * share_s), float(start + (place + 1) * share_s), exact)
        for place, word in enumerate(words)
    ]
