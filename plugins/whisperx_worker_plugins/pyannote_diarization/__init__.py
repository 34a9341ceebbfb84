"""Diarization by a pyannote.audio 4 pipeline, pyannote's community-1 in production.

pipeline loads a folder · inference runs it and makes turns of its output · shared_embedding and long_recordings make
pyannote's own pipeline faster and smaller, with the same result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from whisperx_worker import (
    Diarization,
    ModelName,
    ModelRequirement,
    find_model,
    hookimpl,
)
from whisperx_worker_plugins._shared.model_folder import use_model_folder
from whisperx_worker_plugins._shared.model_requirements import with_production_model
from whisperx_worker_plugins.pyannote_diarization import pipeline
from whisperx_worker_plugins.pyannote_diarization.inference import run_pipeline
from whisperx_worker_plugins.pyannote_diarization.pinned_model import PINNED_MODEL

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pydantic import SecretStr

    from whisperx_worker import Audio, Job, ModelCache, Seconds, Settings

MIN_RECORDING_S: Seconds = 0.1
"""Length below which a recording has no speech."""


class Options(BaseModel):
    """Options of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName | None = None
    """Diarization model in place of the operator's."""


@hookimpl
def register_options() -> type[Options]:
    """Let jobs name their diarization model."""
    return Options


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """Return the operator's diarization model."""
    name = settings.diarization_model
    parts = pipeline.PARTS if name == PINNED_MODEL.name else ()
    return with_production_model(
        ModelRequirement(
            name,
            "diarize",
            ("config.yaml", *parts),
            libraries=("pyannote.audio", "torch"),
            imports=pipeline.IMPORTS,
        ),
        PINNED_MODEL,
    )


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the operator's diarization model."""
    with _use_pipeline(settings.diarization_model, models, settings, None):
        pass


@hookimpl
def diarize(audio: Audio, job: Job, options: Options | None) -> Diarization:
    """Diarize; speakers are named SPEAKER_00 and so on in the order in which they first speak.

    Raises:
        WorkerError: When there is no model, it may not be downloaded, or it cannot be loaded.
        JobCancelledError: When the job is cancelled.
    """
    name = (options.model if options else None) or job.settings.diarization_model
    with _use_pipeline(name, job.models, job.settings, job.request.huggingface_access_token) as loaded:
        if audio.duration_s < MIN_RECORDING_S or not audio.samples.any():
            return Diarization((), exclusive=(), embeddings={})
        return run_pipeline(loaded, audio, job)


def _use_pipeline(
    name: str, models: ModelCache, settings: Settings, token: SecretStr | None
) -> AbstractContextManager[pipeline.LoadedPipeline]:
    def load(folder: Path, device: str) -> pipeline.LoadedPipeline:
        return pipeline.load_pipeline(name, folder, device, lambda other: find_model(other, settings, token))

    return use_model_folder(name, models, settings, token, plugin="pyannote_diarization", stage="diarize", load=load)
