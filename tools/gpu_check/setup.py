"""Input of a row (device, models, amount of sound) and its output (values or errors)."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tools.lock import ROOT
from tools.random_models import SETTINGS
from whisperx_worker import SAMPLE_RATE_HZ, Settings
from whisperx_worker.audio.decode_server import decode
from whisperx_worker.pipeline.outcome import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from whisperx_worker.pipeline.worker import Worker

DEMO = ROOT / "demo"
SHIPPED = {
    "model": "demo-whisper-ru",
    "align_model": "demo-wav2vec2-ru",
    "diarization_model": "demo-diarization",
    "speaker_model": "demo-speaker-embedding",
}
"""Settings for the models that come with the package."""
EVERYTHING = {"align_output": True, "diarization": True}
"""Request fields for all stages; `samples` has the voices."""


class CheckError(Exception):
    """Failure of a check, in one sentence."""


class SkippedError(Exception):
    """Reason why a row cannot run on this machine."""


@dataclass(frozen=True)
class Measure:
    """One value of the table."""

    what: str
    value: str


@dataclass(frozen=True)
class Setup:
    """Device, models and amount of work of one run."""

    device: Literal["cuda", "cpu"]
    models: Path
    """Folder of the random models."""
    layers: int | None = None
    """Depth of the random models; None is production's."""
    quick: bool = False

    @property
    def batch_size(self) -> int:
        """Production's batch size, or one for a CPU."""
        return 32 if self.device == "cuda" else 2

    @property
    def seconds(self) -> float:
        """Length of the recording.

        On a GPU it is enough for a whole batch of 32 windows of 30 s.
        """
        if self.device == "cuda":
            return 240.0 if self.quick else 990.0
        return 12.0 if self.quick else 60.0

    def settings(self, **overrides: Any) -> Settings:  # noqa: ANN401
        """Return settings of a worker on this device with the random models."""
        return Settings(**{"device": self.device, "models": self.models, **SETTINGS, **overrides})


def dialogue(seconds: float) -> NDArray[np.float32]:
    """Return the shipped dialogue repeated to a length, shape (n,), at 16,000 Hz."""
    audio, _ = decode(DEMO / "dialogue.flac", Settings())
    return np.resize(audio.samples, round(seconds * SAMPLE_RATE_HZ)).astype(np.float32)


@contextmanager
def recording(samples: NDArray[np.float32]) -> Iterator[Path]:
    """Write a sound to a temporary file."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.wav"
        soundfile.write(path, samples, SAMPLE_RATE_HZ)
        yield path


def samples() -> list[dict[str, str]]:
    """Return the speaker samples of a job."""
    return [{"name": name, "url": str(DEMO / f"{name}.flac")} for name in ("anna", "ivan")]


def run_job(worker: Worker, path: Path, **asked: Any) -> dict[str, Any]:  # noqa: ANN401
    """Run a job through the worker and return its response.

    Raises:
        CheckError: With the worker's sentence, where it failed.
    """
    response = answer(worker, "gpu-check", {"audio_file": str(path), "debug": True, **asked}, local=True)
    if "error" in response:
        raise CheckError(f"the job failed: {response['error']}")
    return response


def text_of(response: dict[str, Any]) -> str:
    """Join the text of a response."""
    return " ".join(segment["text"] for segment in response["segments"])


def recognition_s(response: dict[str, Any]) -> float:
    """Return how long it took from sound to text."""
    timings: dict[str, float] = response["timings"]
    return sum(timings.get(f"{step}_s", 0.0) for step in ("detect_speech", "identify_language", "transcribe"))


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Measure a block; the list that it yields gets the seconds at the end."""
    spent: list[float] = []
    began_s = time.perf_counter()
    yield spent
    spent.append(time.perf_counter() - began_s)
