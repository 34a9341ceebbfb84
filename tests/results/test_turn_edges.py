"""Speakers of words near the edges of turns, by their sentence."""

import doctest

import pytest

from tests.results.test_speaker_assignment import A, B, C, said, who
from whisperx_worker.results import turn_edges
from whisperx_worker.results.speaker_assignment import assign_speakers
from whisperx_worker.results.turn_edges import cheapest_path
from whisperx_worker.testing import make_diarization
from whisperx_worker.types import Diarization, Segment, SpeakerTurn, Transcript, Word


def test_the_example_in_the_docstring_is_true():
    result = doctest.testmod(turn_edges)
    assert (result.attempted, result.failed) == (1, 0)


def test_the_first_word_of_a_turn_that_begins_late_goes_with_its_sentence():
    words = ("Хорошо.", 0.0, 1.0), ("А", 1.05, 1.15), ("когда", 1.16, 1.5), ("вы", 1.52, 1.8), ("придёте?", 1.82, 2.5)

    assert who(assign_speakers(said(*words), make_diarization((0.0, 1.3, A), (1.3, 2.5, B)))) == [A, f"{B}?", B, B, B]


def test_the_last_word_of_a_turn_that_ends_early_goes_with_its_sentence():
    words = ("Мы", 0.0, 0.4), ("идём", 0.42, 0.9), ("домой.", 0.92, 1.3), ("Хорошо.", 1.35, 2.0), ("Пора.", 2.1, 2.6)

    assert who(assign_speakers(said(*words), make_diarization((0.0, 0.95, A), (0.95, 2.6, B)))) == [A, A, A, B, B]


def test_a_word_that_its_speakers_turn_does_not_reach_is_a_guess():
    words = ("Мы", 0.0, 0.5), ("идём", 0.52, 0.9), ("домой.", 0.96, 1.2), ("Хорошо.", 1.3, 2.0)

    assert who(assign_speakers(said(*words), make_diarization((0.0, 0.95, A), (0.95, 2.0, B)))) == [A, A, f"{A}?", B]


def test_without_punctuation_the_time_decides():
    words = ("хорошо", 0.0, 1.0), ("а", 1.05, 1.15), ("когда", 1.16, 1.5), ("вы", 1.52, 1.8), ("придёте", 1.82, 2.5)

    assert who(assign_speakers(said(*words), make_diarization((0.0, 1.3, A), (1.3, 2.5, B)))) == [A, A, B, B, B]


def test_a_short_reply_between_sentences_stays_a_reply():
    words = ("Вы", 0.0, 0.3), ("дома?", 0.32, 0.9), ("Да.", 1.0, 1.3), ("Тогда", 1.4, 1.8), ("жду.", 1.82, 2.3)
    turns = make_diarization((0.0, 0.9, A), (1.0, 1.3, B), (1.4, 2.3, A))

    assert who(assign_speakers(said(*words), turns)) == [A, A, B, A, A]


@pytest.mark.parametrize(("pause_s", "expected"), [(0.05, B), (0.5, A)])
def test_after_a_pause_a_speaker_may_change_inside_a_sentence(pause_s, expected):
    at = 0.9 + pause_s
    words = ("Ну", 0.0, 0.5), ("и", 0.6, 0.9), ("потом", at, at + 0.5), ("ушли.", at + 0.52, at + 1.2)
    turns = make_diarization((0.0, 0.7, A), (0.7, 5.0, B))

    assert who(assign_speakers(said(*words), turns))[1:3] == [expected, B]


def test_a_comma_is_a_better_place_for_a_change_than_none():
    words = ("Да,", 0.0, 0.4), ("а", 0.42, 0.5), ("вы", 0.52, 0.9), ("где?", 0.92, 1.5)

    assert who(assign_speakers(said(*words), make_diarization((0.0, 0.5, A), (0.5, 1.5, B)))) == [A, f"{B}?", B, B]


def test_far_from_an_edge_a_sentence_changes_nothing():
    words = ("Раз", 0.0, 0.5), ("два", 1.0, 1.5), ("три", 2.0, 2.5), ("пять.", 3.0, 3.5)

    assert who(assign_speakers(said(*words), make_diarization((0.0, 1.9, A), (1.9, 4.0, B)))) == [A, A, B, B]


def test_the_end_of_a_segment_is_a_place_for_a_change():
    turns = make_diarization((0.0, 1.2, A), (1.2, 3.0, B))
    first, second = (Word("Слушаю", 0.0, 1.0),), (Word("я", 1.05, 1.2), Word("вас", 1.22, 1.6), Word("жду.", 1.62, 3.0))
    found = assign_speakers(
        Transcript((Segment(0.0, 1.0, "Слушаю", first), Segment(1.05, 3.0, "я вас жду.", second)), "ru"), turns
    )

    assert who(found) == [A, f"{B}?", B, B]


def test_where_turns_overlap_the_sentence_stays_whole():
    turns = SpeakerTurn(0.0, 2.0, A), SpeakerTurn(1.5, 3.5, B)
    words = ("Мы", 0.5, 1.0), ("идём", 1.02, 1.5), ("домой.", 1.52, 1.95), ("Нет,", 2.0, 2.4), ("рано.", 2.42, 3.4)

    assert who(assign_speakers(said(*words), Diarization(turns, exclusive=(), embeddings={}))) == [A, A, A, B, B]


def test_a_word_without_times_goes_with_the_word_before_it():
    words = ("Хорошо.", 0.0, 1.0), ("А", 1.05, 1.15), ("5",), ("когда", 1.16, 1.5), ("придёте?", 1.52, 2.5)

    assert who(assign_speakers(said(*words), make_diarization((0.0, 1.3, A), (1.3, 2.5, B)))) == [
        A, f"{B}?", f"{B}?", B, B,
    ]  # fmt: skip


def test_only_the_speakers_nearby_are_possible():
    words = ("Хорошо.", 0.0, 1.0), ("А", 1.05, 1.15), ("когда?", 1.16, 1.9)
    turns = make_diarization((0.0, 1.3, A), (1.3, 2.0, B), (3.0, 4.0, C))

    assert set(who(assign_speakers(said(*words), turns))) <= {A, B, f"{B}?"}


def test_a_path_changes_where_that_costs_least():
    choices = [{A: 0.0}, {A: 0.4, B: 0.6}, {A: 0.6, B: 0.4}, {B: 0.0}]

    assert cheapest_path(choices, [0.0, 3.0, 3.0]) == [A, B, B, B]
    assert cheapest_path(choices, [3.0, 0.0, 3.0]) == [A, A, B, B]
    assert cheapest_path(choices, [3.0, 3.0, 0.0]) == [A, A, A, B]
