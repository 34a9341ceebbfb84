"""Speech intervals of long recordings, detected in pieces."""

from itertools import pairwise
from pathlib import Path

import pytest

from whisperx_worker import SAMPLE_RATE_HZ, Settings, intervals
from whisperx_worker.audio.decode import decode
from whisperx_worker_plugins.russian_whisper import speech_detection

MINUTE = 60 * SAMPLE_RATE_HZ


@pytest.mark.models
def test_speech_detected_in_pieces_is_the_speech_of_the_whole(monkeypatch):
    audio = decode(Path(__file__).parents[3] / "demo" / "dialogue.flac", Settings())[0]
    whole = speech_detection.detect_speech(audio, onset=0.5, offset=0.363, longest_s=20)
    monkeypatch.setattr(speech_detection, "PIECE_SAMPLES", MINUTE // 4)
    pieces = speech_detection.detect_speech(audio, onset=0.5, offset=0.363, longest_s=20)

    assert all(before.end <= after.start for before, after in pairwise(pieces))
    in_both = sum(intervals.seconds_within(pieces, span.start, span.end) for span in whole)
    assert in_both == pytest.approx(intervals.total_s(whole), abs=0.3)
    assert in_both == pytest.approx(intervals.total_s(pieces), abs=0.2)


@pytest.mark.parametrize(
    ("speech", "cut"),
    [
        ([], MINUTE // 2),
        ([(0, MINUTE)], MINUTE),
        ([(0, MINUTE // 4), (MINUTE * 5 // 8, MINUTE * 3 // 4), (MINUTE * 7 // 8, MINUTE)], MINUTE * 7 // 16),
        ([(0, MINUTE // 8), (MINUTE // 4, MINUTE * 3 // 4), (MINUTE * 3 // 4, MINUTE)], MINUTE * 3 // 4),
    ],
    ids=["silence", "no pause", "the longest that ends in the second half", "between two that touch"],
)
def test_a_piece_ends_in_its_longest_pause(speech, cut):
    assert speech_detection._best_cut(speech, 0, MINUTE) == cut // 512 * 512
    assert speech_detection._best_cut(
        [(10 * MINUTE + a, 10 * MINUTE + b) for a, b in speech], 10 * MINUTE, 11 * MINUTE
    ) == ((10 * MINUTE + cut) // 512 * 512)
