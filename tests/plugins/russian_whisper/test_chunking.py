"""Speech intervals packed into chunks and windows."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper import chunking


@pytest.mark.parametrize(
    ("found", "chunks"),
    [
        ([(0, 10), (11, 20), (21, 31)], [[(0, 20)], [(21, 31)]]),
        ([(1, 2), (6.9, 8)], [[(1, 8)]]),
        ([(1, 2), (7.1, 8), (80, 81)], [[(1, 2.5), (6.6, 8.5), (79.5, 81)]]),
        ([(0, 20), (30, 39.1)], [[(0, 20)], [(30, 39.1)]]),
        ([(0, 30), (30, 60)], [[(0, 30)], [(30, 60)]]),
        ([], []),
    ],
)
def test_neighbouring_speech_fills_a_window_and_long_pauses_are_cut_to_a_second(found, chunks):
    spans = tuple(Span(start, end) for start, end in found)

    packed = chunking.pack_chunks(spans, chunking.ChunkLimits())

    assert [[(part.start, part.end) for part in chunk.parts] for chunk in packed] == chunks


def test_a_model_may_want_a_new_chunk_after_a_long_pause():
    limits = chunking.ChunkLimits(join_across_pauses=False)

    assert chunking.pack_chunks([Span(1, 2), Span(6, 8), Span(14, 15)], limits) == chunking.whole(
        [Span(1, 8), Span(14, 15)]
    )


def test_no_chunk_goes_across_a_seam():
    limits = chunking.ChunkLimits(longest_pause_s=20.0, seams=chunking.seams_between([Span(0, 5), Span(15, 20)]))
    speech = [Span(1, 2), Span(3, 5), Span(15, 16), Span(17, 18)]

    assert chunking.pack_chunks(speech, limits) == chunking.whole([Span(1, 5), Span(15, 18)])
    assert chunking.join_neighbours(speech, limits) == [Span(1, 5), Span(15, 18)]


def test_text_of_one_channel_is_never_compared_with_that_of_another():
    limits = chunking.ChunkLimits(seams=(5.0,))
    own, other = Segment(1.0, 2.0, "Алло"), Segment(15.0, 16.0, "Алло")

    assert limits.beside(own, [own, other]) == [own]
    assert chunking.ChunkLimits().beside(own, [own, other]) == [own, other]


@given(
    st.lists(st.tuples(st.floats(0.1, 60), st.floats(0.1, 30)), min_size=1, max_size=20),
    st.floats(0, 10),
    st.data(),
)
def test_chunks_have_all_speech_and_their_times_lead_there_and_back(lengths, longest_pause_s, data):
    edges = list(accumulate(length for pair in lengths for length in pair))
    speech = [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]

    chunks = chunking.pack_chunks(speech, chunking.ChunkLimits(longest_pause_s=longest_pause_s))

    parts = [part for chunk in chunks for part in chunk.parts]
    assert all(before.end <= after.start + 1e-9 for before, after in pairwise(parts))
    assert intervals.total_s(intervals.intersect(speech, intervals.merge(parts))) == pytest.approx(
        intervals.total_s(speech)
    )
    chunk = data.draw(st.sampled_from(chunks))
    start_s, end_s = sorted(data.draw(st.tuples(*[st.floats(0, chunk.duration_s)] * 2)))
    span = chunk.to_recording(start_s, end_s)
    assert (chunk.to_sound(span.start), chunk.to_sound(span.end)) == pytest.approx((start_s, end_s))
    assert chunk.start <= span.start <= span.end <= chunk.end + 1e-9


def test_what_begins_at_a_cut_is_after_the_pause_and_what_ends_there_before_it():
    chunk = chunking.Chunk((Span(10, 12), Span(50, 53)))

    assert chunk.to_recording(0.5, 2.0) == Span(10.5, 12)
    assert chunk.to_recording(2.0, 5.0) == Span(50, 53)
    assert chunk.to_recording(1.0, 3.0) == Span(11, 51)
    assert [chunk.to_sound(time) for time in (11, 12, 30, 50, 51, 99)] == [1, 2, 2, 2, 3, 5]


def test_neighbours_are_joined_within_the_limits():
    spans = (Span(0, 4), Span(5, 9), Span(9.5, 12))

    def joined(**limits):
        return [(span.start, span.end) for span in chunking.join_neighbours(spans, chunking.ChunkLimits(**limits))]

    assert joined(longest_s=9) == [(0, 9), (9.5, 12)]
    assert joined(longest_pause_s=0.5) == [(0, 4), (5, 12)]
