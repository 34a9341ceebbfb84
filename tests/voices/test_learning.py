"""Naming and keeping of the voices of recordings."""

from __future__ import annotations

import itertools
from functools import partial

import pytest

from tests.voices.libraries import THRESHOLD, content, embedding, leaning, middle, recorded, sample, voiceprint
from whisperx_worker.voices import learning
from whisperx_worker.voices.corrections import (
    decide_voice,
    merge_people,
    rename_person,
    split_voices,
    undo_decision,
)
from whisperx_worker.voices.enrolling import enrol_voices
from whisperx_worker.voices.library import corrections_of, find_person, open_library, pending_voices, people, voices_of

name_voices = partial(learning.name_voices, threshold=THRESHOLD)
learn = partial(name_voices, learn=True)


@pytest.fixture
def library(tmp_path):
    with open_library(tmp_path / "voices.sqlite", create=True) as opened:
        yield opened


def names(found):
    return [name.name for name in found.names]


def state(library):
    """All that the library holds, apart from times."""
    return [line for line in library.connection.iterdump() if "datetime" not in line]


def partition(library):
    """Recordings and labels by person, without the person's name, and the uncertain ones."""
    rows = library.connection.execute("SELECT person, pending, hex(content) || label FROM voices").fetchall()
    certain = [row for row in rows if not row[1]]
    groups = {frozenset(one[2] for one in certain if one[0] == person) for person in {row[0] for row in certain}}
    return groups, {row[2] for row in rows if row[1]}


def test_a_voice_has_the_same_label_in_the_next_recording(library):
    assert names(learn(library, recorded(embedding(1, 1), embedding(2, 1)), content("a"))) == [
        "person_0001",
        "person_0002",
    ]
    assert names(learn(library, recorded(embedding(3, 2), embedding(2, 2)), content("b"))) == [
        "person_0003",
        "person_0002",
    ]


def test_an_enrolled_person_is_named_with_similarity_and_runner_up(library):
    enrol_voices(library, "Anna", [sample(embedding(1), "anna")], THRESHOLD)
    enrol_voices(library, "Boris", [sample(embedding(2), "boris")], THRESHOLD)
    (found,) = name_voices(library, recorded(embedding(1, 5)), content("a")).names
    assert found.name == "Anna"
    assert found.similarity == pytest.approx(float(embedding(1) @ embedding(1, 5)), abs=1e-4)
    assert found.runner_up == pytest.approx(float(embedding(2) @ embedding(1, 5)), abs=1e-4)


def test_without_learning_a_stranger_is_unknown_and_nothing_changes(library):
    enrol_voices(library, "Anna", [sample(embedding(1), "anna")], THRESHOLD)
    before = state(library)
    assert names(name_voices(library, recorded(embedding(1, 1), embedding(9)), content("a"))) == ["Anna", "unknown"]
    assert state(library) == before


def test_the_same_recording_again_changes_nothing_and_has_the_present_names(library):
    voices = recorded(embedding(1, 1), embedding(2, 1))
    learn(library, voices, content("a"))
    learn(library, recorded(embedding(2, 2)), content("b"))
    rename_person(library, "person_0002", "Boris")
    before = state(library)
    again = learn(library, voices, content("a"))
    assert (names(again), again.was_kept, state(library)) == (["person_0001", "Boris"], True, before)


def test_the_same_recording_with_other_labels_changes_nothing(library):
    learn(library, recorded(embedding(1, 1), embedding(2, 1)), content("a"))
    before = state(library)
    again = learn(library, recorded(embedding(2, 1), embedding(1, 1)), content("a"))
    assert (names(again), state(library)) == (["person_0002", "person_0001"], before)


def test_short_speech_is_unknown_and_not_kept(library):
    assert names(learn(library, recorded(embedding(1), speech_s=2.9), content("a"))) == ["unknown"]
    assert people(library) == []


def test_the_voices_of_one_recording_are_different_people(library):
    found = learn(library, recorded(embedding(1, 1), embedding(1, 2)), content("a"))
    assert names(found) == ["person_0001", "person_0002"]


def test_an_uncertain_voice_is_unknown_and_listed_with_the_two_best(library):
    for take in range(3):
        learn(library, recorded(embedding(1, take), embedding(2, take)), content(take))
    found = learn(library, recorded(leaning({1: 0.60, 2: 0.57})), content("x"))
    assert names(found) == ["unknown"]
    (pending,) = pending_voices(library)
    assert [name for name, _ in pending.candidates] == ["person_0001", "person_0002"]
    assert [name for name, _ in found.names[0].candidates] == ["person_0001", "person_0002"]


RECORDINGS = [
    (embedding(1, 1), embedding(2, 1)), (embedding(1, 2),), (embedding(2, 3), embedding(3, 1)),
    (leaning({1: 0.60, 2: 0.57}),), (embedding(3, 2), embedding(1, 3)), (embedding(1, 6, 0.14),), (embedding(2, 7, 0.14),),
]  # fmt: skip


@pytest.mark.parametrize("order", [*itertools.islice(itertools.permutations(range(len(RECORDINGS))), 0, 5040, 720)])
def test_the_grouping_is_the_same_in_any_order(tmp_path, order):
    with (
        open_library(tmp_path / "one", create=True) as one,
        open_library(tmp_path / "other", create=True) as other,
    ):
        for at in range(len(RECORDINGS)):
            learn(one, recorded(*RECORDINGS[at]), content(at))
        for at in order:
            learn(other, recorded(*RECORDINGS[at]), content(at))
        assert partition(one) == partition(other)


def test_where_two_labels_are_one_person_the_lower_number_stays_and_the_other_is_another_name(library):
    learn(library, recorded(embedding(1, spread=0)), content("a"))
    learn(library, recorded(leaning({1: 0.5})), content("b"))
    assert [person.name for person in people(library)] == ["person_0001", "person_0002"]
    changes = learn(library, recorded(middle(embedding(1, spread=0), leaning({1: 0.5}))), content("c")).changes
    assert changes == ("person_0002 is person_0001 now",)
    assert [(person.name, person.other_names) for person in people(library)] == [("person_0001", ("person_0002",))]


def test_people_with_names_are_never_joined_by_themselves(library):
    enrol_voices(library, "Anna", [sample(embedding(1, 1), "anna")], THRESHOLD)
    enrol_voices(library, "Inna", [sample(embedding(1, 2), "inna")], THRESHOLD)
    assert [person.name for person in people(library)] == ["Anna", "Inna"]


def voices(library, name):
    with library.look() as connection:
        return [voice.id for voice in voices_of(connection, find_person(connection, name)[0])]


def corrections(library, name):
    with library.look() as connection:
        return [(one.kind, one.id) for one in corrections_of(connection, find_person(connection, name)[0])]


def test_a_merge_holds_and_can_be_undone(library):
    enrol_voices(library, "Anna", [sample(embedding(1), "anna")], THRESHOLD)
    enrol_voices(library, "Boris", [sample(embedding(2), "boris")], THRESHOLD)
    before = state(library)
    merge_people(library, "Anna", "Boris")
    assert names(name_voices(library, recorded(embedding(2, 3)), content("a"))) == ["Anna"]
    assert voices(library, "Boris") == voices(library, "Anna") == [1, 2]
    (decision,) = corrections(library, "Boris")
    assert undo_decision(library, decision[1])[0] == "merge"
    assert [line for line in state(library) if "sqlite_sequence" not in line] == [
        line for line in before if "sqlite_sequence" not in line
    ]


def test_labels_that_were_merged_have_their_numbers_again_after_undoing(library):
    learn(library, recorded(embedding(1), embedding(2)), content("a"))
    merge_people(library, "person_0001", "person_0002")
    assert [person.other_names for person in people(library)] == [("person_0002",)]
    undo_decision(library, corrections(library, "person_0001")[0][1])
    assert (voices(library, "person_0001"), voices(library, "person_0002")) == ([1], [2])


def test_voices_that_were_taken_out_stay_out_and_come_back_after_undoing(library):
    for take in range(4):
        learn(library, recorded(embedding(1, take)), content(take))
    assert split_voices(library, "person_0001", [2, 3]) == "person_0002"
    learn(library, recorded(embedding(1, 9)), content("x"))
    assert not {2, 3} & set(voices(library, "person_0001"))
    assert {2, 3} <= set(voices(library, "person_0002"))
    undo_decision(library, corrections(library, "person_0001")[0][1])
    assert voices(library, "person_0001") == [1, 2, 3, 4, 5]


def test_taken_out_voices_can_have_a_name_which_undoing_takes_away(library):
    enrol_voices(library, "Anna", [sample(embedding(1), "a"), sample(embedding(1, 1), "b")], THRESHOLD)
    assert split_voices(library, "Anna", [2], "Inna") == "Inna"
    undo_decision(library, corrections(library, "Anna")[0][1])
    assert [person.name for person in people(library)] == ["Anna"]
    assert voices(library, "Anna") == [1, 2]


def uncertain(library):
    for take in range(3):
        learn(library, recorded(embedding(1, take), embedding(2, take)), content(take))
    learn(library, recorded(leaning({1: 0.60, 2: 0.57})), content("x"))
    return pending_voices(library)[0].voice.id


def test_an_uncertain_voice_is_whom_a_person_decides_it_is_until_that_is_undone(library):
    voice = uncertain(library)
    assert decide_voice(library, voice, "person_0002") == "person_0002"
    assert pending_voices(library) == []
    undo_decision(library, corrections(library, "person_0002")[0][1])
    assert [pending.voice.id for pending in pending_voices(library)] == [voice]


def test_an_uncertain_voice_that_is_somebody_new_stays_new(library):
    voice = uncertain(library)
    assert decide_voice(library, voice, None) == "person_0003"
    learn(library, recorded(embedding(1, 9)), content("y"))
    assert voices(library, "person_0003") == [voice]


def test_a_name_holds_the_voices_and_undoing_gives_the_label_back(library):
    learn(library, recorded(embedding(1)), content("a"))
    rename_person(library, "person_0001", "Anna")
    assert names(name_voices(library, recorded(embedding(1, 4)), content("b"))) == ["Anna"]
    assert voices(library, "person_0001") == [1]
    undo_decision(library, corrections(library, "Anna")[0][1])
    assert [person.name for person in people(library)] == ["person_0001"]


def test_a_number_is_never_given_twice(library):
    learn(library, recorded(embedding(1)), content("a"))
    rename_person(library, "person_0001", "Anna")
    assert names(learn(library, recorded(embedding(2)), content("b"))) == ["person_0002"]


def test_a_label_follows_its_recording_to_another_speaker_model(library):
    learn(library, recorded(embedding(1)), content("a"))
    other = [learning.RecordedVoice("SPEAKER_00", voiceprint(embedding(5), revision="r2"))]
    assert names(learn(library, other, content("a"))) == ["person_0001"]
