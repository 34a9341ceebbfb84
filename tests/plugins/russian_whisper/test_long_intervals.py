"""Speech intervals cut to the length that a model reads at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import SAMPLE_RATE_HZ, Span, Speech
from whisperx_worker_plugins._shared.silero import FRAME_S, FRAME_SAMPLES
from whisperx_worker_plugins._shared.speech_intervals import intervals_from_probabilities
from whisperx_worker_plugins.russian_whisper.long_intervals import cut_long

ONSET, OFFSET = 0.5, 0.363
PADDING_MS = 200


def spans_of(probabilities, longest_s=float("inf")):
    """Return the detector's intervals, none of them longer."""
    found = intervals_from_probabilities(
        probabilities, len(probabilities) * FRAME_SAMPLES, PADDING_MS, ONSET, OFFSET, longest_s
    )
    return tuple(Span(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in found)


def random_probabilities(seed, frames=3000):
    """Return probabilities that wander, as those of talk do."""
    rng = np.random.default_rng(seed)
    wandering = np.cumsum(rng.normal(0, 0.4, frames)) + rng.normal(0, 1, frames) + rng.choice([0, 4, 8])
    return (1 / (1 + np.exp(-wandering))).astype(np.float32)


@given(st.integers(0, 10_000), st.sampled_from([1.0, 5.0, 20.0, 30.0]))
def test_parts_are_those_of_a_detector_that_knows_the_limit(seed, longest_s):
    probabilities = random_probabilities(seed)
    speech = Speech(spans_of(probabilities), (), probabilities, FRAME_S)

    cut = cut_long(speech, longest_s, onset=ONSET, offset=OFFSET)

    assert cut.spans == spans_of(probabilities, longest_s)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0.01, 40)), max_size=5),
    st.floats(1, 30),
    st.one_of(st.none(), st.integers(0, 100)),
)
def test_for_any_detector_parts_are_short_enough_and_lose_nothing(gaps_and_lengths, longest_s, seed):
    spans, end = [], 0.0
    for gap, length in gaps_and_lengths:
        spans.append(Span(end + gap, end + gap + length))
        end = spans[-1].end
    frames = {} if seed is None else {"probabilities": random_probabilities(seed, 30_000), "frame_s": 0.01}

    for part in (Speech(tuple(spans), **frames), Speech((), tuple(spans), **frames)):
        cut = cut_long(part, longest_s, onset=ONSET, offset=OFFSET)
        found = (*cut.spans, *cut.faint)

        assert all(one.duration_s <= longest_s + 0.01 for one in found)
        edges = {edge for one in found for edge in (one.start, one.end)}
        assert edges >= {edge for span in spans for edge in (span.start, span.end)}
        assert sum(one.duration_s for one in found) == pytest.approx(sum(span.duration_s for span in spans))


def test_a_foreign_interval_is_cut_where_speech_is_least_probable():
    frames = np.full(600, 0.9, np.float32)
    frames[330:340] = 0.05

    cut = cut_long(Speech((Span(0.0, 6.0),), (), frames, 0.01), 4.0, onset=ONSET, offset=OFFSET)

    assert [round(span.duration_s) for span in cut.spans] == [3, 3]
    assert cut.spans[0].end == pytest.approx(3.35, abs=0.05)
