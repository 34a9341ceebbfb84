"""Rows of `bench.speed` about decoding an hour: CPU seconds and memory, each in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


from bench.duel import RATE_HZ, ROOT, Outcome, dialogue, install_ffmpeg, temporary_file


def measure_decoder(side: str, path: Path) -> tuple[float, float]:
    """Decode a file in a fresh process and return its CPU time and memory.

    The time is in seconds, the memory is the additional peak in MB; both include child processes.
    """
    done = subprocess.run(
        [sys.executable, "-c", DECODERS[side], str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    spent, memory = done.stdout.split()[-2:]
    return float(spent), float(memory)


_MEASURE = """
import re, resource, sys
from pathlib import Path
# Not ru_maxrss, which begins with that of the process that started this one.
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
def cpu(): return sum(sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
before, began = peak(), cpu()
{work}
print(cpu() - began, peak() - before)
"""
DECODERS = {
    "ours": """
import av, soundfile, soxr
from whisperx_worker import Settings
from whisperx_worker.audio.decode import decode
"""
    # The samples lie in a file, which counts only once it is looked at.
    + _MEASURE.format(work="decode(Path(sys.argv[1]), Settings())[0].samples.max()"),
    "theirs": "from whisperx.audio import load_audio\n" + _MEASURE.format(work="load_audio(sys.argv[1])"),
}


def an_hour(suffix: str, rate_hz: int = RATE_HZ) -> Outcome:
    """Decode an hour of one format, in CPU seconds."""
    install_ffmpeg()
    with temporary_file(hour(rate_hz), suffix, rate_hz) as path:
        runs = [(measure_decoder("ours", path)[0], measure_decoder("theirs", path)[0]) for _ in range(2)]
    return Outcome(*(min(times) for times in zip(*runs, strict=True)))


def hour(rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """Resample an hour of the dialogue to another rate."""
    import soxr

    return np.resize(soxr.resample(dialogue(), RATE_HZ, rate_hz).astype(np.float32), 3600 * rate_hz)


wav_16 = partial(an_hour, ".wav")
wav_44 = partial(an_hour, ".wav", 44_100)
mp3 = partial(an_hour, ".mp3", 44_100)
flac = partial(an_hour, ".flac")


def memory() -> Outcome:
    """Measure the additional peak memory, for the worst of the formats."""
    install_ffmpeg()
    worst = (0.0, 1.0, "")
    for suffix, rate_hz in ((".wav", RATE_HZ), (".wav", 44_100), (".mp3", 44_100), (".flac", RATE_HZ)):
        with temporary_file(hour(rate_hz), suffix, rate_hz) as path:
            ours, theirs = measure_decoder("ours", path)[1], measure_decoder("theirs", path)[1]
        worst = max(worst, (ours, theirs, f"{suffix[1:]} at {rate_hz} Hz"), key=lambda one: one[0] / one[1])
    return Outcome(worst[0], worst[1], "MB", note=f"the worst: {worst[2]}")
