"""Text with word times cut into segments."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Span, Word
from whisperx_worker_plugins.russian_whisper.chunking import Chunk
from whisperx_worker_plugins.russian_whisper.text_cutting import (
    MAX_SEGMENT_S,
    cut_text,
    shorten_words,
    spans_of_words,
    spread_words,
)


def timed(*words):
    return [Word(text, float(start), float(end)) for text, start, end in words]


def cut(words, language="ru"):
    text = " ".join(word.word for word in words)
    return [
        " ".join(word.word for word in words[piece.start : piece.stop]) for piece in cut_text(text, words, language)
    ]


def test_a_pause_ends_a_segment_and_a_shorter_gap_does_not():
    words = timed(("да", 0, 0.4), ("я", 0.8, 1), ("вас", 1.5, 1.8), ("слушаю", 1.8, 2.2))

    assert cut(words) == ["да я", "вас слушаю"]


def test_a_sentence_ends_a_segment_and_an_abbreviation_does_not():
    words = timed(("Это", 0, 0.4), ("ул.", 0.4, 0.8), ("Гагарина.", 0.8, 1.4), ("Понятно.", 1.4, 2))

    assert cut(words) == ["Это ул. Гагарина.", "Понятно."]


def test_a_long_text_without_sentences_is_cut_at_its_longest_gap():
    words = timed(*((f"раз{number}", number, number + 1) for number in range(9)), ("два", 9.2, 10), ("три", 10, 18))

    assert cut(words) == [" ".join(f"раз{number}" for number in range(9)), "два три"]


def test_a_long_text_without_gaps_is_cut_in_the_middle():
    words = timed(*((str(number), number, number + 1) for number in range(16)))

    assert cut(words) == ["0 1 2 3 4 5 6 7", "8 9 10 11 12 13 14 15"]


def test_a_text_in_a_language_without_spaces_is_cut_at_its_sentences():
    text, words = "你好 。我是安娜", timed(("你好", 0, 0.5), ("。", 0.5, 0.6), ("我是", 0.6, 1), ("安娜", 1, 1.4))

    assert spans_of_words(text, words) == [(0, 2), (3, 4), (4, 6), (6, 8)]
    assert cut_text(text, words, "zh") == [range(2), range(2, 4)]


@given(
    st.lists(
        st.tuples(
            st.text("абв.?!, ", min_size=1).map(lambda text: text.strip() or "а"), st.floats(0, 3), st.floats(0, 3)
        ),
        max_size=30,
    )
)
def test_segments_have_all_words_in_order_and_are_long_only_with_one_word(drawn):
    time_s, words = 0.0, []
    for text, gap_s, duration_s in drawn:
        start = time_s + gap_s
        time_s = start + duration_s
        words.append(Word(text.replace(" ", ""), start, time_s))

    pieces = cut_text(" ".join(word.word for word in words), words, "ru")

    assert [index for piece in pieces for index in piece] == list(range(len(words)))
    for piece in pieces:
        assert len(piece) == 1 or words[piece[-1]].end - words[piece[0]].start <= MAX_SEGMENT_S


def test_words_are_spread_over_speech_by_their_length_and_not_over_pauses():
    words = spread_words("раз два три", Chunk((Span(10, 20),)), [Span(9, 12), Span(18, 19)], "ru")

    assert words == timed(("раз", 10, 11), ("два", 11, 12), ("три", 18, 19))


def test_without_speech_words_are_spread_over_the_chunk():
    assert spread_words("да нет", Chunk((Span(1, 8),)), [Span(10, 12)], "ru") == timed(("да", 1, 4), ("нет", 4, 8))


@given(
    st.lists(st.text("абв", min_size=1), min_size=1, max_size=20),
    st.lists(st.floats(0.01, 9), min_size=2, max_size=9).map(
        lambda gaps: [sum(gaps[:end]) for end in range(1, len(gaps))]
    ),
)
def test_spread_words_are_in_order_and_each_in_one_speech_interval(texts, edges):
    speech = [Span(start, end) for start, end in pairwise(edges)][::2] or [Span(0.0, edges[0])]
    chunk = Chunk((Span(speech[0].start, speech[-1].end),))

    words = spread_words(" ".join(texts), chunk, speech, "ru")

    assert [word.word for word in words] == texts
    assert all(first.end <= second.start + 1e-6 for first, second in pairwise(words))
    for word in words:
        assert word.start <= word.end
        assert any(span.start <= word.start and word.end <= span.end for span in speech)


def test_a_word_as_long_as_speech_that_the_text_leaves_out_is_shortened():
    words = [
        Word("Дома.", 0.0, 1.0), Word("В", 2.0, 5.0), Word("этой", 5.0, 9.0), Word("связи", 9.5, 10.0), Word("да.", 10.0, 14.0)
    ]  # fmt: skip

    shortened = shorten_words("Дома. В этой связи да.", words, "ru")

    times = [(word.word, pytest.approx(word.start), pytest.approx(word.end)) for word in shortened]
    assert times == [
        ("Дома.", 0.0, 1.0), ("В", 8.0, 8.32), ("этой", 8.32, 9.0), ("связи", 9.5, 10.0), ("да.", 10.0, 10.56)
    ]  # fmt: skip


def test_words_of_plausible_length_keep_their_times():
    words = [Word("Здравствуйте,", 0.0, 2.1), Word("да.", 2.1, 3.0)]

    assert shorten_words("Здравствуйте, да.", words, "ru") == words
