"""Segments cut from a chunk's tokens at its timestamp tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker_plugins.russian_whisper.timestamp_tokens import split_at_timestamps

ZERO = 1000
"""The token of 0.00 s in these tests; smaller ones are text."""


def at(seconds):
    return ZERO + round(seconds / 0.02)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((at(0), 5, 6, at(1), at(1.2), 7, at(2)), [(0.0, 1.0, [5, 6]), (1.2, 2.0, [7])]),
        ((at(0), 5, at(1), 6, at(2)), [(0.0, 1.0, [5]), (1.0, 2.0, [6])]),
        ((at(0), 5, at(1), at(1), 6, 7), [(0.0, 1.0, [5]), (1.0, 3.0, [6, 7])]),
        ((5, 6), [(0.0, 3.0, [5, 6])]),
        ((at(0.5), 5, at(0.5)), [(0.5, 3.0, [5])]),
        ((at(2), 5, at(1)), [(2.0, 3.0, [5])]),
        ((at(0), 5, at(29)), [(0.0, 3.0, [5])]),
        ((at(0), at(1)), []),
        ((), []),
    ],
    ids=[
        "two segments",
        "one timestamp between segments",
        "text after the last timestamp is kept",
        "no timestamps",
        "no length",
        "backwards",
        "beyond the chunk",
        "no text",
        "nothing",
    ],
)
def test_timestamps_cut_the_text_of_a_chunk(tokens, expected):
    cut = split_at_timestamps(tokens, ZERO, 3.0)

    assert [(pytest.approx(span.start), pytest.approx(span.end), run) for span, run in cut] == expected


@given(st.lists(st.integers(0, ZERO + 1500), max_size=60), st.floats(0.1, 30))
def test_no_token_of_text_is_lost_and_times_stay_inside_the_chunk(tokens, duration_s):
    cut = split_at_timestamps(tuple(tokens), ZERO, duration_s)

    assert [token for _, run in cut for token in run] == [token for token in tokens if token < ZERO]
    for span, _ in cut:
        assert 0 <= span.start < span.end <= duration_s
    assert [span.start for span, _ in cut] == sorted(span.start for span, _ in cut)
