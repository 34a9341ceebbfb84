import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Result, Segment, SpeakerMatch, SpeakerTurn, Transcript, Word
from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS
from whisperx_worker.results.formats.result_json import as_json

RESULT = Result(
    Transcript(
        (
            Segment(0.0, 1.5, "Алло, здравствуйте.", (Word("Алло,", 0.1, 0.5, 0.9), Word("здравствуйте.", 0.6, 1.5, 0.8))),
            Segment(3661.0042, 3662.9999, " Цена <100> & больше --> нет ", speaker="SPEAKER_01", speaker_id="Анна", similarity=0.71),
        ),
        language="ru",
        language_probability=0.98765,
    ),
    duration_s=4000.0,
    speakers=(SpeakerMatch("SPEAKER_01", "Анна", 0.71, 0.22, 31.25),),
)  # fmt: skip


def test_json_has_what_stages_produced_and_nothing_else():
    assert as_json(RESULT) == {
        "segments": [
            {
                "start": 0.0,
                "end": 1.5,
                "text": "Алло, здравствуйте.",
                "words": [
                    {"word": "Алло,", "start": 0.1, "end": 0.5, "score": 0.9},
                    {"word": "здравствуйте.", "start": 0.6, "end": 1.5, "score": 0.8},
                ],
            },
            {
                "start": 3661.004,
                "end": 3663.0,
                "text": " Цена <100> & больше --> нет ",
                "speaker": "SPEAKER_01",
                "speaker_id": "Анна",
                "similarity": 0.71,
            },
        ],
        "detected_language": "ru",
        "language_probability": 0.9877,
        "speakers": [
            {"speaker": "SPEAKER_01", "speaker_id": "Анна", "similarity": 0.71, "runner_up": 0.22, "speech_s": 31.25}
        ],
    }


def test_a_result_without_speech_has_segments_and_a_language_all_the_same():
    assert as_json(Result(Transcript((), None), 1.0)) == {"segments": [], "detected_language": None}


def test_numpy_floats_become_plain_ones():
    segment = Segment(0.0, np.float64(1.0), "да", avg_logprob=np.float64(-0.25))  # type: ignore[arg-type]

    assert json.dumps(as_json(Result(Transcript((segment,), "ru"), 1.0))["segments"]) == (
        '[{"start": 0.0, "end": 1.0, "text": "\\u0434\\u0430", "avg_logprob": -0.25}]'
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "srt",
            "1\n00:00:00,000 --> 00:00:01,500\nАлло, здравствуйте.\n\n"
            "2\n01:01:01,004 --> 01:01:03,000\n[Анна]: Цена <100> & больше → нет\n",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nАлло, здравствуйте.\n\n"
            "01:01:01.004 --> 01:01:03.000\n<v Анна>Цена &lt;100&gt; &amp; больше → нет\n",
        ),
        ("txt", "Алло, здравствуйте.\n[Анна]: Цена <100> & больше --> нет\n"),
        (
            "tsv",
            "start\tend\ttext\n0\t1500\tАлло, здравствуйте.\n3661004\t3663000\t[Анна]: Цена <100> & больше --> нет\n",
        ),
    ],
)
def test_a_format_writes_times_speakers_and_text(name, expected):
    assert BUILT_IN_FORMATS[name].write(RESULT) == expected


def test_the_json_file_is_the_response_in_readable_form():
    assert json.loads(BUILT_IN_FORMATS["json"].write(RESULT)) == as_json(RESULT)


@pytest.mark.parametrize("name", sorted(BUILT_IN_FORMATS))
def test_a_format_can_write_a_result_without_speech(name):
    expected = {
        "json": '{\n  "segments": [],\n  "detected_language": null\n}\n',
        "tsv": "start\tend\ttext\n",
        "vtt": "WEBVTT\n",
    }

    assert BUILT_IN_FORMATS[name].write(Result(Transcript((), None), 1.0)) == expected.get(name, "")


def test_an_unknown_speaker_is_written_by_its_label():
    segment = Segment(0.0, 1.0, "Да.", speaker="SPEAKER_00", speaker_id="unknown", similarity=0.1)

    assert BUILT_IN_FORMATS["txt"].write(Result(Transcript((segment,), "ru"), 1.0)) == "[SPEAKER_00]: Да.\n"


def test_an_unknown_speaker_without_a_label_is_not_written():
    segment = Segment(0.0, 1.0, "Да.", speaker_id="unknown", similarity=0.1)

    assert BUILT_IN_FORMATS["txt"].write(Result(Transcript((segment,), "ru"), 1.0)) == "Да.\n"


@pytest.mark.parametrize(
    ("name", "cue"),
    [("srt", "[Анна <3 & Ко]: Да."), ("vtt", "<v Анна &lt;3 &amp; Ко>Да."), ("tsv", "[Анна <3 & Ко]: Да.")],
)
def test_a_name_cannot_break_the_file_that_it_stands_in(name, cue):
    segment = Segment(0.0, 1.0, "Да.", speaker_id="Анна\n<3\t& Ко")

    assert cue in BUILT_IN_FORMATS[name].write(Result(Transcript((segment,), "ru"), 1.0))


def test_json_marks_a_speaker_that_is_a_guess_and_only_such_a_one():
    words = Word("Да", 0.0, 0.5, 0.9, "SPEAKER_00"), Word("нет", 0.5, 1.0, 0.9, "SPEAKER_00", speaker_guessed=True)
    segment = Segment(0.0, 1.0, "Да нет", words, "SPEAKER_00")

    assert as_json(Result(Transcript((segment,), "ru"), 1.0))["segments"] == [
        {
            "start": 0.0, "end": 1.0, "text": "Да нет", "speaker": "SPEAKER_00",
            "words": [
                {"word": "Да", "start": 0.0, "end": 0.5, "score": 0.9, "speaker": "SPEAKER_00"},
                {"word": "нет", "start": 0.5, "end": 1.0, "score": 0.9, "speaker": "SPEAKER_00", "speaker_guessed": True},
            ],
        }
    ]  # fmt: skip


def test_speakers_are_listed_with_all_of_their_speech_by_who_speaks_first():
    turns = SpeakerTurn(0.0, 4.0, "B"), SpeakerTurn(1.0, 2.0, "A"), SpeakerTurn(3.0, 5.0, "B")
    matches = (
        SpeakerMatch("A", "Анна", np.float32(0.75), np.float32(0.5), speech_s=0.25),  # type: ignore[arg-type]
        SpeakerMatch("B", "unknown", 0.125, segment=0),
        SpeakerMatch("C", "Иван", 0.5, speech_s=1.5),
    )

    assert as_json(Result(Transcript((), "ru"), 9.0, matches, turns))["speakers"] == [
        {"speaker": "B", "speech_s": 5.0},
        {"speaker": "A", "speaker_id": "Анна", "similarity": 0.75, "runner_up": 0.5, "speech_s": 1.0},
        {"speaker": "C", "speaker_id": "Иван", "similarity": 0.5, "speech_s": 1.5},
    ]


def test_rttm_has_every_turn_by_its_start_where_they_overlap_too():
    turns = SpeakerTurn(61.5, 62.0, "SPEAKER_01"), SpeakerTurn(0.0004, 100.0006, "SPEAKER 00")

    assert BUILT_IN_FORMATS["rttm"].write(Result(Transcript((), "ru"), 200.0, turns=turns)) == (
        "SPEAKER recording 1 0.000 100.001 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        "SPEAKER recording 1 61.500 0.500 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
    )


TIMES = st.integers(0, 10_000_000).map(lambda ms: ms / 1000)


@given(st.lists(st.tuples(TIMES, TIMES, st.sampled_from(["SPEAKER_00", "SPEAKER_01", "Анна"])), max_size=20))
def test_turns_come_back_from_rttm_as_they_were(edges):
    turns = [SpeakerTurn(start, start + length, speaker) for start, length, speaker in edges]

    text = BUILT_IN_FORMATS["rttm"].write(Result(Transcript((), "ru"), 1.0, turns=tuple(turns)))

    read = []
    for line in text.splitlines():
        kind, file, channel, start, length, _, _, speaker, _, _ = line.split(" ")
        assert (kind, file, channel) == ("SPEAKER", "recording", "1")
        read.append((float(start), round(float(start) + float(length), 3), speaker))
    assert sorted(read) == sorted((turn.start, round(turn.end, 3), turn.speaker) for turn in turns)
