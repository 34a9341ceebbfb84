"""Stretches of time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Span, intervals

times = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=12)


def made(pairs):
    return [Span(start, start + length) for start, length in pairs]


def seconds(some):
    return {second for span in some for second in range(int(span.start), int(span.end))}


@given(times, st.integers(0, 3))
def test_merged_spans_are_apart_and_cover_the_same(pairs, gap):
    joined = intervals.merge(made(pairs), gap)

    assert seconds(made(pairs)) <= seconds(joined)
    assert all(after.start - before.end > gap for before, after in pairwise(joined))
    if not gap:
        assert seconds(joined) == seconds(made(pairs))


@given(times, times)
def test_intersected_spans_are_what_both_have(some, others):
    both = intervals.intersect(intervals.merge(made(some)), intervals.merge(made(others)))

    assert seconds(both) == seconds(made(some)) & seconds(made(others))
    assert intervals.total_s(both) == len(seconds(both))


@given(times, st.integers(0, 60), st.integers(-5, 30))
def test_what_lies_within_two_times_is_cut_to_them(pairs, start, length):
    joined = intervals.merge(made(pairs))

    inside = intervals.within(joined, start, start + length)

    assert seconds(inside) == seconds(joined) & set(range(start, start + length))
    assert intervals.seconds_within(joined, start, start + length) == len(seconds(inside))
    assert all(span.duration_s > 0 for span in inside)


@given(times, st.integers(0, 60), st.integers(-5, 30))
def test_what_lies_outside_is_the_rest(pairs, start, length):
    joined = intervals.merge(made(pairs))

    rest = intervals.gaps(joined, start, start + length)

    assert seconds(rest) == set(range(start, start + length)) - seconds(joined)
    assert intervals.total_s(rest) == len(seconds(rest))
    assert all(span.duration_s > 0 for span in rest)
