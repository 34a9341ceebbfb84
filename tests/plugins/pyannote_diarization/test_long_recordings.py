"""Clustering of long recordings: the same clusters as SciPy's and pyannote's, in far less memory."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from whisperx_worker import WorkerError
from whisperx_worker_plugins.pyannote_diarization.long_recordings import clustering as low_memory
from whisperx_worker_plugins.pyannote_diarization.long_recordings.centroid_linkage import centroid_labels
from whisperx_worker_plugins.pyannote_diarization.long_recordings.clustering import LowMemoryClustering
from whisperx_worker_plugins.pyannote_diarization.long_recordings.vbx import VbxScaling, cluster_vbx

models = pytest.mark.models

FRAMES = 20


def talk(count, people, spread, seed=0, d=32):
    """Embeddings of people who take turns; those of one turn are more alike than those of one person."""
    draw = np.random.default_rng(seed)
    voices = draw.normal(size=(people, d))
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    who = np.repeat(draw.integers(0, people, size=count // 5 + 1), 5)[:count]
    room = np.repeat(draw.normal(size=(count // 5 + 1, d)), 5, axis=0)[:count]
    points = voices[who] + spread * (0.8 * room + 0.6 * draw.normal(size=(count, d))) / np.sqrt(d)
    return points.astype(np.float32)


def unit(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def groups(labels):
    """The clusters, whatever their numbers are."""
    found = {}
    for index, label in enumerate(np.asarray(labels).tolist()):
        found.setdefault(label, []).append(index)
    return sorted(found.values())


def scipy_groups(points, threshold):
    from scipy.cluster.hierarchy import fcluster, linkage

    return groups(fcluster(linkage(points, method="centroid"), threshold, criterion="distance"))


# --- centroid linkage


@models
@given(
    st.integers(2, 80), st.integers(1, 6), st.floats(0.1, 2.0), st.integers(2, 40), st.floats(0.05, 1.5), st.integers(0, 10**6)
)  # fmt: skip
def test_clusters_are_those_of_scipy(count, people, spread, d, threshold, seed):
    points = unit(talk(count, people, spread, seed, d))
    expected = scipy_groups(points, threshold)
    # Where two merges are all but equally good, rounding decides, and it differs between processors.
    noise = np.random.default_rng(seed).normal(scale=1e-5, size=(8, *points.shape))
    assume(all(scipy_groups(points + part, threshold) == expected for part in noise))

    assert groups(centroid_labels(points, threshold)) == expected


@models
@pytest.mark.parametrize("spread", [0.4, 0.8, 1.0, 1.3])
def test_clusters_of_a_long_talk_are_those_of_scipy(spread):
    points = unit(talk(800, 7, spread, d=256))

    assert groups(centroid_labels(points, 0.6)) == scipy_groups(points, 0.6)


def test_the_memory_does_not_grow_with_the_square_of_the_number():
    points = unit(talk(4000, 5, 0.5))
    all_pairs = 8 * len(points) ** 2

    tracemalloc.start()
    labels = centroid_labels(points, 0.6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert labels.max() < 20
    assert peak < all_pairs / 4


def test_one_point_is_one_cluster_and_equal_ones_are_one_too():
    assert centroid_labels(np.ones((1, 3), np.float32), 0.6).tolist() == [0]
    assert centroid_labels(np.tile(unit(talk(1, 1, 1.0)), (9, 1)), 0.1).tolist() == [0] * 9


def test_points_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"^points to cluster must be finite$"):
        centroid_labels(np.array([[0.0, np.nan], [1.0, 0.0]], np.float32), 0.6)


class StoppedError(Exception):
    pass


def stop():
    raise StoppedError


def test_clustering_stops_where_it_is_told_to():
    with pytest.raises(StoppedError):
        centroid_labels(unit(talk(600, 3, 1.0)), 0.6, stop)


# --- variational Bayes


@models
@pytest.mark.parametrize(("people", "spread"), [(1, 0.3), (3, 1.0), (12, 1.3)])
def test_speakers_are_those_of_pyannote(people, spread, monkeypatch):
    from pyannote.audio.utils import vbx as pyannote_vbx

    monkeypatch.setattr("whisperx_worker_plugins.pyannote_diarization.long_recordings.vbx._CELLS_PER_BLOCK", 5_000)
    features = 6 * talk(700, people, spread).astype(np.float64)
    labels = centroid_labels(unit(talk(700, people, spread)), 0.6)
    between = np.linspace(8, 0.3, features.shape[1])

    responsibilities, priors = pyannote_vbx.cluster_vbx(labels, features, between, Fa=0.07, Fb=0.8, maxIters=20)
    found, found_priors = cluster_vbx(labels, features, between, VbxScaling(0.07, 0.8))

    kept = priors > 1e-7
    assert found_priors == pytest.approx(priors[kept], abs=1e-9)
    assert found == pytest.approx(responsibilities[:, kept], abs=1e-9)


# --- pyannote's own clustering


@pytest.fixture(scope="module")
def plda(tmp_path_factory):
    from pyannote.audio.core.plda import PLDA

    folder, draw = tmp_path_factory.mktemp("plda"), np.random.default_rng(0)
    np.savez(
        folder / "transform.npz", mean1=np.zeros(256), mean2=np.zeros(128),
        lda=np.linalg.qr(draw.normal(size=(256, 128)))[0],
    )  # fmt: skip
    np.savez(folder / "plda.npz", mu=np.zeros(128), tr=np.eye(128), psi=np.linspace(9, 0.2, 128))
    return PLDA(folder / "transform.npz", folder / "plda.npz")


def windows_of(points):
    """Embeddings and segmentation as pyannote's pipeline has them: three local speakers a window, the last one silent."""
    from pyannote.core import SlidingWindow, SlidingWindowFeature

    count = len(points) // 2
    embeddings = np.full((count, 3, points.shape[1]), np.nan, np.float32)
    embeddings[:, :2] = points[: 2 * count].reshape(count, 2, -1)
    active = np.zeros((count, FRAMES, 3), np.float32)
    active[:, : FRAMES // 2, 0] = active[:, FRAMES // 2 :, 1] = 1
    return embeddings, SlidingWindowFeature(active, SlidingWindow(start=0, duration=10, step=1))


@pytest.fixture
def vbx(plda):
    from pyannote.audio.pipelines.clustering import VBxClustering

    clustering = VBxClustering(plda)
    clustering.instantiate({"threshold": 0.6, "Fa": 0.07, "Fb": 0.8})
    return clustering


def ask(clustering, points, **asked):
    embeddings, segmentations = windows_of(points)
    bounds = {"num_clusters": None, "min_clusters": 1, "max_clusters": np.inf, **asked}
    return clustering(embeddings=embeddings, segmentations=segmentations, **bounds)


NUMBERS = [
    {},
    {"num_clusters": 2, "min_clusters": 2, "max_clusters": 2},
    {"num_clusters": 6, "min_clusters": 6, "max_clusters": 6},
    {"max_clusters": 3},
    {"min_clusters": 7},
]


@models
@pytest.mark.parametrize("asked", NUMBERS, ids=["any", "two", "six", "three at most", "seven at least"])
@pytest.mark.parametrize("spread", [0.5, 0.9, 1.2])
def test_many_embeddings_get_the_speakers_that_pyannote_gives_them(vbx, asked, spread):
    points = talk(600, 5, spread, d=256)

    hard, _, centroids = ask(vbx, points, **asked)
    found = ask(LowMemoryClustering(vbx, max_embeddings=0), points, **asked)

    # Which number a speaker has is by chance; the third local speaker never says anything.
    assert groups(found[0][:, :2].reshape(-1)) == groups(hard[:, :2].reshape(-1))
    assert sorted(found[2].tolist()) == [pytest.approx(row, abs=1e-5) for row in sorted(centroids.tolist())]


@models
def test_few_embeddings_go_through_pyannotes_own_code(vbx, monkeypatch):
    def never(*_arguments):
        raise AssertionError

    monkeypatch.setattr(low_memory, "centroid_labels", never)
    points = talk(100, 3, 0.5, d=256)

    assert (ask(LowMemoryClustering(vbx, max_embeddings=100), points)[0] == ask(vbx, points)[0]).all()
    with pytest.raises(AssertionError):
        ask(LowMemoryClustering(vbx, max_embeddings=99), points)


@models
@pytest.mark.parametrize("max_embeddings", [0, 4000])
def test_embeddings_without_a_direction_are_nobodys(vbx, max_embeddings):
    clean = talk(300, 3, 0.5, d=256)
    spoilt = clean.copy()
    spoilt[[5, 6, 7]] = [[np.nan], [0.0], [np.inf]]

    hard, _, centroids = ask(LowMemoryClustering(vbx, max_embeddings=max_embeddings), spoilt)

    assert np.isfinite(centroids).all()
    pairs = np.flatnonzero(~np.isin(np.arange(300), [4, 5, 6, 7]))
    expected = ask(vbx, clean)[0][:, :2].reshape(-1)
    assert groups(hard[:, :2].reshape(-1)[pairs]) == groups(expected[pairs])


@models
@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("asked", NUMBERS, ids=["any", "two", "six", "three at most", "seven at least"])
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value encountered")
def test_hardly_any_embeddings_are_no_more_speakers_than_they_are(vbx, count, asked):
    points = np.full((4, 256), np.nan, np.float32)
    points[:count] = talk(4, 4, 0.1, d=256)[[0, 1, 2, 3]][:count]

    hard = ask(LowMemoryClustering(vbx, max_embeddings=0), points, **asked)[0]

    assert hard.shape == (2, 3)
    assert int(hard.max()) + 1 <= max(1, count)


@models
def test_clustering_of_a_job_that_nobody_wants_stops(vbx):
    with pytest.raises(StoppedError):
        ask(LowMemoryClustering(vbx, stop, max_embeddings=0), talk(100, 3, 0.5, d=256))


# --- what does not fit


def short_of_memory(monkeypatch, free_gb):
    monkeypatch.setattr(low_memory, "memory_gb", lambda: (8.0, free_gb))


@models
def test_a_clustering_that_keeps_all_pairs_is_refused_before_it_fills_the_memory(monkeypatch):
    from pyannote.audio.pipelines.clustering import AgglomerativeClustering

    clustering = AgglomerativeClustering()
    clustering.instantiate({"method": "centroid", "threshold": 0.7, "min_cluster_size": 1})
    points = talk(500, 3, 0.5, d=256)
    assert ask(LowMemoryClustering(clustering, max_embeddings=0), points)[0].max() == 2

    short_of_memory(monkeypatch, free_gb=0.001)
    monkeypatch.setattr(clustering, "cluster", stop)
    with pytest.raises(
        WorkerError, match=r"^telling apart the voices of 0\.1 h takes 0\.0 GB of memory, and 0\.0 GB are free$"
    ):
        ask(LowMemoryClustering(clustering, max_embeddings=0), points)


@models
def test_more_speakers_than_memory_is_one_sentence(vbx, monkeypatch):
    short_of_memory(monkeypatch, free_gb=250 * FRAMES * low_memory.BYTES_PER_CELL * 2.5 / 1e9)
    assert ask(LowMemoryClustering(vbx), talk(500, 2, 0.5, d=256))[0].max() == 1

    with pytest.raises(WorkerError, match=r"^telling apart 3 speakers of 0\.1 h takes "):
        ask(LowMemoryClustering(vbx), talk(500, 3, 0.5, d=256))


@models
def test_only_pyannotes_own_pipeline_is_changed():
    other = SimpleNamespace(clustering="mine", klustering="VBxClustering")

    low_memory.use_low_memory_clustering(other)

    assert other.clustering == "mine"
