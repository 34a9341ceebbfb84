"""Low-memory replacement of the clusterings of pyannote's own pipeline.

pyannote's clusterings keep the distances of all pairs of embeddings: twelve hours would take tens of gigabytes, and
other threads are blocked meanwhile. Few embeddings go through pyannote's own code; of many, its VBx clustering gets the
same initial clusters from `centroid_linkage` and the same speakers from `vbx`. What does not fit even so is refused
beforehand.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker import WorkerError, memory_gb
from whisperx_worker_plugins.pyannote_diarization.long_recordings.centroid_linkage import centroid_labels
from whisperx_worker_plugins.pyannote_diarization.long_recordings.vbx import VbxScaling, cluster_vbx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MAX_EMBEDDINGS = 4000
"""Number of embeddings, some forty minutes of talk, up to which pyannote's own code is used."""

BYTES_PER_PAIR = 8
"""Memory of a pair of embeddings, counted in both orders.

SciPy's `linkage` has their distance twice, in double precision.
"""
BYTES_PER_CELL = 10
"""Memory of each frame of each window and each speaker when pyannote puts windows together; measured."""

_REPLACED = frozenset({"linkage", "fcluster", "cluster_vbx"})


@dataclass(eq=False)
class LowMemoryClustering:
    """Replacement of a clustering of `pyannote.audio.pipelines.clustering` with the same clusters."""

    clustering: Any
    on_step: Callable[[], None] = lambda: None
    """Called often while it works; an exception of it ends the work."""
    max_embeddings: int = MAX_EMBEDDINGS

    def __call__(self, embeddings: NDArray[np.float32], segmentations: Any, **arguments: Any) -> Any:  # noqa: ANN401
        """Cluster.

        Args:
            embeddings: Shape (windows, speakers, d); NaN where there is none.
            segmentations: A `pyannote.core.SlidingWindowFeature` of shape (windows, frames, speakers).
            arguments: Further arguments of pyannote's pipeline, such as `num_clusters`.

        Returns:
            Clusters of shape (windows, speakers), their scores, and their centroids.

        Raises:
            WorkerError: When it does not fit into memory.
        """
        embeddings = _nan_without_direction(embeddings)
        count = len(self.clustering.filter_embeddings(embeddings, segmentations=segmentations)[0])
        for name in ("num_clusters", "min_clusters"):
            if arguments.get(name):
                arguments[name] = min(arguments[name], max(1, count))
        is_long = count > self.max_embeddings
        cluster = self._low_memory_call() if is_long and self._is_replaceable() else self.clustering
        if cluster is self.clustering and is_long:
            _check_memory(BYTES_PER_PAIR * count**2, "the voices", segmentations)
        result = cluster(embeddings=embeddings, segmentations=segmentations, **arguments)
        speakers = int(np.max(result[0])) + 1
        _check_memory(
            BYTES_PER_CELL * segmentations.data[..., 0].size * speakers, f"{speakers} speakers", segmentations
        )
        return result

    def _is_replaceable(self) -> bool:
        """Return whether the clustering is pyannote's VBx with the known steps."""
        from pyannote.audio.pipelines.clustering import VBxClustering

        kind = type(self.clustering)
        return kind is VBxClustering and set(kind.__call__.__code__.co_names) >= _REPLACED

    def _low_memory_call(self) -> Callable[..., Any]:
        """Return the clustering's own call with other functions in place of SciPy's and its VBx."""
        own_call = type(self.clustering).__call__
        names = {
            **own_call.__globals__, "linkage": _same_points, "fcluster": self._initial_clusters,
            "cluster_vbx": self._cluster_vbx,
        }  # fmt: skip
        call = FunctionType(own_call.__code__, names, own_call.__name__, own_call.__defaults__, own_call.__closure__)
        return call.__get__(self.clustering)

    def _initial_clusters(self, points: NDArray[np.float32], threshold: float, criterion: str) -> NDArray[np.int64]:
        if criterion != "distance":
            raise ValueError(f"clusters are cut by distance here, not by {criterion}")
        return centroid_labels(points, threshold, self.on_step) + 1

    def _cluster_vbx(  # noqa: PLR0913  as pyannote calls it
        self,
        labels: NDArray[np.int64],
        features: NDArray[np.float64],
        between: NDArray[np.float64],
        Fa: float,  # noqa: N803
        Fb: float,  # noqa: N803
        maxIters: int,  # noqa: N803
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return cluster_vbx(labels, features, between, VbxScaling(Fa, Fb), maxIters, on_step=self.on_step)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Return any other attribute of the clustering."""
        return getattr(self.clustering, name)


def use_low_memory_clustering(pipeline: Any) -> None:  # noqa: ANN401
    """Replace the clustering of pyannote's own pipeline.

    Args:
        pipeline: A `pyannote.audio.Pipeline`.
    """
    from pyannote.audio.pipelines import SpeakerDiarization

    if type(pipeline) is SpeakerDiarization and pipeline.klustering != "OracleClustering":
        pipeline.clustering = LowMemoryClustering(pipeline.clustering)


@contextmanager
def interruptible(pipeline: Any, on_step: Callable[[], None]) -> Iterator[None]:  # noqa: ANN401
    """Call a function often while a pipeline's clustering works."""
    clustering = getattr(pipeline, "clustering", None)
    if not isinstance(clustering, LowMemoryClustering):
        yield
        return
    clustering.on_step = on_step
    try:
        yield
    finally:
        clustering.on_step = lambda: None


def _same_points(points: NDArray[np.float32], method: str, metric: str) -> NDArray[np.float32]:
    """Return the points, in place of SciPy's `linkage`: `_initial_clusters` needs no tree."""
    if (method, metric) != ("centroid", "euclidean"):
        raise ValueError(f"clusters are merged by their centroids here, not by {method} and {metric}")
    return points


def _nan_without_direction(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return embeddings with NaN for zero and infinite ones, on which both libraries fail."""
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
