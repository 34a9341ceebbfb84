"""The clustering of pyannote's own pipeline for long recordings, in memory that a worker has.

pyannote's clusterings keep the distances of all pairs of embeddings: twelve hours would take tens of gigabytes, and
other threads stand still meanwhile. Few embeddings go through pyannote's own code; of many, its VBx clustering gets the
same first clusters and the same speakers from `linkage` and `bayes`. What does not fit even so is refused beforehand.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker import WorkerError, memory_gb
from whisperx_worker_plugins.pyannote_diarization.bayes import Strength, speakers_by_bayes
from whisperx_worker_plugins.pyannote_diarization.linkage import centroid_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MAX_AT_ONCE = 4000
"""So many embeddings, some forty minutes of talk, go through pyannote's own code."""

BYTES_OF_A_PAIR = 8
"""Of two embeddings, counted in both orders: SciPy's `linkage` holds their distance twice, in double precision."""
BYTES_OF_A_CELL = 10
"""What pyannote holds for each frame of each window and each speaker when it puts windows together; measured."""

_REPLACED = frozenset({"linkage", "fcluster", "cluster_vbx"})


@dataclass(eq=False)
class SparingClustering:
    """Stands in for a clustering of `pyannote.audio.pipelines.clustering`, and gives the same clusters."""

    clustering: Any
    on_step: Callable[[], None] = lambda: None
    """Called often while it works; what it raises ends it."""
    max_at_once: int = MAX_AT_ONCE

    def __call__(self, embeddings: NDArray[np.float32], segmentations: Any, **asked: Any) -> Any:  # noqa: ANN401
        """Cluster.

        Args:
            embeddings: Shape (windows, speakers, d); NaN where there is none.
            segmentations: A `pyannote.core.SlidingWindowFeature` of shape (windows, frames, speakers).
            asked: What pyannote's pipeline gives, such as `num_clusters`.

        Returns:
            Clusters of shape (windows, speakers), their scores, and their centroids.

        Raises:
            WorkerError: When it does not fit into memory.
        """
        embeddings = _without_zeros(embeddings)
        count = len(self.clustering.filter_embeddings(embeddings, segmentations=segmentations)[0])
        for name in ("num_clusters", "min_clusters"):
            if asked.get(name):
                asked[name] = min(asked[name], max(1, count))
        cluster = self._patient() if count > self.max_at_once and self._can_be_patient() else self.clustering
        if cluster is self.clustering and count > self.max_at_once:
            _check_memory(BYTES_OF_A_PAIR * count**2, "the voices", segmentations)
        found = cluster(embeddings=embeddings, segmentations=segmentations, **asked)
        speakers = int(np.max(found[0])) + 1
        _check_memory(
            BYTES_OF_A_CELL * segmentations.data[..., 0].size * speakers, f"{speakers} speakers", segmentations
        )
        return found

    def _can_be_patient(self) -> bool:
        """Whether this is the clustering whose steps are known here."""
        from pyannote.audio.pipelines.clustering import VBxClustering

        own = type(self.clustering)
        return own is VBxClustering and set(own.__call__.__code__.co_names) >= _REPLACED

    def _patient(self) -> Callable[..., Any]:
        """The clustering's own function, which finds other ones where it calls SciPy and its VBx."""
        own = type(self.clustering).__call__
        names = {
            **own.__globals__, "linkage": _same_points, "fcluster": self._first_clusters, "cluster_vbx": self._speakers
        }  # fmt: skip
        patient = FunctionType(own.__code__, names, own.__name__, own.__defaults__, own.__closure__)
        return patient.__get__(self.clustering)

    def _first_clusters(self, points: NDArray[np.float32], threshold: float, criterion: str) -> NDArray[np.int64]:
        if criterion != "distance":
            raise ValueError(f"clusters are cut by distance here, not by {criterion}")
        return centroid_labels(points, threshold, self.on_step) + 1

    def _speakers(  # noqa: PLR0913  as pyannote calls it
        self,
        labels: NDArray[np.int64],
        features: NDArray[np.float64],
        between: NDArray[np.float64],
        Fa: float,  # noqa: N803
        Fb: float,  # noqa: N803
        maxIters: int,  # noqa: N803
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return speakers_by_bayes(labels, features, between, Strength(Fa, Fb), maxIters, on_step=self.on_step)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Whatever else pyannote asks a clustering for."""
        return getattr(self.clustering, name)


def spare_memory(pipeline: Any) -> None:  # noqa: ANN401
    """Let pyannote's own pipeline cluster in this way.

    Args:
        pipeline: A `pyannote.audio.Pipeline`.
    """
    from pyannote.audio.pipelines import SpeakerDiarization

    if type(pipeline) is SpeakerDiarization and pipeline.klustering != "OracleClustering":
        pipeline.clustering = SparingClustering(pipeline.clustering)


@contextmanager
def interruptible(pipeline: Any, on_step: Callable[[], None]) -> Iterator[None]:  # noqa: ANN401
    """Call a function often while a pipeline's clustering works."""
    clustering = getattr(pipeline, "clustering", None)
    if not isinstance(clustering, SparingClustering):
        yield
        return
    clustering.on_step = on_step
    try:
        yield
    finally:
        clustering.on_step = lambda: None


def _same_points(points: NDArray[np.float32], method: str, metric: str) -> NDArray[np.float32]:
    """In place of SciPy's `linkage`: what `_first_clusters` gets in place of its tree."""
    if (method, metric) != ("centroid", "euclidean"):
        raise ValueError(f"clusters are merged by their centroids here, not by {method} and {metric}")
    return points


def _without_zeros(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embeddings, NaN where one has no direction: neither library stands an infinite or a zero one."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    has_direction = np.isfinite(length) & (length > 0)
    return embeddings if has_direction.all() else np.where(has_direction, embeddings, np.nan).astype(embeddings.dtype)


def _check_memory(needed_bytes: float, what: str, segmentations: Any) -> None:  # noqa: ANN401
    needed_gb, free_gb = needed_bytes / 1e9, memory_gb()[1]
    if needed_gb > free_gb:
        hours = segmentations.sliding_window.step * len(segmentations.data) / 3600
        raise WorkerError(
            f"telling apart {what} of {hours:.1f} h takes {needed_gb:.1f} GB of memory, and {free_gb:.1f} GB are free"
        )
