"""Faint speech joined to windows."""

import numpy as np
import pytest

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Span
from whisperx_worker_plugins.russian_whisper.faint_speech import join_faint


@pytest.fixture
def audio():
    return Audio(np.arange(120 * SAMPLE_RATE_HZ, dtype=np.float32) / SAMPLE_RATE_HZ)


def test_intervals_are_joined_with_silence_between_to_windows_of_at_most_30_s(audio):
    faint = [Span(1.0, 2.0), Span(10.0, 30.0), Span(50.0, 59.0), Span(60.0, 60.7)]

    joined, windows = join_faint(audio, faint)

    assert [window.parts for window in windows] == [tuple(faint[:2]), tuple(faint[2:])]
    assert [(window.span.start, window.span.end) for window in windows] == [
        (0.0, 21.5),
        (22.0, pytest.approx(32.2)),
    ]
    assert joined.between(1.5, 21.5) == pytest.approx(audio.between(10.0, 30.0))
    assert not joined.between(1.0, 1.5).any()
    assert joined.between(22.0, 31.0) == pytest.approx(audio.between(50.0, 59.0))


def test_a_recording_without_faint_speech_has_no_window(audio):
    joined, windows = join_faint(audio, [])

    assert (len(joined.samples), windows) == (0, [])
