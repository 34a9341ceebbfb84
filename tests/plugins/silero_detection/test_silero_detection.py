"""Speech of a recording, and what may be speech beside it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Audio, Speech, intervals
from whisperx_worker.testing import load_plugin, make_job, run_engine
from whisperx_worker_plugins import silero_detection
from whisperx_worker_plugins._shared.silero import FRAME_S, FRAME_SAMPLES
from whisperx_worker_plugins.silero_detection import speech_detection

FRAMES_OF_A_SECOND = round(1 / FRAME_S)


def detected(probabilities, *, onset=0.5, offset=0.363):
    """Return the speech of a recording with these probabilities."""
    probabilities = np.asarray(probabilities, np.float32)
    audio = Audio(np.zeros(len(probabilities) * FRAME_SAMPLES, np.float32))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(speech_detection, "speech_probabilities", lambda _samples: probabilities)
        return speech_detection.detect_speech(audio, onset=onset, offset=offset)


def seconds(*parts):
    """Return probabilities of parts, each as (seconds, probability)."""
    return np.concatenate([np.full(round(length * FRAMES_OF_A_SECOND), share) for length, share in parts])


def test_speech_is_padded_and_has_its_probabilities():
    frames = seconds((2, 0.0), (3, 0.9), (2, 0.0))

    speech = detected(frames)

    (span,) = speech.spans
    assert (span.start, span.end) == pytest.approx((62 * FRAME_S - 0.2, 155 * FRAME_S + 0.2))
    assert (speech.faint, speech.frame_s) == ((), FRAME_S)
    assert speech.probabilities == pytest.approx(frames)


def test_speech_without_a_pause_is_one_interval_however_long():
    (span,) = detected(seconds((90, 0.9))).spans
    assert span.duration_s == pytest.approx(90, abs=1)


def test_sound_that_is_hardly_speech_is_faint_and_in_parts_of_at_most_thirty_seconds():
    speech = detected(seconds((40, 0.2), (5, 0.9), (0.5, 0.2), (2, 0.0), (1, 0.2)))

    assert len(speech.spans) == 1
    assert [span.duration_s > 0.6 for span in speech.faint] == [True] * len(speech.faint)
    assert max(span.duration_s for span in speech.faint) <= 30
    assert intervals.total_s(speech.faint) == pytest.approx(40.5, abs=0.2)


@given(st.lists(st.tuples(st.floats(0.05, 8), st.sampled_from([0.0, 0.08, 0.2, 0.4, 0.9])), min_size=1, max_size=12))
def test_intervals_are_in_order_and_apart(parts):
    speech = detected(seconds((0.1, 0.0), *parts))

    every = sorted((*speech.spans, *speech.faint), key=lambda span: span.start)
    assert all(one.end <= other.start for one, other in pairwise(every))


@pytest.mark.models
def test_the_request_says_where_speech_begins():
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    host = load_plugin(silero_detection)

    def found(**fields):
        return run_engine(host, "detect_speech", Speech, make_job(host, **fields), audio=Audio(noise.copy())).spans

    assert found() == ()
    assert intervals.total_s(found(vad_onset=0.001, vad_offset=0.0)) == pytest.approx(2.0)
