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
    alternated,
    dialogue,
    file_of,
    flac,
    give_whisperx_ffmpeg,
    let_nltk_split_sentences,
)
from demo import demo


def request(sound: bytes | Path, **fields: object) -> dict[str, Any]:
    """What a client asks for, with the recording in the request, or a person whose recording is a file."""
    if isinstance(sound, Path):
        recording = {"audio_file": str(sound)}
    else:
        recording = {"audio_base64": base64.b64encode(sound).decode()}
    return {**recording, "model": "demo-whisper-ru", "language": "ru", "plugins": demo.MODELS, **fields}


def opened() -> Worker:
    """A worker that logs nothing to the working folder."""
    from whisperx_worker import Settings
    from whisperx_worker.pipeline.worker import open_worker

    return open_worker(Settings(log_file=Path(tempfile.mkdtemp()) / "log.txt"))


def answered(worker: Worker, data: dict[str, Any]) -> dict[str, Any]:
    """The response of a job that must not fail."""
    from whisperx_worker.pipeline.worker import answer

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
        """The steps of its command line."""
        import whisperx

        spoken = self.whisper.transcribe(sound, batch_size=8, language="ru")
        aligned = whisperx.align(spoken["segments"], self.aligner, self.metadata, sound, "cpu")
        return whisperx.assign_word_speakers(self.diarizer(sound), aligned)  # type: ignore[no-any-return]


def peer() -> Peer:
    """Load whisperX's models, which are ours."""
    import whisperx
    from whisperx.diarize import DiarizationPipeline

    from training.diarization.evaluate import pyannote_pipeline

    whisper = whisperx.load_model(str(WHISPER), "cpu", compute_type="int8", language="ru")
    aligner, metadata = whisperx.load_align_model("ru", "cpu", model_name=str(ALIGNER))
    diarizer = DiarizationPipeline(str(MODELS / "demo-diarization"), device="cpu")
    # The folder names a pipeline of ours; whisperX brings pyannote's.
    diarizer.model = pyannote_pipeline(diarizer.model)
    return Peer(whisper, aligner, metadata, diarizer)


def whole_job() -> Outcome:
    """Transcribe, align, diarize; both with their models loaded."""
    import whisperx

    give_whisperx_ffmpeg()
    sound = dialogue(600.0)
    worker, data = opened(), request(flac(sound), align_output=True, diarization=True)
    short = request(flac(dialogue(8.0)), align_output=True, diarization=True)
    with file_of(sound) as path:
        let_nltk_split_sentences([json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["text"]])
        rival = peer()
        answered(worker, short)
        rival.run(dialogue(8.0))
        best = alternated(
            lambda: answered(worker, data), lambda: rival.run(whisperx.load_audio(str(path))), 1, time.perf_counter
        )
    return Outcome(*best, note="whisperX with pyannote's own pipeline on the shipped weights")


def second_job() -> Outcome:
    """A clip of 30 s: our second job beside a worker that loads Whisper, aligner and diarizer for each."""
    sound = dialogue(30.0)
    worker, data = opened(), request(flac(sound), align_output=True, diarization=True)
    let_nltk_split_sentences([json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["text"]])
    answered(worker, data)
    peer().run(sound)
    best = alternated(lambda: answered(worker, data), lambda: peer().run(sound), 2, time.perf_counter)
    return Outcome(*best, note="transcribe, align, diarize")


def first_transcript() -> Outcome:
    """Both command lines from nothing, without alignment, on a clip of 30 s."""
    give_whisperx_ffmpeg()
    with file_of(dialogue(30.0), ".wav") as path, tempfile.TemporaryDirectory() as folder:
        common = [str(path), "--model"]
        command = [str(Path(sys.executable).parent / "whisperx-worker"), "transcribe", *common, "demo-whisper-ru"]
        ours = partial(run_quietly, [*command, "--language", "ru", "--format", "txt", "--output", folder])
        theirs = partial(
            run_quietly,
            [sys.executable, "-m", "whisperx", *common, str(WHISPER), "--language", "ru", "--device",
             "cpu", "--compute_type", "int8", "--no_align", "--output_dir", folder, "--output_format", "txt"],
        )  # fmt: skip
        return Outcome(*alternated(ours, theirs, 2, time.perf_counter))


def run_quietly(command: list[str]) -> None:
    """Run a command to its end."""
    subprocess.run(command, capture_output=True, check=True, cwd=ROOT)


def importing() -> Outcome:
    """The package alone, whose names come when they are wanted, and with all of them."""
    statements = ("import whisperx_worker", "from whisperx_worker import *", "import torch")
    rounds = [[seconds_of(statement) for statement in statements] for _ in range(5)]
    ours, every, theirs = map(min, zip(*rounds, strict=True))
    return Outcome(ours, theirs, note=f"with every public name {every:.2g} s")


def seconds_of(statement: str) -> float:
    """How long a statement takes in a fresh Python."""
    script = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    return float(done.stdout)


def helping() -> Outcome:
    """The command line's help beside `import torch`."""
    empty, _ = alternated(partial(run_quietly, [sys.executable, "-c", ""]), lambda: None, 5, time.perf_counter)
    command = [str(Path(sys.executable).parent / "whisperx-worker"), "--help"]
    torch = [sys.executable, "-c", "import torch"]
    ours, theirs = alternated(partial(run_quietly, command), partial(run_quietly, torch), 5, time.perf_counter)
    return Outcome(ours - empty, theirs - empty, note="without the start of Python")


def host() -> Outcome:
    """A job whose engine has its answer ready, less its own decoding, beside the same job with the real engine."""
    from whisperx_worker import Segment, Transcript

    worker, data = opened(), request(flac(dialogue()), debug=True)
    real, _ = alternated(lambda: answered(worker, data), lambda: None, 2, time.perf_counter)
    segments = tuple(Segment(one["start"], one["end"], one["text"]) for one in answered(worker, data)["segments"])
    worker.host.manager.unregister(name="russian_whisper")
    worker.host.manager.register(Ready(Transcript(segments, "ru")), name="russian_whisper")
    added_s = min(beside_decoding_s(worker, data) for _ in range(9))
    return Outcome(added_s, real, note="a job of 62.5 s that only transcribes")


@dataclass(frozen=True)
class Ready:
    """An engine that need not think."""

    transcript: Transcript

    @hookimpl
    def transcribe(self) -> Transcript:
        """The answer."""
        return self.transcript


def beside_decoding_s(worker: Worker, data: dict[str, Any]) -> float:
    """How long a job takes without its decoding; that of another run differs from it by more than the host adds."""
    began = time.perf_counter()
    response = answered(worker, data)
    return float(time.perf_counter() - began - response["timings"]["decode_s"])


MOST_MB = 2500
"""What a long recording may take above the models."""


def ten_times() -> Outcome:
    """An hour beside six minutes, and the peak memory above the models."""
    return grown(360.0, 3600.0)


def ten_hours() -> Outcome:
    """Ten hours beside one."""
    return grown(3600.0, 36_000.0)


def grown(short_s: float, long_s: float) -> Outcome:
    """How the CPU time of a job with all stages grows; by the wall's, nothing else could run here for an hour."""
    worker = opened()
    answered(worker, request(flac(dialogue(8.0)), align_output=True, diarization=True))
    took, passed, grew_mb = [], [], 0.0
    for seconds in (short_s, long_s):
        with file_of(dialogue(seconds)) as path:
            data = request(path, align_output=True, diarization=True)
            before_mb = held_mb()
            began, began_s = time.process_time(), time.perf_counter()
            with highest_held() as highest_mb:
                answered(worker, data)
            took.append(time.process_time() - began)
            passed.append(time.perf_counter() - began_s)
            grew_mb = max(highest_mb) - before_mb
    walls = " and ".join(f"{seconds:.0f}" for seconds in passed)
    memory = f"{grew_mb / 1000:.2f} GB above the models, without the sound, which lies in a file"
    note = f"CPU time; {walls} s went by; peak memory {memory}"
    return Outcome(took[1], took[0], note=note, sound=grew_mb <= MOST_MB)


@contextmanager
def highest_held() -> Iterator[list[float]]:
    """Memory of this process, ten times a second; the system's own peak has that of making the request in it."""
    looks, ended = [held_mb()], threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            looks.append(held_mb())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield looks
    finally:
        ended.set()
        looking.join()
