"""Speech without text, and segments with too little of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper import coverage
from whisperx_worker_plugins.russian_whisper.chunking import Chunk, ChunkLimits

SENTENCE = "Добрый день, это Анна из отдела продаж, чем могу помочь?"


def uncovered(speech, covered, longest_s=30.0):
    found = coverage.uncovered_speech(
        [Span(*pair) for pair in speech],
        [Segment(start, end, SENTENCE) for start, end in covered],
        ChunkLimits(longest_s),
    )
    return [(gap.start, gap.end) for gap in found]


@pytest.mark.parametrize(
    ("speech", "covered", "expected"),
    [
        ([(0, 4), (6, 9)], [(0, 4), (6, 9)], []),
        ([(0, 4), (6, 9)], [(0.3, 3.5), (6.2, 8.5)], []),
        ([(0, 4), (6, 9)], [(0, 4)], [(6, 9)]),
        ([(0, 4), (6, 9)], [(6, 9)], [(0, 4)]),
        ([(0, 4), (6, 9), (12, 14)], [(0, 4)], [(6, 14)]),
        ([(0, 4), (6, 9), (12, 14)], [(6, 9)], [(0, 4), (12, 14)]),
        ([(0, 20)], [(0, 8), (11, 20)], [(8, 11)]),
        ([(0, 4), (5, 5.5)], [(0, 4)], []),
        ([(0, 4), (5, 5.7)], [(0, 4)], [(5, 5.7)]),
        ([(0, 20), (21, 45)], [], [(0, 20), (21, 45)]),
        ([], [], []),
    ],
    ids=[
        "all of it has text",
        "timestamps are a little off",
        "the end has none",
        "the beginning has none",
        "two intervals are joined",
        "but not across text",
        "a hole in an interval",
        "a click is no speech",
        "a short reply is",
        "no longer than a window",
        "nobody speaks",
    ],
)
def test_uncovered_speech_is_outside_all_text(speech, covered, expected):
    assert uncovered(speech, covered) == expected


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20)), max_size=12),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20)), max_size=12),
)
def test_uncovered_speech_and_text_cover_all_speech_and_do_not_overlap(speech, texts):
    speech = intervals.merge(Span(start, start + length) for start, length in speech)
    cut = [Span(span.start + at, min(span.end, span.start + at + 30)) for span in speech for at in range(0, 60, 30)]
    speech = [span for span in cut if span.duration_s > 0]
    segments = [Segment(start, start + length, SENTENCE) for start, length in texts]

    found = coverage.uncovered_speech(speech, segments, ChunkLimits())

    covered = intervals.merge(Span(segment.start, segment.end) for segment in segments)
    assert intervals.intersect(found, covered) == []
    assert all(gap.duration_s <= 30 for gap in found)
    everything = intervals.merge([*covered, *found])
    assert intervals.total_s(intervals.intersect(speech, everything)) == intervals.total_s(speech)


@pytest.mark.parametrize(
    ("text", "speech_s", "expected"),
    [
        ("Да.", 30.0, True),
        ("Да.", 1.2, False),
        (SENTENCE, 5.0, False),
        (SENTENCE, 28.0, True),
        ("89161234567", 5.0, False),
    ],
)
def test_long_speech_with_little_text_is_sparse(text, speech_s, expected):
    assert coverage.is_sparse(Segment(0.0, speech_s, text), [Span(0.0, speech_s)]) is expected


def test_pauses_do_not_make_a_segment_sparse():
    assert not coverage.is_sparse(Segment(0.0, 20.0, "Да. Нет."), [Span(0.0, 0.7), Span(19.0, 20.0)])


def test_a_chunk_that_was_tried_is_split_into_its_speech_intervals():
    speech = [Span(0, 4), Span(5, 9), Span(20, 24), Span(40, 50)]
    chunks = [Span(0, 9), Span(20, 24), Span(40, 50)]

    assert coverage.retry_chunks([Span(0, 9), Span(20, 24), Span(42, 50)], chunks, speech) == [
        Span(0, 4),
        Span(5, 9),
        Span(42, 50),
    ]


def test_a_chunk_without_any_text_is_reported_however_short_it_is():
    speech = [Span(0, 4), Span(20, 20.4), Span(30, 34), Span(34.5, 34.9)]
    segments = [Segment(0, 4, SENTENCE), Segment(30, 34, SENTENCE)]

    chunks = [Chunk((span,)) for span in (Span(0, 4), Span(20, 20.4), Span(30, 34.9))]

    assert coverage.speech_without_text(speech, chunks, segments, ChunkLimits()) == [Span(20, 20.4)]


def spoken(start, speech_s, letters):
    return Segment(start, start + speech_s, "а" * letters)


@pytest.mark.parametrize("s_per_letter", [0.06, 0.08, 0.11])
def test_a_segment_has_low_density_where_its_text_is_short_for_the_pace_of_the_recording(s_per_letter):
    usual = [spoken(10.0 * number, 30 * s_per_letter, 30) for number in range(5)]
    short = spoken(50.0, 30 * s_per_letter + 0.9, 30)
    hasty = spoken(60.0, 30 * s_per_letter + 0.7, 30)
    speech = [Span(segment.start, segment.end) for segment in (*usual, short, hasty)]

    assert coverage.low_density_segments([*usual, short, hasty], speech) == [short]


def test_a_slow_recording_has_no_low_density_unless_it_is_too_slow_for_a_person():
    slow, slower = ([spoken(10.0 * number, 30 * pace, 30) for number in range(5)] for pace in (0.115, 0.2))

    assert coverage.low_density_segments(slow, [Span(0.0, 60.0)]) == []
    assert coverage.low_density_segments(slower, [Span(0.0, 60.0)]) == slower
    assert coverage.low_density_segments([spoken(0.0, 2.0, 3)], [Span(0.0, 2.0)]) == [spoken(0.0, 2.0, 3)]
    assert coverage.low_density_segments([], []) == []
