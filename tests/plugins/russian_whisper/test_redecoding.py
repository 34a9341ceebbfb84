"""Redecoding in whole jobs, with a fake decoder."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.russian_whisper.letter_tokens import LetterWhisper, decoded_chunk
from whisperx_worker import Span, Speech
from whisperx_worker.testing import make_audio, make_job
from whisperx_worker_plugins.russian_whisper import chunking, decoding, transcription

ADDRESS = "Скажите адрес, пожалуйста."
TIMED = st.lists(st.tuples(st.floats(0, 31), st.sampled_from(["Да.", "Мы живём в Москве.", ADDRESS]), st.floats(0, 31)))


def transcribe(monkeypatch, speech, decode):
    """Return the segments and warnings of a job with a fake decoder of one chunk."""
    monkeypatch.setattr(
        decoding, "decode_chunks", lambda _whisper, _audio, chunks, *_, **_named: [decode(chunk) for chunk in chunks]
    )
    job = make_job()
    audio = make_audio(speech[-1].end)
    detected = Speech(tuple(speech), ())
    segments = transcription.transcribe_speech(LetterWhisper(), audio, detected, chunking.ChunkLimits(), "ru", job)
    return list(segments), [str(warned) for warned in job.warnings]


@given(
    st.lists(st.tuples(st.floats(0.1, 8), st.floats(0.0005, 12)), min_size=1, max_size=8),
    st.lists(st.tuples(TIMED, st.floats(-0.45, 0)), min_size=1, max_size=12),
)
def test_for_any_decoder_output_segments_are_in_order_disjoint_and_inside_the_recording(lengths, texts):
    speech, start = [], 0.0
    for pause, length in lengths:
        speech.append(Span(start + pause, start + pause + length))
        start += pause + length
    answers = iter(texts * 100)

    def decode(_chunk):
        timed, logprob = next(answers)
        return decoded_chunk(*timed, logprob=logprob)

    with pytest.MonkeyPatch.context() as patched:
        segments, _ = transcribe(patched, speech, decode)

    assert all(segment.start < segment.end for segment in segments)
    assert all(before.end <= after.start for before, after in pairwise(segments))
    assert not segments or (segments[0].start >= 0 and segments[-1].end <= speech[-1].end)


@pytest.mark.parametrize(("logprob", "decoded"), [(-0.4, 4), (-0.6, 1)])
def test_a_chunk_with_enough_text_that_the_model_is_not_sure_of_is_not_decoded_again(monkeypatch, logprob, decoded):
    chunks = []

    def decode(chunk):
        chunks.append(chunk)
        return (
            decoded_chunk((0.0, f"{ADDRESS} {ADDRESS}", 3.5), logprob=logprob)
            if chunk.start == 0.5
            else decoded_chunk()
        )

    _, warnings = transcribe(monkeypatch, [Span(0.5, 3.0), Span(7.0, 12.0), Span(16.0, 18.0)], decode)

    assert len(chunks) == decoded
    assert any("speech was heard here, but the model gave no text" in warning for warning in warnings)


def test_a_sentence_at_the_wrong_time_is_moved_to_its_own(monkeypatch):
    speech = [Span(0.5, 3.0), Span(7.0, 12.0), Span(16.0, 18.0), Span(21.0, 23.5)]

    def decode(chunk):
        if (chunk.start, chunk.end) == (0.5, 23.5):
            return decoded_chunk((0.0, ADDRESS, 2.0))
        if chunk.start <= 21.0 and chunk.end == 23.5:
            return decoded_chunk((21.2 - chunk.start, ADDRESS, 23.2 - chunk.start))
        return decoded_chunk()

    segments, warnings = transcribe(monkeypatch, speech, decode)

    assert [(segment.start, segment.end, segment.text) for segment in segments] == [(21.2, 23.2, ADDRESS)]
    assert (
        "0.50-2.50 s: text was removed because its words are those of 21.20-23.20 s, "
        "and this speech alone does not give them"
    ) in warnings


def test_a_sentence_that_is_spoken_twice_is_kept_twice(monkeypatch):
    """The model skips the second one; decoded alone, it is found."""
    speech = [Span(0.0, 2.0), Span(4.0, 6.0)]

    def decode(chunk):
        if (chunk.start, chunk.end) == (0.0, 6.0):
            return decoded_chunk((0.0, ADDRESS, 2.0))
        return decoded_chunk((0.0, ADDRESS, chunk.duration_s))

    segments, warnings = transcribe(monkeypatch, speech, decode)

    assert [(segment.start, segment.text) for segment in segments] == [(0.0, ADDRESS), (4.0, ADDRESS)]
    assert warnings == []


def test_a_short_answer_is_kept_twice(monkeypatch):
    speech = [Span(0.0, 1.0), Span(2.0, 3.0)]
    decoded = []

    def decode(chunk):
        decoded.append(chunk)
        return decoded_chunk((0.0, "Да.", 1.0))

    segments, _ = transcribe(monkeypatch, speech, decode)

    assert [(segment.start, segment.text) for segment in segments] == [(0.0, "Да."), (2.0, "Да.")]
    assert [(chunk.start, chunk.end) for chunk in decoded] == [(0.0, 3.0), (2.0, 3.0)]


def test_a_sentence_that_its_own_speech_has_at_low_confidence_is_kept(monkeypatch):
    speech = [Span(0.0, 2.0), Span(4.0, 6.0)]

    def decode(chunk):
        if (chunk.start, chunk.end) == (0.0, 6.0):
            return decoded_chunk((0.0, ADDRESS, 2.0))
        return decoded_chunk((0.0, ADDRESS, 2.0), logprob=-0.7 if chunk.start == 0.0 else -0.2)

    segments, _ = transcribe(monkeypatch, speech, decode)

    assert [segment.start for segment in segments] == [0.0, 4.0]
