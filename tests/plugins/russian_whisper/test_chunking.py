"""Speech intervals packed into chunks and windows."""

import numpy as np
import pytest

from whisperx_worker import Audio, Span
from whisperx_worker_plugins.russian_whisper import chunking


@pytest.mark.parametrize(
    ("found", "chunks"),
    [
        ([(0, 10), (11, 20), (21, 31)], [(0, 20), (21, 31)]),
        ([(1, 2), (6.9, 8)], [(1, 8)]),
        ([(1, 2), (7.1, 8)], [(1, 2), (7.1, 8)]),
        ([(0, 30), (30, 60)], [(0, 30), (30, 60)]),
        ([], []),
    ],
)
def test_neighbouring_speech_fills_a_window_and_a_long_pause_begins_a_new_chunk(found, chunks):
    spans = tuple(Span(start, end) for start, end in found)

    assert [(chunk.start, chunk.end) for chunk in chunking.pack_chunks(spans, chunking.ChunkLimits())] == chunks


def test_a_speech_window_has_only_speech():
    audio = Audio(np.arange(16_000 * 100, dtype=np.float32))
    speech = (Span(10, 20), Span(50, 90))

    window = chunking.join_samples(audio, chunking.speech_window(speech, skip_s=5))

    assert len(window) == 30 * 16_000
    assert (window[0], window[5 * 16_000 - 1]) == (15 * 16_000, 20 * 16_000 - 1)
    assert (window[5 * 16_000], window[-1]) == (50 * 16_000, 75 * 16_000 - 1)


def test_chunks_stay_within_their_limits():
    spans = (Span(0, 4), Span(5, 9), Span(9.5, 12))

    def packed(**packing):
        return [(chunk.start, chunk.end) for chunk in chunking.pack_chunks(spans, chunking.ChunkLimits(**packing))]

    assert packed(longest_s=9) == [(0, 9), (9.5, 12)]
    assert packed(longest_pause_s=0.5) == [(0, 4), (5, 12)]
