"""The best paths of tokens through emissions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.wav2vec2_alignment.alignment_emissions import BLANK, best_path, peaked_emission, random_emission
from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import with_wildcard
from whisperx_worker_plugins.wav2vec2_alignment.ctc.token_graph import TokenGraph
from whisperx_worker_plugins.wav2vec2_alignment.ctc.trellis import TOKEN_BONUS
from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError


def best_by_exhaustion(emission, tokens, blank):
    """Return starts and end of the best of all paths, by their definition."""
    best, found = -np.inf, None
    for end in range(len(tokens), len(emission) + 1):
        for starts in combinations(range(end), len(tokens)):
            entered = dict(zip(starts, tokens, strict=True))
            score = sum(float(emission[t, entered.get(t, blank)]) for t in range(end))
            if score > best:
                best, found = score, (list(starts), end)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_the_path_is_the_best_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(3, 9))
    tokens = rng.integers(1, 5, int(rng.integers(1, min(4, frames) + 1))).tolist()
    emission = random_emission(rng, frames, width=5)

    path = best_path(emission, tokens, blank=0)

    starts, end = best_by_exhaustion(emission, tokens, blank=0)
    assert path.starts.tolist() == starts
    assert path.ends.tolist() == [*starts[1:], end]


def test_a_token_lasts_until_the_next_one_and_its_score_is_the_mean_along_its_frames():
    emission = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]], dtype=np.float32))

    path = best_path(emission, [1, 1], blank=0)

    assert path.starts.tolist() == [1, 3]
    assert path.ends.tolist() == [3, 4]
    assert path.scores == pytest.approx([(0.8 + 0.7) / 2, 0.6])


def test_as_many_tokens_as_frames_take_one_frame_each():
    path = best_path(peaked_emission({}, 3), [2, 3, 4], BLANK)
    assert path.starts.tolist() == [0, 1, 2]
    assert path.ends.tolist() == [1, 2, 3]


def test_more_tokens_than_frames_have_no_path():
    with pytest.raises(UnalignableError, match="its 4 characters do not fit into 3 frames of sound"):
        best_path(peaked_emission({}, 3), [2, 3, 4, 5], BLANK)


def test_no_tokens_have_no_path():
    with pytest.raises(UnalignableError, match="nothing in its text is spoken"):
        best_path(peaked_emission({}, 3), [], BLANK)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_emissions_that_are_not_finite_have_no_path(value):
    with pytest.raises(UnalignableError, match="no usable probabilities"):
        best_path(np.full((5, 4), value, dtype=np.float32), [2, 3], BLANK)


def test_the_wildcard_is_the_best_column_that_is_not_blank():
    emission = np.array([[9.0, 1.0, 2.0], [0.0, 5.0, 3.0]], dtype=np.float32)
    assert with_wildcard(emission, blank=0).tolist() == [[9.0, 1.0, 2.0, 2.0], [0.0, 5.0, 3.0, 5.0]]


@given(st.lists(st.tuples(st.integers(1, 700), st.integers(1, 40)), min_size=1, max_size=9), st.integers(0, 99))
def test_paths_found_together_equal_those_found_one_by_one(sizes, seed):
    draw = np.random.default_rng(seed)
    emissions = [np.log(draw.dirichlet(np.ones(6), frames)).astype(np.float32) for frames, _ in sizes]
    tokens = [draw.integers(1, 6, count).tolist() for _, count in sizes]

    together = best_paths(emissions, tokens, blank=0)

    for emission, sequence, path in zip(emissions, tokens, together, strict=True):
        if len(sequence) > len(emission):
            assert isinstance(path, UnalignableError)
            continue
        alone = best_path(emission, sequence, blank=0)
        assert (path.starts.tolist(), path.ends.tolist()) == (alone.starts.tolist(), alone.ends.tolist())
        assert path.scores.tolist() == alone.scores.tolist()


@pytest.mark.parametrize("seed", range(30))
def test_the_best_path_through_a_graph_is_the_best_of_all_its_chains(seed):
    draw = np.random.default_rng(seed)
    emission = np.log(draw.dirichlet(np.ones(6), 14)).astype(np.float32)
    # (1 or 2 3), then 4 or nothing, then 5
    graph = TokenGraph(np.array([1, 2, 3, 4, 5]), {1: (-1,), 3: (0, 2), 4: (0, 2, 3)}, (4,))
    chains = [[1, 4, 5], [2, 3, 4, 5], [1, 5], [2, 3, 5]]

    def score(columns, starts, end):
        entered = sum(emission[s, c] - emission[s, 0] + TOKEN_BONUS for s, c in zip(starts, columns, strict=True))
        return emission[:end, 0].sum() + entered

    path = best_path(emission, graph, blank=0)

    found = score(graph.columns[path.tokens], path.starts, path.ends[-1])
    alone = [(chain, best_path(emission, chain, blank=0)) for chain in chains]
    assert graph.columns[path.tokens].tolist() in chains
    assert found == pytest.approx(max(score(chain, one.starts, one.ends[-1]) for chain, one in alone), abs=1e-4)
