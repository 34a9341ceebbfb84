"""Segments that are aligned together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Span, intervals
from whisperx_worker_plugins.wav2vec2_alignment.alignment_groups import MAX_GROUP_S, group_segments


@pytest.mark.parametrize(
    ("segments", "speech", "expected"),
    [
        ([(1, 2), (2.2, 3)], [(1, 3)], [((0, 1), [(0.7, 3.3)])]),
        ([(1, 2), (3.5, 4)], [(0.9, 2.1), (3.4, 4.1)], [((0, 1), [(0.6, 2.4), (3.1, 4.4)])]),
        ([(1, 2), (9, 10)], [(1, 2), (9, 10)], [((0,), [(0.7, 2.3)]), ((1,), [(8.7, 10.3)])]),
        ([(1, 2), (9, 10)], [], [((0,), [(0.7, 2.3)]), ((1,), [(8.7, 10.3)])]),
        ([(1, 12)], [(1, 3), (10, 12)], [((0,), [(0.7, 12.3)])]),
        ([(1, 4), (4, 39)], [(1, 21), (21, 40)], [((0, 1), [(0.7, 40.3)])]),
        ([(1, 20), (22, 40)], [(1, 21), (21, 40)], [((0,), [(0.7, 21.0)]), ((1,), [(21.0, 40.3)])]),
        ([(0.1, 1)], [], [((0,), [(0.0, 1.3)])]),
        ([(49, 50)], [], [((0,), [(48.7, 50.0)])]),
        ([(4, 5), (0, 2)], [(0, 5)], [((1, 0), [(0.0, 5.3)])]),
        ([(1.2, 1.9), (1.0, 3)], [(1, 3)], [((0, 1), [(0.7, 3.3)])]),
        ([(1, 2)], [(1, 2), (5, 8)], [((0,), [(0.7, 2.3)])]),
        ([(1, 2), (5.5, 6)], [(1, 2)], [((0, 1), [(0.7, 2.3), (5.2, 6.3)])]),
    ],
    ids=[
        "near each other",
        "a pause inside a group is not aligned",
        "a long pause is between groups",
        "without speech the segments are the speech",
        "a segment joins the speech that it is in",
        "a segment joins what is longer than a group",
        "speech without a pause is cut where the detector cut it",
        "at the beginning of the recording",
        "at its end",
        "segments in any order",
        "times that are off do not change the order of the text",
        "speech after the text that is far from it",
        "a segment outside of speech",
    ],
)
def test_segments_are_grouped_by_speech_intervals(segments, speech, expected):
    groups = group_segments([Span(*one) for one in segments], [Span(*one) for one in speech], 50.0)
    assert [group.members for group in groups] == [members for members, _ in expected]
    for group, (_, edges) in zip(groups, expected, strict=True):
        assert [(one.start, one.end) for one in group.pieces] == [pytest.approx(one) for one in edges]


TIMES = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 200)), max_size=12)


@given(TIMES.filter(bool), TIMES)
def test_each_segment_is_in_one_group_and_groups_do_not_share_audio(segments, speech):
    times = [Span(start / 10, (start + length) / 10) for start, length in segments]
    merged = intervals.merge(Span(start / 10, (start + length) / 10) for start, length in speech)
    duration_s = max(one.end for one in times)

    groups = group_segments(times, merged, duration_s)

    assert sorted(member for group in groups for member in group.members) == list(range(len(times)))
    found = [piece for group in groups for piece in group.pieces]
    assert all(0 <= piece.start < piece.end <= duration_s for piece in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(group.pieces for group in groups)


def test_a_long_talk_is_cut_into_groups_of_limited_length():
    speech = [Span(number * 10.0, number * 10.0 + 9.8) for number in range(60)]
    groups = group_segments(speech, speech, 600.0)
    assert [len(group.members) for group in groups] == [3] * 20
    assert all(group.pieces[-1].end - group.pieces[0].start <= MAX_GROUP_S + 0.2 for group in groups)
