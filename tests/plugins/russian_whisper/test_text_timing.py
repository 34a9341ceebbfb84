"""Timestamps written into text that was decoded without them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import ModelCache, Settings, Span, Word
from whisperx_worker_plugins._shared.whisper import model_folder, whisper_model
from whisperx_worker_plugins.russian_whisper.chunking import Chunk
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk
from whisperx_worker_plugins.russian_whisper.text_timing import TimestampWriter
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import cut_segments
from whisperx_worker_plugins.russian_whisper.tokenizer import make_tokenizer

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def segments_of():
    """A function that writes timestamps into a text, and returns the segments that come of them."""
    settings = Settings(device="cpu")
    folder = model_folder.find_model_folder("demo-whisper-ru", settings)
    with whisper_model.use_whisper(ModelCache(), settings, folder, None) as whisper:
        tokenizer = make_tokenizer(whisper, "ru", "transcribe")

        def run(text, span, words, speech=()):
            chunk = Chunk((span,))
            tokens = tuple(tokenizer.encode(f" {text}"))
            decoded = DecodedChunk(tokens, text, -0.2, 0.0, 1.0, 0.0)
            writer = TimestampWriter(whisper, tokenizer, "ru", speech or [span])
            return cut_segments(writer.write(decoded, chunk, words), chunk, whisper)

        yield run


def test_segments_have_the_times_of_their_words(segments_of):
    words = (Word("Да.", 10.1, 10.5), Word("Я", 11.04, 11.2), Word("слышу.", 11.2, 11.76))

    first, second = segments_of("Да. Я слышу.", Span(10.0, 12.0), words)

    assert (first.start, first.end, first.text, first.words) == (10.1, 10.5, "Да.", words[:1])
    assert (second.start, second.end, second.text, second.words) == (11.04, 11.76, "Я слышу.", words[1:])


def test_without_word_times_a_text_is_spread_over_the_speech_and_has_no_words(segments_of):
    found = segments_of("раз два три", Span(0.0, 10.0), (), [Span(1.0, 3.0), Span(8.0, 9.0)])

    assert [(one.start, one.end, one.text, one.words) for one in found] == [
        (1.0, 3.0, "раз два", ()),
        (8.0, 9.0, "три", ()),
    ]


def test_words_that_are_not_the_text_are_not_used(segments_of):
    (found,) = segments_of("раз два", Span(0.0, 2.0), [Word("раз", 0.5, 1.0)])

    assert (found.start, found.end, found.text, found.words) == (0.0, 2.0, "раз два", ())


def test_a_segment_without_any_time_of_its_own_is_joined_to_the_one_before(segments_of):
    words = [Word("Да.", 0.0, 0.5), Word("Нет.", 0.5, 0.5), Word("Да.", 0.5, 1.0)]

    found = segments_of("Да. Нет. Да.", Span(0.0, 1.0), words)

    assert [(one.start, one.end, one.text) for one in found] == [(0.0, 0.5, "Да. Нет."), (0.5, 1.0, "Да.")]


def test_no_text_gives_no_segment(segments_of):
    assert segments_of("", Span(0.0, 2.0), ()) == []


@given(
    st.lists(st.tuples(st.text("абёж,.!?%«»7", min_size=1), st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=20),
    st.floats(0, 1000),
)
def test_no_text_is_lost_and_times_are_in_order_and_inside_the_chunk(segments_of, drawn, start_s):
    time_s, words = start_s, []
    for text, gap_s, duration_s in drawn:
        words.append(Word(text, min(time_s + gap_s, start_s + 29), min(time_s + gap_s + duration_s, start_s + 29)))
        time_s = words[-1].end
    chunk = Span(start_s, max(time_s, start_s + 0.1))
    text = " ".join(word.word for word in words)

    found = segments_of(text, chunk, words)

    assert " ".join(one.text for one in found) == text
    assert [word.word for one in found for word in one.words] == text.split()
    assert all(first.end <= second.start for first, second in pairwise(found))
    for one in found:
        assert chunk.start - 0.001 <= one.start < one.end <= chunk.end + 1e-9
        times = [one.start, *(time for word in one.words for time in (word.start, word.end)), one.end]
        assert times == pytest.approx(sorted(times), abs=1e-9)
