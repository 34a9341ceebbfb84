"""Two readings of the same speech become one, whatever the model writes and at whatever times."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.russian_whisper.test_hallucinations import Letters
from whisperx_worker import Segment, Span, intervals
from whisperx_worker.testing import make_audio, make_job
from whisperx_worker_plugins.russian_whisper import chunking, decoding, merging, transcription
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk

ADDRESS = "Скажите адрес, пожалуйста."


def test_of_two_readings_the_fuller_one_stays():
    thin = [Segment(0, 10, "Да."), Segment(10, 20, "Подождите, пожалуйста, номер.")]
    again = [
        Segment(0, 4, "Да, скидка"),
        Segment(5, 9, "семь процентов."),
        Segment(12, 15, "Номер."),
        Segment(30, 31, "Алло."),
    ]

    assert merging.merge_passes(thin, thin, again) == [again[0], again[1], thin[1], again[3]]


def test_a_fuller_reading_that_the_model_believes_less_is_not_taken():
    thin = [Segment(0, 10, "Да.", avg_logprob=-0.3)]

    assert merging.merge_passes(thin, thin, [Segment(0, 9, "Ну, скидка есть.", avg_logprob=-0.4)]) == thin


def test_a_text_that_an_unsure_reading_of_a_part_has_too_stands_in_that_part():
    stretched = Segment(0, 23, ADDRESS, avg_logprob=-0.2)
    unsure = [Segment(3, 5, "Рубль."), Segment(21, 23, "скажите адрес пожалуйста")]

    found = merging.confirmed_segments([stretched], unsure)

    assert found == {stretched: Segment(21, 23, ADDRESS, avg_logprob=-0.2)}


@pytest.mark.parametrize(
    "unsure",
    [
        [Segment(21, 23, "Говорите громче.")],
        [Segment(3, 5, ADDRESS), Segment(21, 23, ADDRESS)],
        [Segment(21, 24, ADDRESS)],
        [Segment(0, 23, ADDRESS)],
    ],
    ids=["other words", "twice", "partly outside", "the same time"],
)
def test_a_text_that_no_single_part_has_stays_where_it_is(unsure):
    assert merging.confirmed_segments([Segment(0, 23, ADDRESS)], unsure) == {}


def test_the_same_words_in_less_time_are_better_even_if_the_model_believes_them_less():
    stretched = [Segment(0, 23, ADDRESS, avg_logprob=-0.2)]
    again = [Segment(3, 5, "Рубль."), Segment(21, 23, "Скажите адрес, пожалуйста,", avg_logprob=-0.3)]

    assert merging.merge_passes(stretched, stretched, again) == again


def test_a_reading_that_reaches_over_two_segments_replaces_both_or_neither():
    doubted = [Segment(0, 4, "Да."), Segment(5, 9, "Нет, не надо нам ничего.", avg_logprob=-0.1)]
    across = [Segment(3, 7, "Да, конечно, но нет.", avg_logprob=-0.5)]

    assert merging.merge_passes(doubted, doubted, across) == doubted


TIMES = st.lists(st.integers(0, 400), max_size=24, unique=True).map(sorted)


def apart(times, prefix):
    return [Segment(a / 10, b / 10, f"{prefix} {a}") for a, b in zip(times[::2], times[1::2], strict=False)]


@given(TIMES, TIMES, st.sets(st.integers(0, 12)))
def test_a_merged_reading_is_in_order_and_apart_and_keeps_all_that_is_sure(first_times, again_times, places):
    first = apart(first_times, "сказано")
    doubted = [segment for place, segment in enumerate(first) if place in places]
    sure = [segment for segment in first if segment not in doubted]
    walls = intervals.merge(Span(segment.start, segment.end) for segment in sure)
    again = [
        one for one in apart(again_times, "снова сказано то же") if not intervals.within(walls, one.start, one.end)
    ]

    merged = merging.merge_passes(first, doubted, again)

    assert all(before.end <= after.start for before, after in pairwise(merged))
    assert set(sure) <= set(merged) <= set(first) | set(again)
    covered = intervals.merge(Span(segment.start, segment.end) for segment in merged)
    for lost in {*doubted, *again} - set(merged):
        assert intervals.within(covered, lost.start, lost.end)


# --- whole jobs, with a model that says what a table says


class Whisper:
    hf_tokenizer = Letters()


TIMED = st.lists(st.tuples(st.floats(0, 31), st.sampled_from(["Да.", "Мы живём в Москве.", ADDRESS]), st.floats(0, 31)))


def written(*timed, logprob=-0.2):
    tokens = []
    for start, text, end in timed:
        tokens += [5000 + round(start / 0.02), *map(ord, text), 5000 + round(end / 0.02)]
    return DecodedChunk(tuple(tokens), " ".join(text for _, text, _ in timed), logprob, 0.0, 1.2, 0.0)


def read(monkeypatch, heard, says):
    """The segments and warnings of a job; says gives what is written of a chunk."""
    monkeypatch.setattr(
        decoding, "decode_chunks", lambda _whisper, _audio, chunks, *_, **_named: [says(chunk) for chunk in chunks]
    )
    job = make_job()
    audio = make_audio(heard[-1].end)
    segments = transcription.transcribe_speech(Whisper(), audio, heard, chunking.ChunkLimits(), "ru", job)
    return list(segments), [str(warned) for warned in job.warnings]


@given(
    st.lists(st.tuples(st.floats(0.1, 8), st.floats(0.0005, 12)), min_size=1, max_size=8),
    st.lists(st.tuples(TIMED, st.floats(-0.45, 0)), min_size=1, max_size=12),
)
def test_whatever_the_model_writes_segments_are_in_order_apart_and_inside_the_recording(lengths, texts):
    heard, start = [], 0.0
    for pause, length in lengths:
        heard.append(Span(start + pause, start + pause + length))
        start += pause + length
    answers = iter(texts * 100)

    def says(_chunk):
        timed, logprob = next(answers)
        return written(*timed, logprob=logprob)

    with pytest.MonkeyPatch.context() as patched:
        segments, _ = read(patched, heard, says)

    assert all(segment.start < segment.end for segment in segments)
    assert all(before.end <= after.start for before, after in pairwise(segments))
    assert not segments or (segments[0].start >= 0 and segments[-1].end <= heard[-1].end)


def test_a_sentence_at_the_wrong_time_goes_to_its_own(monkeypatch):
    heard = [Span(0.5, 3.0), Span(7.0, 12.0), Span(16.0, 18.0), Span(21.0, 23.5)]

    def says(chunk):
        if chunk == Span(0.5, 23.5):
            return written((0.0, ADDRESS, 2.0))
        if chunk.start <= 21.0 and chunk.end == 23.5:
            return written((21.2 - chunk.start, ADDRESS, 23.2 - chunk.start))
        return written()

    segments, warnings = read(monkeypatch, heard, says)

    assert [(segment.start, segment.end, segment.text) for segment in segments] == [(21.2, 23.2, ADDRESS)]
    assert (
        "0.50-2.50 s: text was removed because its words are those of 21.20-23.20 s, "
        "and this speech alone does not give them"
    ) in warnings


def test_a_sentence_that_is_said_twice_stays_twice(monkeypatch):
    """The model skips the second time; alone both are heard."""
    heard = [Span(0.0, 2.0), Span(4.0, 6.0)]

    def says(chunk):
        if chunk == Span(0.0, 6.0):
            return written((0.0, ADDRESS, 2.0))
        return written((0.0, ADDRESS, chunk.duration_s))

    segments, warnings = read(monkeypatch, heard, says)

    assert [(segment.start, segment.text) for segment in segments] == [(0.0, ADDRESS), (4.0, ADDRESS)]
    assert warnings == []


def test_a_short_answer_twice_is_believed(monkeypatch):
    heard = [Span(0.0, 1.0), Span(2.0, 3.0)]
    asked = []

    def says(chunk):
        asked.append(chunk)
        return written((0.0, "Да.", 1.0))

    segments, _ = read(monkeypatch, heard, says)

    assert [(segment.start, segment.text) for segment in segments] == [(0.0, "Да."), (2.0, "Да.")]
    assert asked == [Span(0.0, 3.0), Span(2.0, 3.0)]


def test_a_sentence_that_its_own_speech_gives_in_doubt_stays(monkeypatch):
    heard = [Span(0.0, 2.0), Span(4.0, 6.0)]

    def says(chunk):
        if chunk == Span(0.0, 6.0):
            return written((0.0, ADDRESS, 2.0))
        return written((0.0, ADDRESS, 2.0), logprob=-0.7 if chunk.start == 0.0 else -0.2)

    segments, _ = read(monkeypatch, heard, says)

    assert [segment.start for segment in segments] == [0.0, 4.0]
