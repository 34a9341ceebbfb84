"""Library that decides by a calibration: kept, exported, and never surer than it was measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.voices.libraries import REVISION, content, embedding, middle, recorded, sample
from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.calibration import calibrate
from whisperx_worker.voices.enrolling import enrol_voices
from whisperx_worker.voices.grouping import GroupedVoice, Link, group_voices
from whisperx_worker.voices.learning import name_voices
from whisperx_worker.voices.library import open_library, people
from whisperx_worker.voices.library_json import export_json, import_json
from whisperx_worker.voices.regrouping import scorer_of
from whisperx_worker.voices.scoring import CalibratedScorer, CosineScorer

COHORT = range(1000, 1040)
CALIBRATION = calibrate(
    np.stack([embedding(person, take) for person in COHORT for take in range(3)]),
    [str(person) for person in COHORT for _ in range(3)],
    REVISION,
)
NEVER = 0.999
"""Cosine that no two takes reach: what names here is the calibration."""


@pytest.fixture
def library(tmp_path):
    with open_library(tmp_path / "voices.sqlite", create=True) as opened:
        yield opened


def learn(library, name, *vectors, calibration=CALIBRATION):
    return name_voices(
        library, recorded(*vectors), content(name), threshold=NEVER, calibration=calibration, learn=True
    ).names


def test_the_calibration_decides_with_the_probability_of_a_false_name(library):
    (first,) = learn(library, "a", embedding(1, 1))
    (second,) = learn(library, "b", embedding(1, 2))

    assert first.name == second.name == "person_0001"
    assert first.false_name_probability is None
    assert 0 < second.false_name_probability <= CALIBRATION.false_names


def test_without_a_calibration_the_cosine_decides_without_a_probability(library):
    learn(library, "a", embedding(1, 1), calibration=None)
    (second,) = learn(library, "b", embedding(1, 2), calibration=None)

    assert (second.name, second.false_name_probability) == ("person_0002", None)


def test_an_enrolled_person_is_named_and_a_stranger_is_not(library):
    enrol_voices(library, "Anna", [sample(embedding(1, 1), "anna")], NEVER, CALIBRATION)
    named, stranger = name_voices(
        library,
        recorded(embedding(1, 2), embedding(2)),
        content("a"),
        threshold=NEVER,
        calibration=CALIBRATION,
    ).names

    assert (named.name, stranger.name) == ("Anna", "unknown")
    assert 0 < named.false_name_probability <= CALIBRATION.false_names


def test_a_name_needs_more_among_more_names():
    scorer = CalibratedScorer(CALIBRATION)
    assert scorer.threshold - scorer.uncertain_below < scorer.threshold < scorer.name_threshold(40)
    assert scorer.false_name_probability(scorer.name_threshold(40), 40) <= CALIBRATION.false_names
    assert scorer.false_name_probability(1000.0, 1) > 0


def test_a_voice_that_is_too_little_like_one_of_many_names_is_uncertain(library):
    for person in range(40):
        enrol_voices(library, f"Anna {person}", [sample(embedding(person), str(person))], NEVER, CALIBRATION)
    scorer = CalibratedScorer(CALIBRATION)
    share = np.linspace(0, 1, 400)
    mixed = [middle(one * embedding(3), (1 - one) * embedding(500)) for one in share]
    scores = scorer.scores(np.stack(mixed), embedding(3)[None])[:, 0]
    between = (scorer.threshold + scorer.name_threshold(40)) / 2
    (found,) = learn(library, "a", mixed[int(np.abs(scores - between).argmin())])

    assert found.name == "unknown"
    assert found.candidates[0][0] == "Anna 3"


def test_an_export_has_the_calibration_and_an_import_takes_it(library, tmp_path):
    learn(library, "a", embedding(1, 1))
    exported = export_json(library)
    with open_library(tmp_path / "other.sqlite", create=True) as other:
        import_json(other, exported)
        taken = scorer_of(other.connection, REVISION)
        (again,) = learn(other, "b", embedding(1, 2))

    assert isinstance(taken, CalibratedScorer)
    assert taken.threshold == pytest.approx(scorer_of(library.connection, REVISION).threshold)
    assert again.name == "person_0001"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"revision": "r2"}, "the calibration of model 1 is of another revision"),
        ({"dimension": 7}, "the calibration of model 1 is no calibration of a speaker model"),
        ({"cohort": ""}, "the calibration of model 1 is no calibration of a speaker model"),
        ({"false_names": 2}, "the calibration of model 1 is no calibration of a speaker model"),
    ],
)
def test_a_wrong_calibration_is_not_imported(library, tmp_path, change, sentence):
    learn(library, "a", embedding(1, 1))
    exported = json.loads(export_json(library))
    exported["models"][0]["calibration"] |= change
    with open_library(tmp_path / "other.sqlite", create=True) as other:
        with pytest.raises(BadInputError, match=f"^{sentence}$"):
            import_json(other, json.dumps(exported))
        assert people(other) == []


class Table:
    """Scores that a test writes down, of voices along the axes."""

    threshold, uncertain_below, rival_margin = 2.0, 1.0, 0.3

    def __init__(self, scores):
        self._scores = np.asarray(scores, float)

    def scores(self, voices, people):
        return self._scores[np.ix_(voices.argmax(axis=1), people.argmax(axis=1))]

    def name_threshold(self, _names):
        return self.threshold


def grouped(groups_of_two, scores, anchor=None):
    """Group voices, two of each letter; scores are of two letters, and 5 within one."""
    count = len(groups_of_two)
    table = np.full((2 * count, 2 * count), 5.0)
    for first in range(count):
        for second in range(count):
            if first != second:
                table[2 * first : 2 * first + 2, 2 * second : 2 * second + 2] = scores[
                    frozenset((groups_of_two[first], groups_of_two[second]))
                ]
    voices = [
        GroupedVoice(np.eye(2 * count, dtype=np.float32)[at], 10.0, bytes([at]), "x", anchor if at == 0 else None)
        for at in range(2 * count)
    ]
    found = group_voices(voices, [], Table(table)).groups[::2]
    return ["".join(groups_of_two[at] for at in np.flatnonzero(found == group)) for group in dict.fromkeys(found)]


def scores(**pairs):
    return {frozenset(pair): score for pair, score in pairs.items()}


def test_groups_below_the_threshold_are_joined_where_nothing_else_is_near():
    assert grouped("abc", scores(ab=1.5, ac=0.0, bc=0.0)) == ["ab", "c"]
    assert grouped("abc", scores(ab=0.9, ac=0.0, bc=0.0)) == ["a", "b", "c"]


def test_what_could_as_well_be_a_second_person_stays_apart():
    assert grouped("abc", scores(ab=1.5, ac=1.3, bc=0.0)) == ["a", "b", "c"]


def test_three_parts_of_one_person_are_no_rivals():
    assert grouped("abc", scores(ab=1.5, ac=1.4, bc=1.4)) == ["abc"]


def test_a_name_is_not_given_below_the_threshold():
    assert grouped("ab", scores(ab=1.5), anchor=1) == ["a", "b"]


def test_a_single_voice_below_the_threshold_stays_uncertain():
    axes = np.eye(3, dtype=np.float32)
    voices = [GroupedVoice(axes[at], 10.0, bytes([at]), "x") for at in range(3)]
    table = Table([[5, 1.5, 1.5], [1.5, 5, 5], [1.5, 5, 5]])
    found = group_voices(voices, [Link(together=True, first=1, second=2)], table)
    assert list(found.doubts) == [0]


def test_a_cosine_has_one_threshold_for_any_number_of_names():
    assert CosineScorer(0.5).name_threshold(100) == 0.5
