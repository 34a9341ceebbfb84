import json

import numpy as np
import pytest

from whisperx_worker import Result, Segment, SpeakerMatch, Transcript, Word
from whisperx_worker.outputs import BUILT_IN, as_json

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
            "2\n01:01:01,004 --> 01:01:03,000\nАнна: Цена <100> & больше → нет\n",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nАлло, здравствуйте.\n\n"
            "01:01:01.004 --> 01:01:03.000\nАнна: Цена &lt;100&gt; &amp; больше → нет\n",
        ),
        ("txt", "Алло, здравствуйте.\nАнна: Цена <100> & больше --> нет\n"),
        (
            "tsv",
            "start\tend\ttext\n0\t1500\tАлло, здравствуйте.\n3661004\t3663000\tАнна: Цена <100> & больше --> нет\n",
        ),
    ],
)
def test_a_format_writes_times_speakers_and_text(name, expected):
    assert BUILT_IN[name].write(RESULT) == expected


def test_the_json_file_is_the_response_in_readable_form():
    assert json.loads(BUILT_IN["json"].write(RESULT)) == as_json(RESULT)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_format_can_write_a_result_without_speech(name):
    expected = {
        "json": '{\n  "segments": [],\n  "detected_language": null\n}\n',
        "tsv": "start\tend\ttext\n",
        "vtt": "WEBVTT\n",
    }

    assert BUILT_IN[name].write(Result(Transcript((), None), 1.0)) == expected.get(name, "")


def test_an_unknown_speaker_is_written_by_its_label():
    segment = Segment(0.0, 1.0, "Да.", speaker="SPEAKER_00", speaker_id="unknown", similarity=0.1)

    assert BUILT_IN["txt"].write(Result(Transcript((segment,), "ru"), 1.0)) == "SPEAKER_00: Да.\n"
