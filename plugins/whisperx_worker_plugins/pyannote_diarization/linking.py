"""A pyannote.audio pipeline that links the speakers of overlapping windows.

Imported by pyannote's loader, never by the worker.

A folder names it in its `config.yaml`, and `pyannote.audio.Pipeline.from_pretrained(folder)` loads it:

    pipeline:
      name: whisperx_worker_plugins.pyannote_diarization.linking.LinkedSpeakerDiarization
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
from whisperx_worker_plugins.pyannote_diarization import people, turns
from whisperx_worker_plugins.pyannote_diarization.embedding import SpeechBrainEmbedding
from whisperx_worker_plugins.pyannote_diarization.tracks import Linked, Piece, Windows, link, pieces, runs
from whisperx_worker_plugins.pyannote_diarization.voices import Bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

LONGEST_PIECE_S: Seconds = 2.4
"""Longer stretches of one track are cut where it is quiet: somebody else may go on."""
LEAST_PIECE_S: Seconds = 0.8
"""Shorter pieces do not tell a voice."""
LEAST_ONLY_PIECE_S: Seconds = 0.3
"""Unless they are all that there is of a track."""
LEAST_SPEAKER_S: Seconds = 2.0
"""Who speaks less in a long recording is one of those who speak more."""

_PACKAGE = "package:"


@dataclass(frozen=True, eq=False)
class Heard:
    """What the models say of a recording."""

    linked: Linked
    loudness_db: NDArray[np.float32]
    """Shape (frames,)."""
    pieces: list[Piece]
    embeddings: NDArray[np.float32]
    """Shape (pieces, d); NaN for pieces that are too short."""


class LinkedSpeakerDiarization(SpeakerDiarizationMixin, Pipeline):
    """Who speaks when, where the embedding is too weak to cluster every window by itself.

    Windows go through the segmentation model; their local speakers are linked by what they hear together (`tracks`);
    the tracks are cut into pieces, which are embedded and clustered (`people`); frames become turns (`turns`).
    """

    def __init__(  # noqa: PLR0913  what the folder may say, and the two that pyannote adds
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
            segmentation_batch_size: Windows at once.
            token: For models on the hub.
            cache_dir: For models on the hub.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        model: Any = get_model(_installed(segmentation), token=token, cache_dir=cache_dir)
        self._embedding: Any = _embedding_model(embedding, token, cache_dir)
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
        """Windows at once."""
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
        """Say who speaks when.

        Args:
            file: With `waveform`, shape (1, samples), and `sample_rate`.
            num_speakers: How many speak, where that is known.
            min_speakers: At least so many.
            max_speakers: At most so many.
            hook: Called as pyannote's own pipelines call it.
        """
        _, fewest, most = self.set_num_speakers(num_speakers, min_speakers, max_speakers)
        return self.tell(self.hear(file, hook), fewest, None if np.isinf(most) else int(most))

    def hear(self, file: Mapping[str, Any], hook: Callable[..., None] | None = None) -> Heard:
        """Run both models; the arguments are those of `apply`."""
        report = self.setup_hook(file, hook=hook)
        waveform = self._segmentation.model.audio(file)[0][0]
        scores = self._segmentation(file, hook=partial(report, "segmentation", None))
        linked = link(Windows(scores.data, self._hop, self.onset))
        frames = range(linked.windows.frames)
        middles = np.rint([self._time_s(frame + 0.5) * SAMPLE_RATE_HZ for frame in frames]).astype(np.int64)
        loudness_db = turns.loudness(waveform.numpy(), middles)
        parts = pieces(linked, loudness_db, self._frames(LONGEST_PIECE_S), self._frames(LEAST_PIECE_S))
        return Heard(linked, loudness_db, parts, self._embed(parts, waveform, report))

    def tell(self, heard: Heard, fewest: int = 1, most: int | None = None) -> DiarizeOutput:
        """Cluster what was heard, and make turns of it; no model runs.

        Args:
            heard: What `hear` gives.
            fewest: At least so many speakers.
            most: At most so many; None is any number.
        """
        if not heard.pieces:
            return self._output([], [], np.zeros((0, self._embedding.dimension), np.float32))
        bounds = Bounds(self.threshold, LEAST_SPEAKER_S, fewest, most)
        frame_s = float(self._segmentation.model.receptive_field.step)
        speaker = people.speaker_of_each(heard.pieces, heard.embeddings, heard.linked, bounds, frame_s)
        activity = people.activity(heard.linked, heard.pieces, speaker)
        speaks = turns.trimmed(activity > self.onset, heard.loudness_db)
        alone = turns.exclusive(activity, speaks)
        order = _by_first_word(speaks)
        means = people.mean_embeddings(heard.pieces, heard.embeddings, speaker)[order]
        return self._output([runs(speaks[:, each]) for each in order], [runs(alone[:, each]) for each in order], means)

    def _embed(
        self, parts: Sequence[Piece], waveform: torch.Tensor, report: Callable[..., None]
    ) -> NDArray[np.float32]:
        """Shape (pieces, d), float32; NaN for what is too short."""
        found = np.full((len(parts), self._embedding.dimension), np.nan, np.float32)
        chosen = people.worth_embedding(parts, self._frames(LEAST_PIECE_S), self._frames(LEAST_ONLY_PIECE_S))
        for done, number in enumerate(chosen):
            report("embeddings", None, completed=done, total=len(chosen))
            edges = (parts[number].start, parts[number].end)
            begin, end = (round(self._time_s(edge) * SAMPLE_RATE_HZ) for edge in edges)
            with torch.inference_mode():
                found[number] = self._embedding(waveform[None, None, begin:end].to(self._embedding.device)).cpu()
        report("embeddings", None, completed=len(chosen), total=len(chosen))
        return found

    def _output(
        self, turns_of: list[list[tuple[int, int]]], alone_of: list[list[tuple[int, int]]], means: NDArray[np.float32]
    ) -> DiarizeOutput:
        regular, exclusive = Annotation(), Annotation()
        for annotation, of_all in ((regular, turns_of), (exclusive, alone_of)):
            for number, of_one in enumerate(of_all):
                for start, end in of_one:
                    annotation[Segment(self._time_s(start), self._time_s(end))] = f"SPEAKER_{number:02d}"
        return DiarizeOutput(regular, exclusive, means)

    def _frames(self, duration_s: Seconds) -> int:
        return round(duration_s / float(self._segmentation.model.receptive_field.step))

    def _time_s(self, frame: float) -> Seconds:
        """Where a frame begins: half a step before the middle of what it hears."""
        field = self._segmentation.model.receptive_field
        return float(field.start + field.duration / 2 + (frame - 0.5) * field.step)


def _by_first_word(speaks: NDArray[np.bool_]) -> list[int]:
    """Speakers who speak at all, in the order in which they first do."""
    heard = [number for number in range(speaks.shape[1]) if speaks[:, number].any()]
    return sorted(heard, key=lambda number: int(speaks[:, number].argmax()))


def _installed(model: Model | str | Mapping[str, Any]) -> Model | str | Mapping[str, Any]:
    """The file of an installed package for `package:<package>/<path>`; anything else as it is."""
    if not isinstance(model, str) or not model.startswith(_PACKAGE):
        return model
    package, _, path = model.removeprefix(_PACKAGE).partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {package!r}, which carries the segmentation model, is not installed")
    return str(Path(next(iter(spec.submodule_search_locations))) / path)


def _embedding_model(model: Model | str | Mapping[str, Any], token: str | None, cache_dir: str | None) -> Model:
    """A SpeechBrain folder as a pyannote model; any other model as pyannote loads it."""
    folder = None
    if isinstance(model, str):
        folder = Path(model)
    elif not isinstance(model, Model):
        folder = Path(model["checkpoint"]) / (model.get("subfolder") or "")
    if folder is not None and (folder / "hyperparams.yaml").is_file():
        return SpeechBrainEmbedding(folder)
    return get_model(model, token=token, cache_dir=cache_dir)
