"""Embeddings, similarities, names and thresholds: the parts of speaker verification that need no model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whisperx_worker import BadInputError, Span, SpeakerTurn
from whisperx_worker_plugins.speaker_verification.cache import LruCache
from whisperx_worker_plugins.speaker_verification.calibration import (
    Trials,
    calibrate,
    equal_error,
    trials_of,
)
from whisperx_worker_plugins.speaker_verification.embeddings import has_two_voices, mean_embedding, similarities
from whisperx_worker_plugins.speaker_verification.naming import (
    MAX_BEHIND_NEAREST,
    Naming,
    name_independently,
    name_uniquely,
)
from whisperx_worker_plugins.speaker_verification.solo_speech import solo_speech

COSINES = st.floats(-1, 1, allow_nan=False, width=32)
SCORES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=COSINES)
)
THRESHOLDS = st.floats(-1, 1)


def unit(*rows):
    vectors = np.asarray(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def people(namings):
    return [naming.person for naming in namings]


# --- embeddings


def test_the_mean_of_two_directions_lies_between_them():
    assert mean_embedding(unit([1, 0], [0, 1])).tolist() == pytest.approx([0.5**0.5, 0.5**0.5])


def test_a_heavier_embedding_counts_more():
    assert mean_embedding(unit([1, 0], [0, 1]), np.array([3.0, 4.0])).tolist() == pytest.approx([0.6, 0.8])


def test_what_is_not_finite_does_not_count():
    assert mean_embedding(np.array([[np.nan, np.nan], [0, 1]], np.float32)).tolist() == [0, 1]


@pytest.mark.parametrize("rows", [np.full((2, 3), np.nan), np.zeros((0, 3)), [[1, 0, 0], [-1, 0, 0]]])
def test_nothing_in_common_is_no_direction(rows):
    assert np.isnan(mean_embedding(np.asarray(rows, np.float32))).all()


def test_similarity_is_the_cosine():
    scores = similarities(unit([1, 0], [3, 4]), unit([1, 0], [0, 1], [-1, 0]))
    assert scores == pytest.approx(np.array([[1, 0, -1], [0.6, 0.8, -0.6]]))


@given(st.integers(1, 4).flatmap(lambda n: arrays(np.float32, (n, 3), elements=st.floats(-1, 1, width=32))))
def test_similarities_never_leave_their_range(vectors):
    lengths = np.linalg.norm(vectors, axis=1)
    scores = similarities(unit(*vectors[lengths > 0.1]), unit(*vectors[lengths > 0.1])) if (lengths > 0.1).any() else 0
    assert np.abs(scores).max(initial=0) <= 1


# --- names


def test_a_voice_gets_the_nearest_name():
    assert name_independently(np.array([[0.2, 0.8]]), 0.5) == [Naming(1, 0.8, 0.2)]


def test_a_stranger_gets_none():
    assert name_independently(np.array([[0.2, 0.4]]), 0.5) == [Naming(None, 0.4, 0.2)]


def test_the_threshold_itself_is_enough():
    assert people(name_independently(np.array([[0.5]]), 0.5)) == people(name_uniquely(np.array([[0.5]]), 0.5)) == [0]


def test_one_enrolled_person_has_no_runner_up():
    assert name_independently(np.array([[0.7]]), 0.5) == [Naming(0, 0.7, None)]


def test_two_voices_may_be_called_the_same_where_that_is_allowed():
    assert people(name_independently(np.array([[0.9, 0.1], [0.8, 0.1]]), 0.5)) == [0, 0]


def test_a_name_goes_to_the_more_similar_voice_only():
    namings = name_uniquely(np.array([[0.8, 0.1], [0.9, 0.1]]), 0.5)
    assert namings == [Naming(None, 0.8, 0.1, taken=0), Naming(0, 0.9, 0.1)]


def test_a_voice_whose_person_is_taken_may_be_one_who_is_nearly_as_similar():
    namings = name_uniquely(np.array([[0.90, 0.85], [0.95, 0.1]]), 0.5)
    assert namings == [Naming(1, 0.85, 0.90, taken=0), Naming(0, 0.95, 0.1)]


def test_a_voice_whose_person_is_taken_never_gets_a_name_that_it_hardly_sounds_like():
    assert people(name_uniquely(np.array([[0.90, 0.60], [0.95, 0.1]]), 0.5)) == [None, 0]


def test_a_weaker_claim_never_takes_a_name_away():
    assert people(name_uniquely(np.array([[0.90, 0.88], [0.85, 0.10]]), 0.5)) == [0, None]


@given(SCORES, THRESHOLDS)
def test_nobody_is_named_below_the_threshold(scores, threshold):
    for naming in [*name_independently(scores, threshold), *name_uniquely(scores, threshold)]:
        assert naming.person is None or naming.similarity >= threshold


@given(SCORES, THRESHOLDS)
def test_nobody_is_two_voices(scores, threshold):
    named = [person for person in people(name_uniquely(scores, threshold)) if person is not None]
    assert len(named) == len(set(named))


@given(SCORES, THRESHOLDS)
def test_a_voice_is_a_stranger_only_below_the_threshold_or_where_its_person_is_taken(scores, threshold):
    namings = name_uniquely(scores, threshold)
    for row, naming in zip(scores, namings, strict=True):
        assert naming.person is not None or row.max() < threshold or naming.taken in people(namings)
        assert naming.person is None or naming.similarity >= row.max() - MAX_BEHIND_NEAREST


@given(SCORES, THRESHOLDS)
def test_without_a_contest_both_ways_of_naming_agree(scores, threshold):
    free = name_independently(scores, threshold)
    named = [person for person in people(free) if person is not None]
    if len(named) == len(set(named)):
        once = name_uniquely(scores, threshold)
        assert [naming.similarity for naming in once] == [naming.similarity for naming in free]


# --- a second voice in a sample


def voice(angle, count, spread=0.1):
    rng = np.random.default_rng(count)
    return unit(*([np.cos(angle), np.sin(angle), 0] + spread * rng.standard_normal((count, 3))))


def test_pieces_of_one_voice_are_one_voice():
    assert not has_two_voices(voice(0.0, 12), threshold=0.9)


def test_pieces_of_two_voices_are_two():
    assert has_two_voices(np.concatenate([voice(0.0, 6), voice(1.2, 3)]), threshold=0.9)


def test_voices_above_the_threshold_are_one():
    assert not has_two_voices(np.concatenate([voice(0.0, 6), voice(1.2, 3)]), threshold=0.2)


@pytest.mark.parametrize("others", [0, 1])
def test_a_single_odd_piece_is_no_second_voice(others):
    assert not has_two_voices(np.concatenate([voice(0.0, 6), voice(1.2, 2)[:others]]), threshold=0.9)


def test_too_few_pieces_are_one_voice():
    assert not has_two_voices(np.concatenate([voice(0.0, 1), voice(1.2, 1), voice(1.2, 1)]), threshold=0.9)


# --- thresholds


def test_trials_are_all_pairs():
    trials = trials_of(unit([1, 0], [0, 1], [3, 4]), ["Anna", "Anna", "Ivan"])
    assert trials.same.tolist() == pytest.approx([0.0])
    assert trials.different.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    ("names", "why"), [(["Anna", "Ivan"], "nobody has two recordings"), (["Anna", "Anna"], "are of one person")]
)
def test_trials_need_two_people_and_two_recordings(names, why):
    with pytest.raises(BadInputError, match=why):
        trials_of(unit([1, 0], [0, 1]), names)


def test_kinds_that_do_not_overlap_have_no_errors():
    assert equal_error(Trials(np.array([0.8, 0.9]), np.array([0.1, 0.2]))) == (0.0, 0.8)


def test_where_half_is_wrong_the_rate_is_half():
    scores = np.array([0.1, 0.9])
    assert equal_error(Trials(scores, scores))[0] == 0.5


def test_one_of_four_on_either_side():
    trials = Trials(np.array([0.3, 0.7, 0.8, 0.9]), np.array([0.0, 0.1, 0.2, 0.75]))
    rate, threshold = equal_error(trials)
    assert rate == 0.25
    assert (trials.same < threshold).sum() == (trials.different >= threshold).sum() == 1


KINDS = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1, 1))


@given(KINDS, KINDS)
def test_the_equal_error_rate_is_a_share_and_never_worse_than_the_errors_at_its_threshold(same, different):
    rate, threshold = equal_error(Trials(same, different))
    missed, accepted = (same < threshold).mean(), (different >= threshold).mean()
    assert 0 <= rate <= 1
    assert rate == pytest.approx((missed + accepted) / 2)


@given(KINDS, KINDS)
def test_hardly_anybody_reaches_the_proposed_threshold(same, different):
    found = calibrate(Trials(same, different))
    assert found.accepted == 0 or found.threshold == 1.0
    assert found.threshold >= min(1.0, found.equal_error_threshold) - 0.001
    assert -1 <= found.threshold <= 1


def test_the_proposal_is_above_the_most_similar_strangers():
    found = calibrate(Trials(np.array([0.4, 0.8, 0.9]), np.array([0.1, 0.5])))
    assert (found.threshold, found.accepted, found.missed) == (0.52, 0.0, 1 / 3)


def test_of_very_many_strangers_one_in_ten_thousand_may_reach_it():
    found = calibrate(Trials(np.array([0.9, 0.95]), np.append(np.full(19_999, 0.3), 0.99)))
    assert (found.threshold, found.accepted) == (0.9, 1 / 20_000)


def test_the_least_similar_pair_of_one_person_reaches_the_threshold_where_nobody_else_comes_near():
    found = calibrate(Trials(np.array([0.9537, 0.97]), np.array([0.1, 0.2])))
    assert (found.threshold, found.accepted, found.missed) == (0.953, 0.0, 0.0)


# --- who is heard alone


def test_speech_of_one_is_what_the_others_do_not_overlap():
    turns = [SpeakerTurn(0.0, 5.0, "A"), SpeakerTurn(2.0, 3.0, "B"), SpeakerTurn(4.0, 7.0, "B")]
    assert solo_speech(turns) == {"A": [Span(0.0, 2.0), Span(3.0, 4.0)], "B": [Span(5.0, 7.0)]}


def test_turns_of_one_speaker_that_touch_or_overlap_are_one_stretch():
    turns = [SpeakerTurn(0.0, 1.0, "A"), SpeakerTurn(1.0, 2.0, "A"), SpeakerTurn(1.5, 3.0, "A")]
    assert solo_speech(turns) == {"A": [Span(0.0, 3.0)]}


def test_who_is_always_talked_over_has_no_speech_of_their_own():
    assert solo_speech([SpeakerTurn(0.0, 2.0, "A"), SpeakerTurn(0.5, 1.0, "B")])["B"] == []


TURNS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20), st.sampled_from("ABC")).map(
        lambda turn: SpeakerTurn(turn[0] / 2, (turn[0] + turn[1]) / 2, turn[2])
    ),
    max_size=12,
)


@given(TURNS)
def test_at_every_moment_exactly_the_only_speaker_is_heard_alone(turns):
    alone = solo_speech(turns)
    for moment in np.arange(0.25, 41, 0.5):
        speaking = {turn.speaker for turn in turns if turn.start <= moment < turn.end}
        heard = [name for name, spans in alone.items() if any(span.start <= moment < span.end for span in spans)]
        assert heard == (list(speaking) if len(speaking) == 1 else [])


# --- memory


def test_a_cache_forgets_what_was_used_longest_ago():
    cache: LruCache[int] = LruCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c"), len(cache)) == (1, None, 3, 2)
