"""Rows of `bench.speed` about whole jobs, processes and imports."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisperx_worker import hookimpl
from whisperx_worker.runtime.process import held_mb

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Transcript
    from whisperx_worker.pipeline.worker import Worker

from bench.duel import (
    ALIGNER,
    MODELS,
    ROOT,
    WHISPER,
    Outcome,
    best_times,
    dialogue,
    flac,
    install_ffmpeg,
    install_sentence_splitter,
    temporary_file,
)
from demo import demo


def request(sound: bytes | Path, **fields: object) -> dict[str, Any]:
    """Build a request with the recording in base64, or as a path for a local job."""
    if isinstance(sound, Path):
        recording = {"audio_file": str(sound)}
    else:
        recording = {"audio_base64": base64.b64encode(sound).decode()}
    return {**recording, "model": "demo-whisper-ru", "language": "ru", "plugins": demo.MODELS, **fields}


def open_quiet_worker() -> Worker:
    """Open a worker with its log file in a temporary folder."""
    from whisperx_worker import Settings
    from whisperx_worker.pipeline.worker import open_worker

    return open_worker(Settings(log_file=Path(tempfile.mkdtemp()) / "log.txt"))


def run_job(worker: Worker, data: dict[str, Any]) -> dict[str, Any]:
    """Run a job and return its response.

    Raises:
        RuntimeError: The job failed.
    """
    from whisperx_worker.pipeline.outcome import answer

    response = answer(worker, "bench", data, local=True)
    if "error" in response:
        raise RuntimeError(response["error"])
    return response


@dataclass(frozen=True)
class Peer:
    """whisperX with its models loaded."""

    whisper: Any
    aligner: Any
    metadata: Any
    diarizer: Any

    def run(self, sound: NDArray[np.float32]) -> dict[str, Any]:
        """Run the steps of its command line."""
        import whisperx

        spoken = self.whisper.transcribe(sound, batch_size=8, language="ru")
        aligned = whisperx.align(spoken["segments"], self.aligner, self.metadata, sound, "cpu")
        return whisperx.assign_word_speakers(self.diarizer(sound), aligned)  # type: ignore[no-any-return]


def peer() -> Peer:
    """Load whisperX with the shipped models."""
    import whisperx
    from whisperx.diarize import DiarizationPipeline

    from training.diarization.evaluate import pyannote_pipeline

    whisper = whisperx.load_model(str(WHISPER), "cpu", compute_type="int8", language="ru")
    aligner, metadata = whisperx.load_align_model("ru", "cpu", model_name=str(ALIGNER))
    diarizer = DiarizationPipeline(str(MODELS / "demo-diarization"), device="cpu")
    # The folder names a pipeline of this package; whisperX runs pyannote's.
    diarizer.model = pyannote_pipeline(diarizer.model)
    return Peer(whisper, aligner, metadata, diarizer)


def whole_job() -> Outcome:
    """Transcribe, align, diarize; both with their models loaded."""
    import whisperx

    install_ffmpeg()
    sound = dialogue(600.0)
    worker, data = open_quiet_worker(), request(flac(sound), align_output=True, diarization=True)
    short = request(flac(dialogue(8.0)), align_output=True, diarization=True)
    with temporary_file(sound) as path:
        install_sentence_splitter([json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["text"]])
        rival = peer()
        run_job(worker, short)
        rival.run(dialogue(8.0))
        best = best_times(
            lambda: run_job(worker, data), lambda: rival.run(whisperx.load_audio(str(path))), 1, time.perf_counter
        )
    return Outcome(*best, note="whisperX with pyannote's own pipeline on the shipped weights")


def second_job() -> Outcome:
    """Run the second job on a clip of 30 s.

    The peer is a worker that loads its models for each job.
    """
    sound = dialogue(30.0)
    worker, data = open_quiet_worker(), request(flac(sound), align_output=True, diarization=True)
    install_sentence_splitter([json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["text"]])
    run_job(worker, data)
    peer().run(sound)
    best = best_times(lambda: run_job(worker, data), lambda: peer().run(sound), 2, time.perf_counter)
    return Outcome(*best, note="transcribe, align, diarize")


def first_transcript() -> Outcome:
    """Start both command lines, without alignment, on a clip of 30 s."""
    install_ffmpeg()
    with temporary_file(dialogue(30.0), ".wav") as path, tempfile.TemporaryDirectory() as folder:
        common = [str(path), "--model"]
        command = [str(Path(sys.executable).parent / "whisperx-worker"), "transcribe", *common, "demo-whisper-ru"]
        ours = partial(run_quietly, [*command, "--language", "ru", "--format", "txt", "--output", folder])
        theirs = partial(
            run_quietly,
            [sys.executable, "-m", "whisperx", *common, str(WHISPER), "--language", "ru", "--device",
             "cpu", "--compute_type", "int8", "--no_align", "--output_dir", folder, "--output_format", "txt"],
        )  # fmt: skip
        return Outcome(*best_times(ours, theirs, 2, time.perf_counter))


def run_quietly(command: list[str]) -> None:
    """Run a command without its output."""
    subprocess.run(command, capture_output=True, check=True, cwd=ROOT)


def imports() -> Outcome:
    """Import the package alone, which loads its names lazily, and with all of them."""
    statements = ("import whisperx_worker", "from whisperx_worker import *", "import torch")
    rounds = [[time_statement(statement) for statement in statements] for _ in range(5)]
    ours, every, theirs = map(min, zip(*rounds, strict=True))
    return Outcome(ours, theirs, note=f"with every public name {every:.2g} s")


def time_statement(statement: str) -> float:
    """Measure the seconds of a statement in a fresh Python."""
    script = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    return float(done.stdout)


def command_line_help() -> Outcome:
    """Print the command line's help, beside `import torch`."""
    empty, _ = best_times(partial(run_quietly, [sys.executable, "-c", ""]), lambda: None, 5, time.perf_counter)
    command = [str(Path(sys.executable).parent / "whisperx-worker"), "--help"]
    torch = [sys.executable, "-c", "import torch"]
    ours, theirs = best_times(partial(run_quietly, command), partial(run_quietly, torch), 5, time.perf_counter)
    return Outcome(ours - empty, theirs - empty, note="without the start of Python")


def host() -> Outcome:
    """Run a job with a constant engine, without decoding.

    It is compared with the same job with the real engine.
    """
    from whisperx_worker import Segment, Transcript

    worker, data = open_quiet_worker(), request(flac(dialogue()), debug=True)
    real, _ = best_times(lambda: run_job(worker, data), lambda: None, 2, time.perf_counter)
    segments = tuple(Segment(one["start"], one["end"], one["text"]) for one in run_job(worker, data)["segments"])
    worker.host.manager.unregister(name="russian_whisper")
    worker.host.manager.register(Ready(Transcript(segments, "ru")), name="russian_whisper")
    added_s = min(time_without_decoding(worker, data) for _ in range(9))
    return Outcome(added_s, real, note="a job of 62.5 s that only transcribes")


@dataclass(frozen=True)
class Ready:
    """An engine with a constant transcript."""

    transcript: Transcript

    @hookimpl
    def transcribe(self) -> Transcript:
        """Return the transcript."""
        return self.transcript


def time_without_decoding(worker: Worker, data: dict[str, Any]) -> float:
    """Measure the seconds of a job without its decoding.

    Decoding varies by more than the host adds.
    """
    began = time.perf_counter()
    response = run_job(worker, data)
    return float(time.perf_counter() - began - response["timings"]["decode_s"])


MAX_GROWTH_MB = 2500
"""Limit of the memory of a long recording, above the models."""


def ten_times() -> Outcome:
    """Run an hour beside six minutes; note the peak memory above the models."""
    return measure_growth(360.0, 3600.0)


def ten_hours() -> Outcome:
    """Run ten hours beside one."""
    return measure_growth(3600.0, 36_000.0)


def measure_growth(short_s: float, long_s: float) -> Outcome:
    """Measure the growth of the CPU time of a job with all stages.

    Wall-clock time would need a machine without other work for an hour.
    """
    worker = open_quiet_worker()
    run_job(worker, request(flac(dialogue(8.0)), align_output=True, diarization=True))
    took, passed, grew_mb = [], [], 0.0
    for seconds in (short_s, long_s):
        with temporary_file(dialogue(seconds)) as path:
            data = request(path, align_output=True, diarization=True)
            before_mb = held_mb()
            began, began_s = time.process_time(), time.perf_counter()
            with sample_memory() as samples_mb:
                run_job(worker, data)
            took.append(time.process_time() - began)
            passed.append(time.perf_counter() - began_s)
            grew_mb = max(samples_mb) - before_mb
    walls = " and ".join(f"{seconds:.0f}" for seconds in passed)
    memory = f"{grew_mb / 1000:.2f} GB above the models, without the sound, which lies in a file"
    note = f"CPU time; {walls} s went by; peak memory {memory}"
    return Outcome(took[1], took[0], note=note, valid=grew_mb <= MAX_GROWTH_MB)


@contextmanager
def sample_memory() -> Iterator[list[float]]:
    """Sample the memory of this process ten times a second.

    The system's peak would include the making of the request.
    """
    samples_mb, ended = [held_mb()], threading.Event()

    def sample() -> None:
        while not ended.wait(0.1):
            samples_mb.append(held_mb())

    sampling = threading.Thread(target=sample)
    sampling.start()
    try:
        yield samples_mb
    finally:
        ended.set()
        sampling.join()
