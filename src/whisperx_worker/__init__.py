"""whisperx-worker: a plugin host around a transcription pipeline. These names are what plugins may rely on."""

from typing import TYPE_CHECKING

from whisperx_worker import spans
from whisperx_worker.batches import Fitting, in_batches
from whisperx_worker.errors import (
    BadInputError,
    FetchError,
    JobCancelledError,
    ModelNotFoundError,
    PluginError,
    SettingsError,
    StrictError,
    WorkerError,
)
from whisperx_worker.fields import ModelName
from whisperx_worker.hookspecs import hookimpl
from whisperx_worker.job import Job, StageEnd
from whisperx_worker.languages import spoken_letters
from whisperx_worker.models import ModelShelf, find_model, folder_mb, pick_device, torch_device
from whisperx_worker.needs import NeededModel
from whisperx_worker.outputs import OutputFormat
from whisperx_worker.request import Request, SpeakerSample, sample_name
from whisperx_worker.samples import read_sample, sample_title
from whisperx_worker.types import (
    SAMPLE_RATE_HZ,
    Audio,
    Diarization,
    Result,
    Seconds,
    Segment,
    Span,
    SpeakerMatch,
    SpeakerTurn,
    Transcript,
    Warned,
    Word,
)
from whisperx_worker.version import __version__

if TYPE_CHECKING:
    from whisperx_worker.settings import Settings

__all__ = [
    "SAMPLE_RATE_HZ",
    "Audio",
    "BadInputError",
    "Diarization",
    "FetchError",
    "Fitting",
    "Job",
    "JobCancelledError",
    "ModelName",
    "ModelNotFoundError",
    "ModelShelf",
    "NeededModel",
    "OutputFormat",
    "PluginError",
    "Request",
    "Result",
    "Seconds",
    "Segment",
    "Settings",
    "SettingsError",
    "Span",
    "SpeakerMatch",
    "SpeakerSample",
    "SpeakerTurn",
    "StageEnd",
    "StrictError",
    "Transcript",
    "Warned",
    "Word",
    "WorkerError",
    "__version__",
    "find_model",
    "folder_mb",
    "hookimpl",
    "in_batches",
    "pick_device",
    "read_sample",
    "sample_name",
    "sample_title",
    "spans",
    "spoken_letters",
    "torch_device",
]


def __getattr__(name: str) -> object:
    """`Settings`, once somebody wants it: the library that reads an environment is a quarter of this import."""
    if name != "Settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from whisperx_worker.settings import Settings

    return Settings
