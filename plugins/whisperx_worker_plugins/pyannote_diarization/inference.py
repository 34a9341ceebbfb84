"""A pyannote.audio pipeline run on a recording, and its output as turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperx_worker import SAMPLE_RATE_HZ, Diarization, OomBackoff, SpeakerTurn, WorkerError
from whisperx_worker_plugins.pyannote_diarization.long_recordings.clustering import interruptible

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Audio, Job, Seconds
    from whisperx_worker_plugins.pyannote_diarization.pipeline import LoadedPipeline

STAGE = "diarize"
BATCH_SIZES = ("segmentation_batch_size", "embedding_batch_size")
"""Attributes of a pipeline that are lowered where a batch does not fit into memory."""

STEP_PROGRESS = {"segmentation": (0.0, 0.4), "speaker_counting": (0.4, 0.4), "embeddings": (0.4, 0.95)}
"""Progress of the stage at the begin and the end of each step of a pipeline."""

CANCEL_POLL_S: Seconds = 0.5
"""Interval at which a job that waits for the pipeline checks whether it was cancelled."""


def run_pipeline(loaded: LoadedPipeline, audio: Audio, job: Job) -> Diarization:
    """Diarize a recording, one job at a time.

    Raises:
        WorkerError: When it does not fit into memory, or the pipeline is none of pyannote.audio 4.
        JobCancelledError: When the job is cancelled.
    """
    import torch

    waveform = torch.from_numpy(audio.samples)[None]
    counts = {name: getattr(job.request, name) for name in ("num_speakers", "min_speakers", "max_speakers")}
    while not loaded.turn.acquire(timeout=CANCEL_POLL_S):
        job.progress(STAGE, 0.0)
    try:
        file = {"waveform": waveform, "sample_rate": SAMPLE_RATE_HZ}
        return diarization_of(_run_in_batches(loaded.pipeline, file, job, **counts))
    finally:
        loaded.turn.release()


def _run_in_batches(pipeline: Any, file: Mapping[str, Any], job: Job, **counts: int | None) -> Any:  # noqa: ANN401
    """Run a pipeline, in smaller batches where memory is short; restore its batch sizes."""
    progress = _Progress(job)
    original_sizes = {name: getattr(pipeline, name) for name in BATCH_SIZES if hasattr(pipeline, name)}

    def run_at_size(size: int) -> Any:  # noqa: ANN401
        for name, original in original_sizes.items():
            setattr(pipeline, name, min(original, size))
        with interruptible(pipeline, job.stop_if_cancelled):
            return pipeline(file, hook=progress, **counts)

    try:
        return OomBackoff(job, STAGE).run_at_size(max(original_sizes.values(), default=1), run_at_size)
    finally:
        for name, original in original_sizes.items():
            setattr(pipeline, name, original)


@dataclass(eq=False)
class _Progress:
    """Hook of a pipeline that reports the job's progress."""

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
        start, end = STEP_PROGRESS.get(step, (self.fraction, self.fraction))
        done = min(1.0, completed / total) if total and completed is not None else 1.0
        self.fraction = max(self.fraction, start + (end - start) * done)
        self.job.progress(STAGE, self.fraction)


def diarization_of(output: Any) -> Diarization:  # noqa: ANN401
    """Convert a pipeline's output; speakers are numbered in the order in which they first speak.

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
    turns = _sorted_turns(regular)
    names = {label: f"SPEAKER_{number:02d}" for number, label in enumerate(dict.fromkeys(label for *_, label in turns))}
    embeddings = {
        names[label]: vector
        for label, vector in zip(regular.labels(), () if vectors is None else vectors, strict=False)
        if label in names and _is_embedding(vector)
    }
    return Diarization(
        tuple(SpeakerTurn(start, end, names[label]) for start, end, label in turns),
        tuple(
            SpeakerTurn(start, end, names[label]) for start, end, label in _sorted_turns(exclusive) if label in names
        ),
        dict(sorted(embeddings.items())),
    )


def _sorted_turns(annotation: Any) -> list[tuple[float, float, object]]:  # noqa: ANN401
    """Return start, end and label of an annotation's turns, in time order, to the millisecond."""
    rounded = [
        (round(float(segment.start), 3), round(float(segment.end), 3), label)
        for segment, _, label in annotation.itertracks(yield_label=True)
    ]
    return sorted((max(0.0, start), end, label) for start, end, label in rounded if end > max(0.0, start))


def _is_embedding(vector: NDArray[np.float32]) -> bool:
    """Return whether a vector is an embedding: speakers of little speech have NaN or zeros."""
    import numpy as np

    return bool(np.isfinite(vector).all() and np.any(vector))
