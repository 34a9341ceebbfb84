"""pyannote.audio pipeline of a folder, loaded without asking the hub for its parts."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whisperx_worker import WorkerError, torch_loading
from whisperx_worker_plugins.pyannote_diarization.long_recordings.clustering import use_low_memory_clustering
from whisperx_worker_plugins.pyannote_diarization.pinned_model import PINNED_MODEL
from whisperx_worker_plugins.pyannote_diarization.shared_embedding import use_shared_embedding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PARTS = (
    "segmentation/pytorch_model.bin",
    "embedding/pytorch_model.bin",
    "plda/plda.npz",
    "plda/xvec_transform.npz",
)
"""Files of the production model beside `config.yaml`."""

IMPORTS = (
    f"{__name__}:silence_pyannote",
    "torch.utils.serialization",
    "yaml",
    "omegaconf.grammar_parser",
    "pyannote.audio.pipelines.speaker_diarization",
    "pyannote.audio.models.segmentation",
    "pyannote.audio.models.embedding",
)
"""Everything that loading and running a pipeline imports, in part by names in configuration files."""

_PARTS = ("segmentation", "embedding", "plda")
_PYANNOTE_PIPELINE = "SpeakerDiarization"
_MODEL_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*", re.ASCII)

_IGNORED_WARNINGS = (
    r"\s*torchcodec is not installed correctly",  # sound comes decoded
    r".*torchaudio\._backend.*has been deprecated",
    r".*list_audio_backends has been deprecated",
    r"\s*The detected number of speakers",  # the worker warns the client itself
    r"\s*It can be re-enabled by calling",  # pyannote turns TF32 off
    r"TensorFloat-32 \(TF32\) has been disabled",
    r"std\(\): degrees of freedom is <= 0",  # a speaker of one frame
    r"The given NumPy array is not writable",  # and nothing writes to it
)


@dataclass(frozen=True, eq=False)
class LoadedPipeline:
    """A pipeline, and the lock of its use."""

    pipeline: Any
    """A `pyannote.audio.Pipeline`."""
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Lock of its use, one job at a time.

    pyannote seeds the process's random numbers and swaps its warning filters at every call.
    """


def silence_pyannote() -> None:
    """Turn off pyannote's telemetry and its expected warnings, before it is imported."""
    os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")
    for message in _IGNORED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    # It would log for every old checkpoint how to upgrade it.
    logging.getLogger("lightning.pytorch.utilities.migration.utils").setLevel(logging.WARNING)


@torch_loading()
def load_pipeline(name: str, folder: Path, device: str, locate: Callable[[str], Path]) -> LoadedPipeline:
    """Load a pipeline onto a device.

    Args:
        name: Name of the model, for errors.
        folder: With a `config.yaml`.
        device: "cpu" or "cuda".
        locate: Finds the folder of another model that the configuration names, where that is allowed.

    Raises:
        WorkerError: When the folder holds something else.
    """
    if not (folder / "config.yaml").is_file():
        raise WorkerError(f"the folder of the diarization model {name!r} has no config.yaml")
    silence_pyannote()
    import torch
    import yaml
    from pyannote.audio import Pipeline

    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        config["pipeline"]["params"] = _locate_parts(config["pipeline"], folder, locate)
        pipeline: Any = Pipeline.from_pretrained(config)
        pipeline.to(torch.device(device))
        use_shared_embedding(pipeline)
        use_low_memory_clustering(pipeline)
    except WorkerError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        raise WorkerError(f"the diarization model {name!r} cannot be loaded ({type(error).__name__})") from error
    return LoadedPipeline(pipeline)


def _locate_parts(pipeline: Mapping[str, Any], folder: Path, locate: Callable[[str], Path]) -> dict[str, Any]:
    """Return a pipeline's parameters with folders in place of models of the hub.

    pyannote would download these by itself.
    """
    params = dict(pipeline.get("params") or {})
    if pipeline["name"].rpartition(".")[2] == _PYANNOTE_PIPELINE:
        for part in _PARTS:
            params.setdefault(part, f"{PINNED_MODEL.name}/{part}")
    for part in _PARTS:
        value = params.get(part)
        if not isinstance(value, str):
            continue
        if value.startswith("$model/"):
            params[part] = {"checkpoint": str(folder), "subfolder": value.removeprefix("$model/")}
        elif value.startswith(f"{PINNED_MODEL.name}/"):
            params[part] = {"checkpoint": str(locate(PINNED_MODEL.name)), "subfolder": part}
        elif _MODEL_ID.fullmatch(value):
            params[part] = {"checkpoint": str(locate(value))}
    return params
