"""Shared parts of the measurements: alternating runs, the sound, and what whisperX needs."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray


ROOT = Path(__file__).parent.parent
MODELS = ROOT / "src" / "whisperx_worker_models"
WHISPER, ALIGNER = MODELS / "demo-whisper-ru", MODELS / "demo-wav2vec2-ru"
DIALOGUE = ROOT / "demo" / "dialogue.flac"
RATE_HZ = 16_000

os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@dataclass(frozen=True)
class Outcome:
    """Result of a duel; None where it could not be measured."""

    ours: float | None
    theirs: float | None
    unit: str = "s"
    note: str = ""
    valid: bool = True
    """Whether the results are as good as they must be for the speed to count."""


def machine() -> str:
    """Describe cores and processor."""
    with contextlib.suppress(OSError):
        names = [
            line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line
        ]
        return f"{len(os.sched_getaffinity(0))} cores of {names[0].partition(': ')[2]}"
    return f"{os.cpu_count()} cores of {platform.processor() or platform.machine()}"


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its finished children."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def best_times(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 3, clock: Callable[[], float] = cpu_s
) -> tuple[float, float]:
    """Run both sides in turns and return the best time of each."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for side, work in enumerate((ours, theirs)):
            began = clock()
            work()
            best[side] = min(best[side], clock() - began)
    return best[0], best[1]


def dialogue(seconds: float | None = None) -> NDArray[np.float32]:
    """Read the shipped dialogue, repeated to a length; shape (n,), at 16,000 Hz."""
    import soundfile

    samples, _ = soundfile.read(DIALOGUE, dtype="float32")
    length = len(samples) if seconds is None else round(seconds * RATE_HZ)
    return np.resize(samples, length).astype(np.float32)


def flac(samples: NDArray[np.float32]) -> bytes:
    """Encode a recording as a client sends it."""
    import soundfile

    written = io.BytesIO()
    soundfile.write(written, samples, RATE_HZ, format="FLAC")
    return written.getvalue()


@contextlib.contextmanager
def temporary_file(samples: NDArray[np.float32], suffix: str = ".flac", rate_hz: int = RATE_HZ) -> Iterator[Path]:
    """Write a recording to a temporary file."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"recording{suffix}"
        soundfile.write(path, samples, rate_hz)
        yield path


def install_sentence_splitter(texts: list[str]) -> None:
    """Train the sentence splitter that whisperX would download."""
    import nltk
    from nltk.tokenize.punkt import PunktTrainer, save_punkt_params

    home = tempfile.mkdtemp(prefix="bench-nltk-")
    nltk.data.path.insert(0, home)
    trainer = PunktTrainer(" ".join(texts))
    folder = Path(home) / "tokenizers" / "punkt_tab" / "russian"
    folder.mkdir(parents=True)
    save_punkt_params(trainer.get_params(), dir=str(folder))


def install_ffmpeg() -> None:
    """Put the ffmpeg program on the path, if there is none; whisperX starts it."""
    import shutil

    import imageio_ffmpeg

    if shutil.which("ffmpeg") is None:
        folder = Path(tempfile.mkdtemp(prefix="bench-ffmpeg-"))
        (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
