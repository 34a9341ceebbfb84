"""Extra data of plugins: read-only, checked, kept where segments are cut, and written into the JSON."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from whisperx_worker import ExtraSchema, PluginError, Result, Segment, SpeakerMatch, Transcript, Word, with_extra
from whisperx_worker.logs import redaction
from whisperx_worker.results.extra_check import MAX_BYTES, MAX_DEPTH, check_extra
from whisperx_worker.results.formats.result_json import as_json
from whisperx_worker.results.speaker_assignment import assign_speakers
from whisperx_worker.results.speaker_names import apply_names
from whisperx_worker.testing import make_diarization, make_transcript
from whisperx_worker.types import NO_EXTRA

VALUES = [Word("да"), Segment(0.0, 1.0, "да"), SpeakerMatch("A"), Result(Transcript((), None), 1.0)]
IDS = ["word", "segment", "speaker", "result"]


@dataclass(frozen=True)
class Mood:
    joy: float
    tag: str = "calm"


class Even(BaseModel):
    model_config = ConfigDict(title="Even")
    number: int = Field(ge=0)

    @field_validator("number")
    @classmethod
    def raise_above_hundred(cls, number):
        return {}[number] if number > 100 else number


# --- values


@pytest.mark.parametrize("value", VALUES, ids=IDS)
def test_data_is_added_to_that_of_the_plugin_and_of_others(value):
    changed = with_extra(with_extra(with_extra(value, "mood", joy=1), "mood", joy=2, tag="x"), "names", person="Анна")

    assert changed.extra == {"mood": {"joy": 2, "tag": "x"}, "names": {"person": "Анна"}}
    assert value.extra is NO_EXTRA


@pytest.mark.parametrize("value", VALUES[:3], ids=IDS[:3])
def test_values_differ_by_their_data_and_can_still_be_hashed(value):
    changed, same = with_extra(value, "mood", joy=1), with_extra(value, "mood", joy=1)

    assert value != changed
    assert {value, changed, same} == {value, changed}


@pytest.mark.parametrize("value", VALUES, ids=IDS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value)), replace])
def test_a_copy_has_the_data(value, copied):
    changed = with_extra(value, "mood", joy=1)

    assert copied(changed) == changed
    assert dataclasses.asdict(changed)["extra"] == {"mood": {"joy": 1}}


@pytest.mark.parametrize(
    "change",
    [
        lambda extra: extra.update(mood={}),
        lambda extra: extra.setdefault("mood", {}),
        lambda extra: extra.pop("mood"),
        lambda extra: extra.clear(),
        lambda extra: extra["mood"].update(joy=2),
        lambda extra: extra["mood"].__delitem__("joy"),
        lambda extra: extra["mood"].__ior__({"joy": 2}),
    ],
)
def test_data_is_read_only(change):
    with pytest.raises(TypeError, match="read-only"):
        change(with_extra(Word("да"), "mood", joy=1).extra)


def test_the_default_that_all_values_share_is_read_only():
    with pytest.raises(TypeError, match="read-only"):
        Word("да").extra["mood"] = {"joy": 1}
    assert Segment(0.0, 1.0, "да").extra == {}


# --- where values are made from others


def cut(plugins=()):
    words = tuple(with_extra(word, "names", person=word.word) for word in make_transcript("да нет").segments[0].words)
    segment = with_extra(with_extra(Segment(0.0, 1.0, "да нет", words), "mood", joy=1), "names", count=2)
    return assign_speakers(
        Transcript((segment,), "ru"), make_diarization((0.0, 0.5, "A"), (0.5, 1.0, "B")), plugins
    ).segments


def test_where_the_speaker_changes_words_keep_their_data_and_pieces_that_of_the_segment():
    whole = {"mood": {"joy": 1}, "names": {"count": 2}}
    assert [(piece.text, piece.extra) for piece in cut()] == [("да", whole), ("нет", whole)]
    assert [word.extra for piece in cut() for word in piece.words] == [
        {"names": {"person": "да"}},
        {"names": {"person": "нет"}},
    ]


def test_data_that_is_true_of_the_whole_segment_only_is_not_on_its_pieces():
    assert [piece.extra for piece in cut(["names"])] == [{"mood": {"joy": 1}}] * 2


def test_a_segment_of_one_speaker_keeps_all_data():
    segment = with_extra(make_transcript("да нет").segments[0], "names", count=2)

    (whole,) = assign_speakers(
        Transcript((segment,), "ru"), make_diarization((0.0, 1.0, "A")), ["names"]
    ).segments  # fmt: skip

    assert whole.extra == {"names": {"count": 2}}


def test_the_match_of_a_segment_gives_it_its_data():
    segment = with_extra(Segment(0.0, 1.0, "да", speaker="A"), "mood", joy=1)
    own = with_extra(SpeakerMatch(None, "Анна", 0.7, segment=0), "voices", age=30)

    (named,) = apply_names(Transcript((segment,), "ru"), [SpeakerMatch("A", "Иван", 0.9), own]).segments

    assert (named.speaker_id, named.extra) == ("Иван", {"mood": {"joy": 1}, "voices": {"age": 30}})


def test_the_json_has_data_where_there_is_any():
    words = with_extra(Word("да", 0.0, 0.5), "mood", joy=0.12345), Word("нет", 0.5, 1.0)
    transcript = Transcript((with_extra(Segment(0.0, 1.0, "да нет", words), "mood", loud=True),), "ru")
    result = Result(transcript, 1.0, speakers=(with_extra(SpeakerMatch("A"), "mood", joy=None),))

    assert as_json(with_extra(result, "mood", calls=[1, 2])) == {
        "segments": [
            {
                "start": 0.0, "end": 1.0, "text": "да нет", "extra": {"mood": {"loud": True}},
                "words": [
                    {"word": "да", "start": 0.0, "end": 0.5, "extra": {"mood": {"joy": 0.12345}}},
                    {"word": "нет", "start": 0.5, "end": 1.0},
                ],
            }
        ],
        "detected_language": "ru",
        "speakers": [{"speaker": "A", "speech_s": 0.0, "extra": {"mood": {"joy": None}}}],
        "extra": {"mood": {"calls": [1, 2]}},
    }  # fmt: skip


# --- the check


def checked(data, schema=None, name="mood"):
    """What is left of a segment's data, and the sentences."""
    segment = Segment(0.0, 1.0, "да", extra={name: data})
    result, sentences = check_extra(Result(Transcript((segment,), "ru"), 1.0), {"mood": schema, "names": None})
    return result.transcript.segments[0].extra, sentences


def nested(levels):
    return {"in": nested(levels - 1)} if levels > 1 else {}


def endless():
    data = {}
    data["itself"] = data
    return data


SHARED = ["x" * 100] * 1000

NAMES = st.text("abя", max_size=3)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec="utf-8"))
)  # fmt: skip


@given(st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(NAMES, SCALARS, max_size=3)))
def test_json_passes_as_it_is(data):
    assert checked(data) == ({"mood": data}, [])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"joy": float("nan")}, "the number nan"),
        ({"joy": [float("-inf")]}, "the number -inf"),
        ({"joy": np.float64("inf")}, "the number inf"),
        ({"joy": np.float32(0.5)}, "a value of type float32"),
        ({"joy": np.zeros(2)}, "a value of type ndarray"),
        ({"joy": b"x"}, "a value of type bytes"),
        ({"joy": {1, 2}}, "a value of type set"),
        ({"joy": {1: "x"}}, "a key of type int"),
        ({None: "x"}, "a key of type NoneType"),
        ({"joy": 10**30}, "an integer of more than 64 bits"),
        ({"joy": "\ud83d"}, "text with half of a surrogate pair"),
        ({"\ud83d": 1}, "text with half of a surrogate pair"),
        ({"joy": "x" * MAX_BYTES}, "more than 64 KB"),
        ({"joy": "я" * (MAX_BYTES // 2)}, "more than 64 KB"),
        ({"joy": [SHARED] * 1000}, "more than 64 KB"),
        (nested(MAX_DEPTH + 1), "data more than 8 levels deep"),
        (endless(), "data more than 8 levels deep"),
        ([1, 2], "a value of type list in place of a dict"),
        (None, "a value of type NoneType in place of a dict"),
    ],
    ids=range(19),
)
def test_what_is_no_small_json_is_left_out_and_its_plugin_named(data, what):
    assert checked(data) == ({}, [f"plugin mood put {what} into extra of a segment, which is left out"])


def test_the_deepest_and_the_largest_data_pass():
    largest = {"joy": "x" * (MAX_BYTES - len('{"joy": ""}'))}
    assert checked(nested(MAX_DEPTH)) == ({"mood": nested(MAX_DEPTH)}, [])
    assert checked(largest) == ({"mood": largest}, [])


def test_tuples_become_lists():
    assert checked({"joy": (1, (2,))}) == ({"mood": {"joy": [1, [2]]}}, [])


def test_data_of_no_active_plugin_is_left_out():
    sentence = 'extra of a segment has data of no active plugin ("mod"), which is left out'
    assert checked({"joy": 1}, name="mod") == ({}, [sentence])


@pytest.mark.parametrize("extra", [None, [1], "mood", np.zeros(2)], ids=["none", "list", "text", "array"])
def test_extra_that_is_no_dict_is_left_out(extra):
    result, sentences = check_extra(Result(make_transcript("да"), 1.0, extra=extra), {"mood": None})
    kind = type(extra).__name__
    assert result.extra == {}
    assert sentences == [
        f"extra of a result has a value of type {kind} in place of {{plugin: {{...}}}}, which is left out"
    ]


def test_one_sentence_counts_the_values_of_a_kind_and_the_others_keep_their_data():
    words = tuple(Word("да", extra={"mood": {"joy": joy}, "names": {"n": 1}}) for joy in (1.0, float("nan"), b"x"))
    result = Result(Transcript((Segment(0.0, 1.0, "да да да", words, extra={"mood": {"joy": b"x"}}),), "ru"), 1.0)

    changed, sentences = check_extra(result, {"mood": None, "names": None})

    assert [word.extra for word in changed.transcript.segments[0].words] == [
        {"mood": {"joy": 1.0}, "names": {"n": 1}}, {"names": {"n": 1}}, {"names": {"n": 1}}
    ]  # fmt: skip
    assert sentences == [
        "plugin mood put a value of type bytes into extra of a segment, which is left out",
        "plugin mood put the number nan into extra of 2 words, which is left out",
    ]


def test_a_secret_that_the_worker_knows_is_masked_and_other_text_stays():
    link = "https://crm.example/call?id=5&token=s3cretOfTheJob"
    with redaction.hidden(["s3cretOfTheJob"]):
        extra, sentences = checked({"s3cretOfTheJob": [link, "password: qwerty12"]})
    assert (extra["mood"], sentences) == (
        {"***": ["https://crm.example/call?id=5&token=***", "password: qwerty12"]}, []
    )  # fmt: skip


# --- schemas


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"joy": "0.5"}, "data that its schema refuses (joy: input should be a valid number)"),
        ({}, "data that its schema refuses (joy: field required)"),
        ({"joy": 1, "sad": 2}, '"sad", which its schema lacks'),
    ],
)
def test_what_the_schema_refuses_is_left_out(data, what):
    sentence = f"plugin mood put {what} into extra of a segment, which is left out"
    assert checked(data, ExtraSchema(segment=Mood)) == ({}, [sentence])


def test_what_the_schema_takes_is_what_the_plugin_put_there():
    assert checked({"joy": 1}, ExtraSchema(segment=Mood)) == ({"mood": {"joy": 1}}, [])


def test_a_kind_of_value_without_a_schema_takes_no_data():
    sentence = "plugin mood put data that its schema lacks into extra of a segment, which is left out"
    assert checked({"joy": 1}, ExtraSchema(word=Mood)) == ({}, [sentence])


def test_a_validator_that_raises_costs_its_own_data_only():
    sentence = "plugin mood put data on which its schema raises KeyError into extra of a segment, which is left out"
    assert checked({"number": 101}, ExtraSchema(segment=Even)) == ({}, [sentence])
    assert checked({"number": 100}, ExtraSchema(segment=Even)) == ({"mood": {"number": 100}}, [])


@pytest.mark.parametrize("schema", [Mood(1.0), dict, "Mood"])
def test_a_schema_is_a_class_with_fields(schema):
    with pytest.raises(PluginError, match="the schema of word must be a pydantic model or a dataclass"):
        ExtraSchema(word=schema)
