"""A pyannote.audio pipeline folder: checked, loaded with nothing asked of the hub behind the worker's back, and run."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whisperx_worker import SAMPLE_RATE_HZ, Diarization, OomBackoff, SpeakerTurn, WorkerError, torch_loading
from whisperx_worker_plugins.pyannote_diarization.once import hear_once
from whisperx_worker_plugins.pyannote_diarization.sparing import interruptible, spare_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Audio, Job

STAGE = "diarize"
BATCH_SIZES = ("segmentation_batch_size", "embedding_batch_size")

COMMUNITY = "pyannote/speaker-diarization-community-1"
"""Where pyannote's own pipeline takes the parts from that its folder does not name."""

COMMUNITY_FILES = (
    "segmentation/pytorch_model.bin",
    "embedding/pytorch_model.bin",
    "plda/plda.npz",
    "plda/xvec_transform.npz",
)
"""What it has beside its configuration."""

IMPORTS = (
    f"{__name__}:quiet",
    "torch.utils.serialization",
    "yaml",
    "omegaconf.grammar_parser",
    "pyannote.audio.pipelines.speaker_diarization",
    "pyannote.audio.models.segmentation",
    "pyannote.audio.models.embedding",
)
"""All that loading and running a pipeline imports, in part by names in configuration files."""

PARTS_OF_PROGRESS = {"segmentation": (0.0, 0.4), "speaker_counting": (0.4, 0.4), "embeddings": (0.4, 0.95)}
"""Where in the whole a step of a pipeline begins and ends."""

WAITING_S = 0.5
"""How often a job that waits for another one's diarization looks whether it was cancelled."""

_PARTS = ("segmentation", "embedding", "plda")
_OWN_PIPELINE = "SpeakerDiarization"
_MODEL_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*", re.ASCII)

_NOISE = (
    r"\s*torchcodec is not installed correctly",  # sound comes decoded
    r".*torchaudio\._backend.*has been deprecated",
    r".*list_audio_backends has been deprecated",
    r"\s*The detected number of speakers",  # the worker warns the client itself
    r"\s*It can be re-enabled by calling",  # pyannote turns TF32 off
    r"TensorFloat-32 \(TF32\) has been disabled",
    r"std\(\): degrees of freedom is <= 0",  # a speaker of one frame
    r"The given NumPy array is not writable",  # and nobody writes to it
)


@dataclass(frozen=True, eq=False)
class LoadedPipeline:
    """A pipeline, and who may use it."""

    pipeline: Any
    """A `pyannote.audio.Pipeline`."""
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held while it runs: pyannote seeds the process's random numbers and swaps its warning filters at every call."""


def quiet() -> None:
    """Before pyannote is imported: no telemetry, and no warnings of what is as it should be here."""
    os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    # It would tell of every old checkpoint that it reads how to upgrade it.
    logging.getLogger("lightning.pytorch.utilities.migration.utils").setLevel(logging.WARNING)


@torch_loading()
def load(name: str, folder: Path, device: str, locate: Callable[[str], Path]) -> LoadedPipeline:
    """Load a pipeline onto a device.

    Args:
        name: What the model is called, for errors.
        folder: With a `config.yaml`.
        device: "cpu" or "cuda".
        locate: Finds the folder of another model that the configuration names, where that is allowed.

    Raises:
        WorkerError: When the folder holds something else.
    """
    if not (folder / "config.yaml").is_file():
        raise WorkerError(f"the folder of the diarization model {name!r} has no config.yaml")
    quiet()
    import torch
    import yaml
    from pyannote.audio import Pipeline

    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        config["pipeline"]["params"] = _located(config["pipeline"], folder, locate)
        pipeline: Any = Pipeline.from_pretrained(config)
        pipeline.to(torch.device(device))
        hear_once(pipeline)
        spare_memory(pipeline)
    except WorkerError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        raise WorkerError(f"the diarization model {name!r} cannot be loaded ({type(error).__name__})") from error
    return LoadedPipeline(pipeline)


def _located(pipeline: Mapping[str, Any], folder: Path, locate: Callable[[str], Path]) -> dict[str, Any]:
    """A pipeline's parameters with folders in place of models of the hub, which pyannote would download by itself."""
    params = dict(pipeline.get("params") or {})
    if pipeline["name"].rpartition(".")[2] == _OWN_PIPELINE:
        for part in _PARTS:
            params.setdefault(part, f"{COMMUNITY}/{part}")
    for part in _PARTS:
        value = params.get(part)
        if not isinstance(value, str):
            continue
        if value.startswith("$model/"):
            params[part] = {"checkpoint": str(folder), "subfolder": value.removeprefix("$model/")}
        elif value.startswith(f"{COMMUNITY}/"):
            params[part] = {"checkpoint": str(locate(COMMUNITY)), "subfolder": part}
        elif _MODEL_ID.fullmatch(value):
            params[part] = {"checkpoint": str(locate(value))}
    return params


def run(loaded: LoadedPipeline, audio: Audio, job: Job) -> Diarization:
    """Diarize a recording, when no other job does with this pipeline.

    Raises:
        WorkerError: When it does not fit into memory, or the pipeline is none of pyannote.audio 4.
        JobCancelledError: When nobody wants the job any more.
    """
    import torch

    waveform = torch.from_numpy(audio.samples)[None]
    counts = {name: getattr(job.request, name) for name in ("num_speakers", "min_speakers", "max_speakers")}
    while not loaded.turn.acquire(timeout=WAITING_S):
        job.progress(STAGE, 0.0)
    try:
        file = {"waveform": waveform, "sample_rate": SAMPLE_RATE_HZ}
        return diarization_of(_output(loaded.pipeline, file, job, **counts))
    finally:
        loaded.turn.release()


def _output(pipeline: Any, file: Mapping[str, Any], job: Job, **counts: int | None) -> Any:  # noqa: ANN401
    """What a pipeline gives, in smaller batches where its own do not fit into memory; the next job finds its own."""
    progress = _Progress(job)
    own_sizes = {name: getattr(pipeline, name) for name in BATCH_SIZES if hasattr(pipeline, name)}

    def in_batches_of(size: int) -> Any:  # noqa: ANN401
        for name, own in own_sizes.items():
            setattr(pipeline, name, min(own, size))
        with interruptible(pipeline, job.stop_if_cancelled):
            return pipeline(file, hook=progress, **counts)

    try:
        return OomBackoff(job, STAGE).run_at_size(max(own_sizes.values(), default=1), in_batches_of)
    finally:
        for name, own in own_sizes.items():
            setattr(pipeline, name, own)


@dataclass(eq=False)
class _Progress:
    """Hears from the pipeline how far it is."""

    job: Job
    fraction: float = 0.0

    def __call__(
        self,
        step: str,
        _artifact: object = None,
        file: object = None,  # noqa: ARG002
        total: int | None = None,
        completed: int | None = None,
    ) -> None:
        start, end = PARTS_OF_PROGRESS.get(step, (self.fraction, self.fraction))
        done = min(1.0, completed / total) if total and completed is not None else 1.0
        self.fraction = max(self.fraction, start + (end - start) * done)
        self.job.progress(STAGE, self.fraction)


def diarization_of(output: Any) -> Diarization:  # noqa: ANN401
    """What a pipeline found, its speakers named in the order in which they first speak.

    Args:
        output: A `pyannote.audio.pipelines.speaker_diarization.DiarizeOutput`.

    Raises:
        WorkerError: When it is something else.
    """
    try:
        regular, exclusive = output.speaker_diarization, output.exclusive_speaker_diarization
        vectors = output.speaker_embeddings
    except AttributeError:
        raise WorkerError("the diarization model gives no exclusive turns; it is none of pyannote.audio 4") from None
    found = _turns(regular)
    names = {label: f"SPEAKER_{number:02d}" for number, label in enumerate(dict.fromkeys(label for *_, label in found))}
    embeddings = {
        names[label]: vector
        for label, vector in zip(regular.labels(), () if vectors is None else vectors, strict=False)
        if label in names and _tells_a_voice(vector)
    }
    return Diarization(
        tuple(SpeakerTurn(start, end, names[label]) for start, end, label in found),
        tuple(SpeakerTurn(start, end, names[label]) for start, end, label in _turns(exclusive) if label in names),
        dict(sorted(embeddings.items())),
    )


def _turns(annotation: Any) -> list[tuple[float, float, object]]:  # noqa: ANN401
    """Start, end and label of the turns of a `pyannote.core.Annotation`, in time order, to the millisecond."""
    rounded = [
        (round(float(segment.start), 3), round(float(segment.end), 3), label)
        for segment, _, label in annotation.itertracks(yield_label=True)
    ]
    return sorted((max(0.0, start), end, label) for start, end, label in rounded if end > max(0.0, start))


def _tells_a_voice(vector: NDArray[np.float32]) -> bool:
    """Whether an embedding was made at all: pyannote gives NaN or zeros for speakers whom it hardly heard."""
    import numpy as np

    return bool(np.isfinite(vector).all() and np.any(vector))
