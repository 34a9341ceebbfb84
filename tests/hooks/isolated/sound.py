"""Plugin of recordings."""

from dataclasses import dataclass, replace

import numpy as np

from whisperx_worker import Audio, hookimpl


@dataclass(frozen=True)
class Options:
    how: str = "looks"


@hookimpl
def register_options():
    return Options


@hookimpl
def pre_audio(audio, job, options):
    job.notes["sum"] = float(audio.samples.sum())
    if options.how == "writes":
        samples = np.frombuffer(audio.samples.base.obj.base, np.float32)
        samples.flags.writeable = True
        samples[:] = 1.0
    if options.how == "returns":
        return audio
    if options.how == "halves":
        return replace(audio, samples=audio.samples / 2)
    if options.how == "is wrong":
        return Audio(np.zeros((2, 5), np.float32))
    return None
