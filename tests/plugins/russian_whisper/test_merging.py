"""Merging of two decoding passes, at any times and with any text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper.merging import confirmed_segments, merge_passes

ADDRESS = "Скажите адрес, пожалуйста."


def test_of_two_passes_the_one_with_more_text_is_kept():
    sparse = [Segment(0, 10, "Да."), Segment(10, 20, "Подождите, пожалуйста, номер.")]
    second = [
        Segment(0, 4, "Да, скидка"),
        Segment(5, 9, "семь процентов."),
        Segment(12, 15, "Номер."),
        Segment(30, 31, "Алло."),
    ]

    assert merge_passes(sparse, sparse, second) == [second[0], second[1], sparse[1], second[3]]


def test_more_text_of_lower_probability_is_not_taken():
    sparse = [Segment(0, 10, "Да.", avg_logprob=-0.3)]

    assert merge_passes(sparse, sparse, [Segment(0, 9, "Ну, скидка есть.", avg_logprob=-0.4)]) == sparse


def test_a_text_that_an_unreliable_pass_has_in_a_part_moves_to_that_part():
    stretched = Segment(0, 23, ADDRESS, avg_logprob=-0.2)
    unreliable = [Segment(3, 5, "Рубль."), Segment(21, 23, "скажите адрес пожалуйста")]

    confirmed = confirmed_segments([stretched], unreliable)

    assert confirmed == {stretched: Segment(21, 23, ADDRESS, avg_logprob=-0.2)}


@pytest.mark.parametrize(
    "unreliable",
    [
        [Segment(21, 23, "Говорите громче.")],
        [Segment(3, 5, ADDRESS), Segment(21, 23, ADDRESS)],
        [Segment(21, 24, ADDRESS)],
        [Segment(0, 23, ADDRESS)],
    ],
    ids=["other words", "twice", "partly outside", "the same time"],
)
def test_a_text_that_no_single_part_has_is_not_moved(unreliable):
    assert confirmed_segments([Segment(0, 23, ADDRESS)], unreliable) == {}


def test_the_same_words_in_less_time_are_better_even_at_lower_probability():
    stretched = [Segment(0, 23, ADDRESS, avg_logprob=-0.2)]
    second = [Segment(3, 5, "Рубль."), Segment(21, 23, "Скажите адрес, пожалуйста,", avg_logprob=-0.3)]

    assert merge_passes(stretched, stretched, second) == second


def test_a_segment_that_overlaps_two_replaces_both_or_neither():
    doubtful = [Segment(0, 4, "Да."), Segment(5, 9, "Нет, не надо нам ничего.", avg_logprob=-0.1)]
    overlapping = [Segment(3, 7, "Да, конечно, но нет.", avg_logprob=-0.5)]

    assert merge_passes(doubtful, doubtful, overlapping) == doubtful


TIMES = st.lists(st.integers(0, 400), max_size=24, unique=True).map(sorted)


def segments_at(times, prefix):
    return [Segment(a / 10, b / 10, f"{prefix} {a}") for a, b in zip(times[::2], times[1::2], strict=False)]


@given(TIMES, TIMES, st.sets(st.integers(0, 12)))
def test_merged_passes_are_in_order_and_disjoint_and_keep_all_that_is_reliable(first_times, second_times, indices):
    first = segments_at(first_times, "сказано")
    doubtful = [segment for index, segment in enumerate(first) if index in indices]
    reliable = [segment for segment in first if segment not in doubtful]
    covered_first = intervals.merge(Span(segment.start, segment.end) for segment in reliable)
    second = [
        one
        for one in segments_at(second_times, "снова сказано то же")
        if not intervals.within(covered_first, one.start, one.end)
    ]

    merged = merge_passes(first, doubtful, second)

    assert all(before.end <= after.start for before, after in pairwise(merged))
    assert set(reliable) <= set(merged) <= set(first) | set(second)
    covered = intervals.merge(Span(segment.start, segment.end) for segment in merged)
    for dropped in {*doubtful, *second} - set(merged):
        assert intervals.within(covered, dropped.start, dropped.end)
