"""Calibration: normalised scores, an honest tail, and a threshold that holds on people who were not measured."""

from __future__ import annotations

import numpy as np
import pytest

from whisperx_worker import BadInputError
from whisperx_worker.voices.calibration import calibrate, read_calibration, write_calibration


def crowd(people, clips=4, seed=0, noise=0.2):
    """Embeddings of made people: directions of their own, with noise in each clip."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(people, 1, 128)) + 1.5
    rows = own + noise * rng.normal(size=(people, clips, 128))
    vectors = rows.reshape(-1, 128)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float128), [f"p{number}" for number in range(people) for _ in range(clips)]


MEASURED = calibrate(*crowd(30), revision="1")


def test_people_who_were_not_measured_are_named_falsely_as_seldom_as_was_asked_for():
    vectors, _ = crowd(60, seed=1)
    enrolled, tried = vectors[:120:4], vectors[1::4]
    best = MEASURED.scores(tried, enrolled)
    threshold = MEASURED.threshold(len(enrolled))

    assert (best[30:].max(axis=1) >= threshold).mean() <= 0.02
    assert (best[:30].argmax(axis=1) == np.arange(30)).all()
    assert (best[:30].max(axis=1) >= threshold).mean() > 0.9


def test_the_probability_falls_with_the_score_and_grows_with_the_people():
    scores = np.linspace(-20, 40, 200)
    one, many = ([MEASURED.false_name_probability(score, people) for score in scores] for people in (1, 50))

    assert all(np.diff(one) <= 0)
    assert all(np.diff(many) <= 0)
    assert all(few <= more for few, more in zip(one, many, strict=True))
    assert 0 < one[-1] < many[-1] < 1e-3


@pytest.mark.parametrize("people", [1, 10, 200])
@pytest.mark.parametrize("wanted", [0.001, 0.01, 0.1])
def test_the_threshold_is_where_the_probability_is_what_was_asked_for(people, wanted):
    threshold = MEASURED.threshold(people, wanted)
    assert MEASURED.false_name_probability(threshold, people) <= wanted
    assert MEASURED.false_name_probability(threshold - 0.05, people) > wanted


def test_fewer_people_make_the_tail_longer():
    vectors, names = crowd(30)
    few = calibrate(vectors[:40], names[:40], "1")
    assert few.threshold(10) > MEASURED.threshold(10)


def test_more_of_one_person_is_missed_at_a_higher_score():
    assert MEASURED.missed(-100) == 0
    assert MEASURED.missed(MEASURED.threshold(1)) < 0.2
    assert MEASURED.missed(1000) == 1


def test_a_file_keeps_the_decision(tmp_path):
    write_calibration(MEASURED, tmp_path / "calibration.json")
    kept = read_calibration(tmp_path / "calibration.json")

    assert (kept.revision, kept.people, kept.false_names) == ("1", 30, 0.01)
    assert kept.threshold(5) == pytest.approx(MEASURED.threshold(5), abs=0.1)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cohort": [], "strangers": [1], "same": [1]}'])
def test_a_file_that_is_none_is_one_sentence(text, tmp_path):
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(BadInputError, match=r"calibration.json is no calibration of a speaker model"):
        read_calibration(tmp_path / "calibration.json")


def test_few_people_are_refused():
    with pytest.raises(BadInputError, match="recordings of at least 8 people; there are 3"):
        calibrate(*crowd(3), revision="1")


def test_people_with_one_recording_each_are_refused():
    with pytest.raises(BadInputError, match="no person has two recordings"):
        calibrate(*crowd(12, clips=1), revision="1")
