"""Gaps inside words."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plugins.wav2vec2_alignment.alignment_emissions import (
    BLANK,
    FRAME_S,
    RUSSIAN_WITH_YO,
    best_path,
    spoken_emission,
)
from whisperx_worker import Span
from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission
from whisperx_worker_plugins.wav2vec2_alignment.utterance_verification import AlignmentPath
from whisperx_worker_plugins.wav2vec2_alignment.word_gaps import close_word_gaps


def test_a_letter_beyond_other_speech_is_moved_back_to_its_word():
    """The last letter is weak in its place, and a little stronger after speech without text."""
    emission, edges = spoken_emission(["погоду", "завтра обещают хорошую"], RUSSIAN_WITH_YO)
    timed = TimedEmission.concatenate([Span(0.0, len(emission) * FRAME_S)], [emission], BLANK)
    columns = np.array([RUSSIAN_WITH_YO.columns[letter] for letter in "погоду"])
    best = best_path(emission, columns.tolist(), BLANK)
    torn = AlignmentPath(columns, best.starts.copy(), best.ends.copy(), best.scores)
    torn.starts[-1] = len(emission) - 20
    torn.ends[-2:] = torn.starts[-1], torn.starts[-1] + 1

    closed = close_word_gaps(torn, [(0, len(columns))], timed)

    assert timed.starts_s[closed.starts[0]] == pytest.approx(edges[0][0])
    assert timed.ends_s[closed.ends[-1] - 1] <= edges[0][1] + 0.2


def test_a_word_that_is_spoken_slowly_is_unchanged():
    emission, _ = spoken_emission(["да"], RUSSIAN_WITH_YO)
    silence = np.repeat(emission[:1], 40, axis=0)
    emission = np.concatenate([emission[:13], silence, emission[13:]])
    timed = TimedEmission.concatenate([Span(0.0, len(emission) * FRAME_S)], [emission], BLANK)
    columns = np.array([RUSSIAN_WITH_YO.columns[letter] for letter in "да"])
    best = best_path(emission, columns.tolist(), BLANK)
    path = AlignmentPath(columns, best.starts, best.ends, best.scores)
    assert best.starts.tolist() == [10, 53]
    assert close_word_gaps(path, [(0, 1), (1, 2)], timed) is path
