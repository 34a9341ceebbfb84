"""Plugin with a `transcribe` that causes the GPU fault named by a job."""

from __future__ import annotations

from dataclasses import dataclass

from tools.gpu_check.faults import FAULTS
from whisperx_worker import Transcript, hookimpl


@dataclass(frozen=True)
class Options:
    """Options of a job."""

    fault: str = ""
    is_real: bool = True
    """Whether it is caused on a GPU; else only its error is raised."""


@hookimpl
def register_options() -> type[Options]:
    """Return the options: jobs name their fault."""
    return Options


@hookimpl
def transcribe(options: Options) -> Transcript:
    """Cause the fault.

    Raises:
        RuntimeError: As the library does.
    """
    fault = FAULTS[options.fault]
    if options.is_real:
        fault.cause()
    raise RuntimeError(fault.text)
