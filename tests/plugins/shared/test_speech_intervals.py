"""Speech intervals from probabilities: hysteresis, padding and cuts."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker_plugins._shared.silero import FRAME_SAMPLES
from whisperx_worker_plugins._shared.speech_intervals import intervals_from_probabilities, speech_frames

probabilities = arrays(np.float32, st.integers(0, 3000), elements=st.floats(0, 1, width=32))


def frames(*levels):
    """Probabilities from (value, frames) pairs."""
    return np.concatenate([np.full(count, value, np.float32) for value, count in levels])


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([(0.1, 50)], []),
        ([(0.4, 50)], []),
        ([(0.1, 5), (0.6, 5), (0.1, 50)], [(5, 10)]),
        ([(0.1, 5), (0.6, 5), (0.4, 5), (0.1, 50)], [(5, 15)]),
        ([(0.4, 5), (0.6, 5), (0.1, 50)], [(5, 10)]),
        ([(0.6, 5), (0.1, 9), (0.6, 5)], [(0, 19)]),
        ([(0.6, 5), (0.1, 10), (0.6, 5)], [(0, 5), (15, 20)]),
        ([(0.6, 5), (0.1, 10), (0.4, 5)], [(0, 5)]),
    ],
    ids=[
        "no speech", "never an onset", "an onset", "goes on until the offset", "begins at the onset", "a short pause",
        "a pause", "no onset after the pause",
    ],
)  # fmt: skip
def test_speech_begins_at_the_onset_and_ends_at_the_offset(levels, expected):
    assert speech_frames(frames(*levels), onset=0.5, offset=0.3, min_silence=10) == expected


def test_padding_shares_a_short_pause():
    found = intervals_from_probabilities(frames((1, 100), (0, 12), (1, 100)), 212 * FRAME_SAMPLES, 200, 0.5, 0.3)
    assert found == [(0, 106 * FRAME_SAMPLES), (106 * FRAME_SAMPLES, 212 * FRAME_SAMPLES)]


def test_long_speech_is_cut_where_it_is_least_probable():
    found = intervals_from_probabilities(
        frames((0.9, 700), (0.6, 5), (0.9, 600)), 1305 * FRAME_SAMPLES, 0, 0.5, 0.3, max_duration_s=30
    )
    assert found == [(0, 702 * FRAME_SAMPLES), (702 * FRAME_SAMPLES, 1305 * FRAME_SAMPLES)]


@given(probabilities, st.floats(0, 1), st.floats(0, 1), st.integers(0, 500), st.floats(0.5, 40), st.integers(0, 511))
def test_intervals_are_ordered_disjoint_and_not_longer_than_asked(values, onset, offset, padding_ms, longest_s, short):
    samples = max(0, len(values) * FRAME_SAMPLES - short)
    found = intervals_from_probabilities(values, samples, padding_ms, onset, offset, longest_s)
    edges = [edge for interval in found for edge in interval]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= samples for start, end in found)
    longest = max(longest_s * SAMPLE_RATE_HZ, FRAME_SAMPLES + 2 * padding_ms * SAMPLE_RATE_HZ / 1000)
    assert all(end - start <= longest for start, end in found)


@given(probabilities, st.floats(0, 1), st.floats(0, 1))
def test_every_onset_lies_in_an_interval_and_a_lower_onset_finds_no_less(values, onset, lower):
    def detected(threshold):
        found = intervals_from_probabilities(values, len(values) * FRAME_SAMPLES, 0, threshold, 0.0, 30.0)
        return {
            frame for start, end in found for frame in range(start // FRAME_SAMPLES, -(-end // FRAME_SAMPLES))
        }  # fmt: skip

    assert set(np.flatnonzero(values >= onset).tolist()) <= detected(onset)
    assert detected(onset) <= detected(min(onset, lower))


def test_every_pair_of_neighbours_is_apart_by_a_pause_or_a_cut():
    found = speech_frames(frames((1, 10), (0, 30), (1, 10)), onset=0.5, offset=0.5, min_silence=10)
    assert [after[0] - before[1] for before, after in pairwise(found)] == [30]
