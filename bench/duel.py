"""What the measurements share: two sides taken in turns, the sound that they get, and what whisperX needs to run."""

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
    """What came out of a duel; None where it could not be held."""

    ours: float | None
    theirs: float | None
    unit: str = "s"
    note: str = ""
    sound: bool = True
    """Whether the results are as good as they must be for the speed to count."""


def machine() -> str:
    """Cores and processor."""
    with contextlib.suppress(OSError):
        names = [
            line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line
        ]
        return f"{len(os.sched_getaffinity(0))} cores of {names[0].partition(': ')[2]}"
    return f"{os.cpu_count()} cores of {platform.processor() or platform.machine()}"


def cpu_s() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def alternated(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 3, clock: Callable[[], float] = cpu_s
) -> tuple[float, float]:
    """The best time of each, taken in turns."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for side, work in enumerate((ours, theirs)):
            began = clock()
            work()
            best[side] = min(best[side], clock() - began)
    return best[0], best[1]


def dialogue(seconds: float | None = None) -> NDArray[np.float32]:
    """The shipped dialogue, again and again; shape (n,), at 16,000 Hz."""
    import soundfile

    samples, _ = soundfile.read(DIALOGUE, dtype="float32")
    length = len(samples) if seconds is None else round(seconds * RATE_HZ)
    return np.resize(samples, length).astype(np.float32)


def flac(samples: NDArray[np.float32]) -> bytes:
    """A recording as a client sends it."""
    import soundfile

    written = io.BytesIO()
    soundfile.write(written, samples, RATE_HZ, format="FLAC")
    return written.getvalue()


@contextlib.contextmanager
def file_of(samples: NDArray[np.float32], suffix: str = ".flac", rate_hz: int = RATE_HZ) -> Iterator[Path]:
    """A recording in a file."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"recording{suffix}"
        soundfile.write(path, samples, rate_hz)
        yield path


def let_nltk_split_sentences(texts: list[str]) -> None:
    """Train the sentence splitter that whisperX would download."""
    import nltk
    from nltk.tokenize.punkt import PunktTrainer, save_punkt_params

    home = tempfile.mkdtemp(prefix="bench-nltk-")
    nltk.data.path.insert(0, home)
    trainer = PunktTrainer(" ".join(texts))
    folder = Path(home) / "tokenizers" / "punkt_tab" / "russian"
    folder.mkdir(parents=True)
    save_punkt_params(trainer.get_params(), dir=str(folder))


def give_whisperx_ffmpeg() -> None:
    """Put the ffmpeg program where whisperX looks for it, if there is none."""
    import shutil

    import imageio_ffmpeg

    if shutil.which("ffmpeg") is None:
        folder = Path(tempfile.mkdtemp(prefix="bench-ffmpeg-"))
        (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
