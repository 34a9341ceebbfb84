"""Who speaks when, by a pyannote.audio 4 pipeline."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from whisperx_worker import (
    Diarization,
    ModelName,
    ModelRequirement,
    find_model,
    folder_mb,
    hookimpl,
    torch_device,
    torch_stage,
)
from whisperx_worker_plugins.pyannote_diarization import pipelines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from whisperx_worker import Audio, Job, ModelCache, Seconds, Settings

LEAST_S: Seconds = 0.1
"""In a shorter recording nobody speaks."""


class Options(BaseModel):
    """What a job may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName | None = None
    """Diarization model in place of the operator's."""


@hookimpl
def register_options() -> type[Options]:
    """Jobs may name their diarization model."""
    return Options


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """The operator's diarization model."""
    name = settings.diarization_model
    parts = pipelines.COMMUNITY_FILES if name == pipelines.COMMUNITY else ()
    return [
        ModelRequirement(
            name,
            "diarize",
            ("config.yaml", *parts),
            libraries=("pyannote.audio", "torch"),
            imports=pipelines.IMPORTS,
        )
    ]


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the operator's diarization model."""
    with _borrowed(settings.diarization_model, models, settings, None):
        pass


@hookimpl
def diarize(audio: Audio, job: Job, options: Options | None) -> Diarization:
    """Say who speaks when, speakers named SPEAKER_00 and so on in the order in which they first speak.

    Raises:
        WorkerError: When there is no model, it may not be downloaded, or it cannot be loaded.
        JobCancelledError: When nobody wants the job any more.
    """
    name = (options.model if options else None) or job.settings.diarization_model
    with _borrowed(name, job.models, job.settings, job.request.huggingface_access_token) as pipeline:
        if audio.duration_s < LEAST_S or not audio.samples.any():
            return Diarization((), exclusive=(), embeddings={})
        return pipelines.run(pipeline, audio, job)


@contextmanager
def _borrowed(
    name: str, models: ModelCache, settings: Settings, token: SecretStr | None
) -> Iterator[pipelines.LoadedPipeline]:
    device = torch_device(settings)
    folder = find_model(name, settings, token)
    key = ("pyannote_diarization", str(folder), device)
    load = lambda: pipelines.load(name, folder, device, lambda other: find_model(other, settings, token))  # noqa: E731
    with models.use(key, load, folder_mb(folder)) as pipeline, torch_stage("diarize", device):
        yield pipeline
