"""Speech that has no text, or too little of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper import coverage
from whisperx_worker_plugins.russian_whisper.chunking import ChunkLimits

SENTENCE = "Добрый день, это Анна из отдела продаж, чем могу помочь?"


def gaps(heard, said, longest_s=30.0):
    found = coverage.uncovered_speech(
        [Span(*pair) for pair in heard], [Segment(start, end, SENTENCE) for start, end in said], ChunkLimits(longest_s)
    )
    return [(gap.start, gap.end) for gap in found]


@pytest.mark.parametrize(
    ("heard", "said", "expected"),
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
        "two stretches go together",
        "but not across text",
        "a hole in a stretch",
        "a click is no speech",
        "a short reply is",
        "no longer than a window",
        "nobody speaks",
    ],
)
def test_gaps_are_speech_outside_all_text(heard, said, expected):
    assert gaps(heard, said) == expected


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20)), max_size=12),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20)), max_size=12),
)
def test_gaps_and_text_cover_all_speech_and_do_not_meet(heard, said):
    heard = intervals.merge(Span(start, start + length) for start, length in heard)
    cut = [Span(span.start + at, min(span.end, span.start + at + 30)) for span in heard for at in range(0, 60, 30)]
    heard = [span for span in cut if span.duration_s > 0]
    segments = [Segment(start, start + length, SENTENCE) for start, length in said]

    found = coverage.uncovered_speech(heard, segments, ChunkLimits())

    told = intervals.merge(Span(segment.start, segment.end) for segment in segments)
    assert intervals.intersect(found, told) == []
    assert all(gap.duration_s <= 30 for gap in found)
    covered = intervals.merge([*told, *found])
    assert intervals.total_s(intervals.intersect(heard, covered)) == intervals.total_s(heard)


@pytest.mark.parametrize(
    ("text", "speech_s", "thin"),
    [
        ("Да.", 30.0, True),
        ("Да.", 1.2, False),
        (SENTENCE, 5.0, False),
        (SENTENCE, 28.0, True),
        ("89161234567", 5.0, False),
    ],
)
def test_a_long_stretch_with_little_text_is_thin(text, speech_s, thin):
    assert coverage.is_sparse(Segment(0.0, speech_s, text), [Span(0.0, speech_s)]) is thin


def test_pauses_do_not_make_a_segment_thin():
    assert not coverage.is_sparse(Segment(0.0, 20.0, "Да. Нет."), [Span(0.0, 0.7), Span(19.0, 20.0)])


def test_a_chunk_is_not_decoded_again_as_it_was():
    heard = [Span(0, 4), Span(5, 9), Span(20, 24), Span(40, 50)]
    chunks = [Span(0, 9), Span(20, 24), Span(40, 50)]

    assert coverage.retry_chunks([Span(0, 9), Span(20, 24), Span(42, 50)], chunks, heard) == [
        Span(0, 4),
        Span(5, 9),
        Span(42, 50),
    ]


def test_a_chunk_without_any_text_is_lost_however_short_it_is():
    heard = [Span(0, 4), Span(20, 20.4), Span(30, 34), Span(34.5, 34.9)]
    said = [Segment(0, 4, SENTENCE), Segment(30, 34, SENTENCE)]

    assert coverage.speech_without_text(heard, [Span(0, 4), Span(20, 20.4), Span(30, 34.9)], said, ChunkLimits()) == [
        Span(20, 20.4)
    ]


def said(start, speech_s, letters):
    return Segment(start, start + speech_s, "а" * letters)


@pytest.mark.parametrize("s_per_letter", [0.06, 0.08, 0.11])
def test_a_segment_is_doubted_where_its_text_is_short_for_the_pace_of_the_recording(s_per_letter):
    usual = [said(10.0 * number, 30 * s_per_letter, 30) for number in range(5)]
    short = said(50.0, 30 * s_per_letter + 0.9, 30)
    hasty = said(60.0, 30 * s_per_letter + 0.7, 30)
    heard = [Span(segment.start, segment.end) for segment in (*usual, short, hasty)]

    assert coverage.low_density_segments([*usual, short, hasty], heard) == [short]


def test_a_slow_recording_is_not_doubted_as_a_whole_but_what_nobody_says_so_slowly_is():
    slow, slower = ([said(10.0 * number, 30 * pace, 30) for number in range(5)] for pace in (0.115, 0.2))

    assert coverage.low_density_segments(slow, [Span(0.0, 60.0)]) == []
    assert coverage.low_density_segments(slower, [Span(0.0, 60.0)]) == slower
    assert coverage.low_density_segments([said(0.0, 2.0, 3)], [Span(0.0, 2.0)]) == [said(0.0, 2.0, 3)]
    assert coverage.low_density_segments([], []) == []
