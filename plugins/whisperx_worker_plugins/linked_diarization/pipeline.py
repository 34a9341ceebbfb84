"""pyannote.audio pipeline that links the local speakers of overlapping windows.

Imported by pyannote's loader, never by the worker.

A folder names it in its `config.yaml`, and `pyannote.audio.Pipeline.from_pretrained(folder)` loads it:

    pipeline:
      name: whisperx_worker_plugins.linked_diarization.pipeline.LinkedSpeakerDiarization
      params:
        segmentation: package:whisperx/assets/pytorch_model.bin
        embedding: $model/../demo-speaker-embedding
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253  pyannote imports this module when it loads a folder that names it
from pyannote.audio import Inference, Model, Pipeline  # noqa: TID253
from pyannote.audio.pipelines.speaker_diarization import DiarizeOutput  # noqa: TID253
from pyannote.audio.pipelines.utils import SpeakerDiarizationMixin, get_model  # noqa: TID253
from pyannote.core import Annotation, Segment  # noqa: TID253
from pyannote.pipeline.parameter import Uniform  # noqa: TID253

from whisperx_worker import SAMPLE_RATE_HZ, Seconds
from whisperx_worker_plugins.linked_diarization import assignment, turns
from whisperx_worker_plugins.linked_diarization.clustering import SpeakerBounds
from whisperx_worker_plugins.linked_diarization.local_tracks import (
    LinkedTracks,
    Piece,
    Windows,
    cut_into_pieces,
    link_windows,
    runs,
)
from whisperx_worker_plugins.linked_diarization.speechbrain_embedding import SpeechBrainEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

MAX_PIECE_S: Seconds = 2.4
"""Length above which a piece is cut at a quiet moment, where speakers may change."""
MIN_PIECE_S: Seconds = 0.8
"""Shortest piece that is embedded."""
MIN_ONLY_PIECE_S: Seconds = 0.3
"""Shortest piece that is embedded where its track has no longer one."""
MIN_SPEAKER_S: Seconds = 2.0
"""Speech in a long recording below which a speaker is joined to the nearest one."""

_PACKAGE = "package:"


@dataclass(frozen=True, eq=False)
class Analysis:
    """Output of both models for one recording."""

    linked: LinkedTracks
    loudness_db: NDArray[np.float32]
    """Shape (frames,)."""
    pieces: list[Piece]
    embeddings: NDArray[np.float32]
    """Shape (pieces, d); NaN for pieces that are too short."""


class LinkedSpeakerDiarization(SpeakerDiarizationMixin, Pipeline):
    """Diarization for an embedding model that is too weak to cluster every window by itself.

    Windows go through the segmentation model; their local speakers are linked by the activity that they share
    (`local_tracks`); the tracks are cut into pieces, which are embedded and clustered (`clustering`, `assignment`);
    frames become turns (`turns`).
    """

    def __init__(  # noqa: PLR0913  parameters of the folder, and two that pyannote adds
        self,
        segmentation: Model | str | Mapping[str, Any],
        embedding: Model | str | Mapping[str, Any],
        segmentation_step: float = 0.1,
        segmentation_batch_size: int = 32,
        token: str | None = None,
        cache_dir: str | None = None,
    ) -> None:
        """Load the models.

        Args:
            segmentation: A multilabel segmentation model; `package:<package>/<path>` is a file of an installed package.
            embedding: A speaker-embedding model of pyannote.audio, or a folder of SpeechBrain.
            segmentation_step: From one window to the next, as a part of the window.
            segmentation_batch_size: Windows in one batch.
            token: For models on the hub.
            cache_dir: For models on the hub.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        model: Any = get_model(_resolve_package_path(segmentation), token=token, cache_dir=cache_dir)
        self._embedding: Any = _load_embedding_model(embedding, token, cache_dir)
        field = model.receptive_field
        # Whole frames, so that the frames of neighbouring windows are the same ones.
        self._hop = max(1, round(segmentation_step * model.specifications.duration / field.step))
        step_s = self._hop * field.step
        self._segmentation: Any = Inference(
            model, step=step_s, skip_aggregation=True, batch_size=segmentation_batch_size
        )
        self.onset = Uniform(0.0, 1.0)
        self.threshold = Uniform(0.0, 2.0)

    @property
    def segmentation_batch_size(self) -> int:
        """Number of windows in one batch."""
        return int(self._segmentation.batch_size)

    @segmentation_batch_size.setter
    def segmentation_batch_size(self, size: int) -> None:
        self._segmentation.batch_size = size

    def apply(
        self,
        file: Mapping[str, Any],
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        hook: Callable[..., None] | None = None,
    ) -> DiarizeOutput:
        """Diarize a recording.

        Args:
            file: With `waveform`, shape (1, samples), and `sample_rate`.
            num_speakers: The number of speakers, where it is known.
            min_speakers: The lowest number.
            max_speakers: The highest number.
            hook: Called as pyannote's own pipelines call it.
        """
        _, fewest, most = self.set_num_speakers(num_speakers, min_speakers, max_speakers)
        return self.make_turns(self.analyse(file, hook), fewest, None if np.isinf(most) else int(most))

    def analyse(self, file: Mapping[str, Any], hook: Callable[..., None] | None = None) -> Analysis:
        """Run both models; the arguments are those of `apply`."""
        report = self.setup_hook(file, hook=hook)
        waveform = self._segmentation.model.audio(file)[0][0]
        scores = self._segmentation(file, hook=partial(report, "segmentation", None))
        linked = link_windows(Windows(scores.data, self._hop, self.onset))
        frames = range(linked.windows.frames)
        middles = np.rint([self._time_s(frame + 0.5) * SAMPLE_RATE_HZ for frame in frames]).astype(np.int64)
        loudness_db = turns.frame_loudness_db(waveform.numpy(), middles)
        pieces = cut_into_pieces(linked, loudness_db, self._frames(MAX_PIECE_S), self._frames(MIN_PIECE_S))
        return Analysis(linked, loudness_db, pieces, self._embed(pieces, waveform, report))

    def make_turns(self, analysis: Analysis, min_speakers: int = 1, max_speakers: int | None = None) -> DiarizeOutput:
        """Cluster the pieces of an analysis and make turns of them; no model runs.

        Args:
            analysis: Output of `analyse`.
            min_speakers: The lowest number of speakers.
            max_speakers: The highest one; None is any number.
        """
        if not analysis.pieces:
            return self._output([], [], np.zeros((0, self._embedding.dimension), np.float32))
        bounds = SpeakerBounds(self.threshold, MIN_SPEAKER_S, min_speakers, max_speakers)
        frame_s = float(self._segmentation.model.receptive_field.step)
        speaker = assignment.assign_speakers(analysis.pieces, analysis.embeddings, analysis.linked, bounds, frame_s)
        activity = assignment.speaker_activity(analysis.linked, analysis.pieces, speaker)
        active = turns.trim_quiet_edges(activity > self.onset, analysis.loudness_db)
        exclusive = turns.exclusive_speaker(activity, active)
        order = _speakers_by_onset(active)
        means = assignment.mean_embeddings(analysis.pieces, analysis.embeddings, speaker)[order]
        return self._output(
            [runs(active[:, each]) for each in order], [runs(exclusive[:, each]) for each in order], means
        )

    def _embed(
        self, pieces: Sequence[Piece], waveform: torch.Tensor, report: Callable[..., None]
    ) -> NDArray[np.float32]:
        """Return embeddings, shape (pieces, d), float32; NaN for pieces that are too short."""
        embeddings = np.full((len(pieces), self._embedding.dimension), np.nan, np.float32)
        chosen = assignment.select_for_embedding(pieces, self._frames(MIN_PIECE_S), self._frames(MIN_ONLY_PIECE_S))
        for done, number in enumerate(chosen):
            report("embeddings", None, completed=done, total=len(chosen))
            edges = (pieces[number].start, pieces[number].end)
            begin, end = (round(self._time_s(edge) * SAMPLE_RATE_HZ) for edge in edges)
            with torch.inference_mode():
                embeddings[number] = self._embedding(waveform[None, None, begin:end].to(self._embedding.device)).cpu()
        report("embeddings", None, completed=len(chosen), total=len(chosen))
        return embeddings

    def _output(
        self,
        regular_runs: list[list[tuple[int, int]]],
        exclusive_runs: list[list[tuple[int, int]]],
        means: NDArray[np.float32],
    ) -> DiarizeOutput:
        """Return pyannote's output from the runs of frames of each speaker."""
        regular, exclusive = Annotation(), Annotation()
        for annotation, of_speakers in ((regular, regular_runs), (exclusive, exclusive_runs)):
            for number, of_speaker in enumerate(of_speakers):
                for start, end in of_speaker:
                    annotation[Segment(self._time_s(start), self._time_s(end))] = f"SPEAKER_{number:02d}"
        return DiarizeOutput(regular, exclusive, means)

    def _frames(self, duration_s: Seconds) -> int:
        return round(duration_s / float(self._segmentation.model.receptive_field.step))

    def _time_s(self, frame: float) -> Seconds:
        """Return the start of a frame: half a step before the middle of its receptive field."""
        field = self._segmentation.model.receptive_field
        return float(field.start + field.duration / 2 + (frame - 0.5) * field.step)


def _speakers_by_onset(active: NDArray[np.bool_]) -> list[int]:
    """Return the speakers with any speech, by their first frame."""
    present = [number for number in range(active.shape[1]) if active[:, number].any()]
    return sorted(present, key=lambda number: int(active[:, number].argmax()))


def _resolve_package_path(model: Model | str | Mapping[str, Any]) -> Model | str | Mapping[str, Any]:
    """Return the path of `package:<package>/<path>` in an installed package; anything else unchanged."""
    if not isinstance(model, str) or not model.startswith(_PACKAGE):
        return model
    package, _, path = model.removeprefix(_PACKAGE).partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {package!r}, which carries the segmentation model, is not installed")
    return str(Path(next(iter(spec.submodule_search_locations))) / path)


def _load_embedding_model(model: Model | str | Mapping[str, Any], token: str | None, cache_dir: str | None) -> Model:
    """Load a SpeechBrain folder as a pyannote model, any other model by pyannote's loader."""
    folder = None
    if isinstance(model, str):
        folder = Path(model)
    elif not isinstance(model, Model):
        folder = Path(model["checkpoint"]) / (model.get("subfolder") or "")
    if folder is not None and (folder / "hyperparams.yaml").is_file():
        return SpeechBrainEmbedding(folder)
    return get_model(model, token=token, cache_dir=cache_dir)
