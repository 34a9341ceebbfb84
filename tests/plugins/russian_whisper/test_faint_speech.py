"""Faint speech joined to windows."""

from whisperx_worker import Span
from whisperx_worker_plugins.russian_whisper.chunking import pack_chunks
from whisperx_worker_plugins.russian_whisper.faint_speech import FAINT_WINDOWS


def test_faint_intervals_are_joined_to_windows_of_at_most_30_s_with_half_a_second_between_them():
    faint = [Span(1.0, 2.0), Span(10.0, 30.0), Span(50.0, 59.0), Span(60.0, 60.75)]

    windows = pack_chunks(faint, FAINT_WINDOWS)

    assert [window.parts for window in windows] == [
        (Span(1.0, 2.25), Span(9.75, 30.0)),
        (Span(50.0, 59.25), Span(59.75, 60.75)),
    ]
    assert pack_chunks([], FAINT_WINDOWS) == []
