"""Warnings about readings: true by comparison with the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Segment, StrictError
from whisperx_worker.testing import make_job
from whisperx_worker_plugins.russian_whisper.judgement import Reading, Sign
from whisperx_worker_plugins.russian_whisper.readings_report import report_readings

ADDRESS = Segment(1.0, 3.0, "Скажите адрес, пожалуйста.", avg_logprob=-0.3, no_speech_prob=0.1, compression_ratio=1.1)
OTHER = Segment(1.0, 3.0, "Скажи ты, Андрей.", avg_logprob=-0.9, no_speech_prob=0.1, compression_ratio=1.0)
SCORES = "(avg_logprob -0.90, no_speech_prob 0.10, compression_ratio 1.00)"
REMOVED = Reading(OTHER, (Sign.REPEATED, Sign.UNSURE))


def report(readings, segments, **fields):
    job = make_job(**fields)
    missing = report_readings(readings, segments, job)
    return (
        [str(warned) for warned in job.warnings],
        {name: len(notes) for name, notes in job.noted_texts().items()},
        missing,
    )


def test_a_removed_reading_is_reported_where_nothing_stands_in_its_place():
    warnings, notes, missing = report([REMOVED], [])

    assert warnings == [
        "1.00-3.00 s: text was removed because it repeats itself more than people do "
        f"and the model is not sure of it {SCORES}"
    ]
    assert notes == {"removed": 1}
    assert [(span.start, span.end) for span in missing] == [(1.0, 3.0)]


@pytest.mark.parametrize("readings", [[Reading(ADDRESS), REMOVED], [REMOVED, Reading(ADDRESS)]])
def test_a_reading_is_not_reported_where_another_one_of_its_speech_is_in_the_answer(readings):
    assert report(readings, [ADDRESS]) == ([], {"replaced": 1}, [])
    assert report(readings, [ADDRESS], strict=True)[0] == []


def test_text_that_is_in_the_answer_is_not_reported_as_removed():
    again = Reading(Segment(1.2, 2.9, "скажите адрес пожалуйста", avg_logprob=-1.2), (Sign.SILENT,))

    assert report([Reading(ADDRESS), again], [ADDRESS]) == ([], {}, [])


def test_a_reading_that_was_read_again_is_reported_once():
    later = Reading(Segment(1.0, 3.0, "Скажу, Андрей.", avg_logprob=-0.9), (Sign.SILENT,))

    warnings, notes, _ = report([REMOVED, later], [])

    assert (len(warnings), notes) == (1, {"replaced": 1, "removed": 1})


def test_the_surplus_of_a_repetition_is_reported_although_its_words_are_in_the_answer():
    once = Segment(1.0, 3.0, "Алло.")
    surplus = Reading(Segment(1.0, 3.0, "Алло. Алло."), (Sign.REPEATED, Sign.TOO_FAST), is_shortened=True)

    assert len(report([surplus, Reading(once)], [once])[0]) == 1


def test_neighbours_that_are_doubtful_for_one_reason_are_reported_together_and_strict_allows_them():
    scores = {"avg_logprob": -1.2, "no_speech_prob": 0.1, "compression_ratio": 1.0, "doubtful": True}
    segments = [Segment(0, 1, "а", **scores), Segment(1, 2, "б", **scores), Segment(5, 6, "в")]
    readings = [Reading(one, (Sign.UNSURE,)) for one in segments[:2]] + [Reading(segments[2])]

    warnings, _, _ = report(readings, segments, strict=True)

    assert warnings == [
        "0.00-2.00 s: this text is doubtful because the model is not sure of it "
        "(avg_logprob -1.20, no_speech_prob 0.10, compression_ratio 1.00)"
    ]


def test_missing_text_fails_a_strict_job():
    with pytest.raises(StrictError):
        report([REMOVED], [], strict=True)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5), st.sampled_from("абвгде"), st.booleans()), max_size=20)
)
def test_no_warning_of_removal_is_about_text_that_the_answer_has_there(parts):
    readings, segments, end = [], [], 0
    for start, length, text, is_removed in parts:
        segment = Segment(float(start), float(start + length), text * 3)
        readings.append(Reading(segment, (Sign.SILENT,) if is_removed else ()))
        if not is_removed and start >= end:
            segments.append(segment)
            end = start + length
    segments = sorted(segments, key=lambda one: one.start)

    _, _, missing = report(readings, segments)

    for span in missing:
        texts = {one.segment.text for one in readings if (one.segment.start, one.segment.end) == (span.start, span.end)}
        beside = {one.text for one in segments if one.start < span.end and span.start < one.end}
        assert texts - beside
