"""Words clamped to speech intervals, and speech without words."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Segment, Span, Word, intervals
from whisperx_worker_plugins.wav2vec2_alignment.vad_clamp import (
    clamp_segment,
    clamp_word,
    max_duration_s,
    unaligned_speech,
)

SPEECH = [Span(0.0, 2.0), Span(6.0, 8.0)]


@pytest.mark.parametrize(
    ("word", "start", "end", "expected"),
    [
        ("Алло", 0.5, 0.9, (0.5, 0.9)),
        ("Алло", 1.5, 6.2, (1.5, 2.0)),
        ("Алло", 1.9, 6.5, (6.0, 6.5)),
        ("Алло", 1.8, 3.0, (1.8, 2.0)),
        ("Алло", 3.0, 4.0, (3.0, 4.0)),
        ("Да", 6.0, 8.0, (6.0, 7.1)),
        ("2026", 6.0, 8.0, (6.0, 8.0)),
        ("—", 6.0, 6.02, (6.0, 6.02)),
    ],
    ids=[
        "inside speech",
        "the end is after a pause",
        "the beginning is before a pause",
        "the end is in a pause",
        "no speech interval is there",
        "too long for two letters",
        "digits are spoken as words",
        "punctuation",
    ],
)
def test_a_word_is_clamped_to_the_speech_interval_that_it_overlaps_most(word, start, end, expected):
    cut = clamp_word(Word(word, start, end, score=0.5), SPEECH)

    assert (cut.start, cut.end) == expected
    assert (cut.word, cut.score) == (word, 0.5)


def test_a_word_without_times_stays_without():
    assert clamp_word(Word("Алло"), SPEECH) == Word("Алло")


def test_a_segment_ends_where_its_last_word_ends():
    whole = Segment(0.5, 6.1, "Да. Алло.", (Word("Да.", 0.5, 0.7), Word("Алло.", 1.5, 6.1)), avg_logprob=-0.1)

    cut = clamp_segment(whole, SPEECH)

    assert (cut.start, cut.end, cut.text, cut.avg_logprob) == (0.5, 2.0, "Да. Алло.", -0.1)
    assert clamp_segment(cut, SPEECH) is cut


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=8),
    st.lists(st.integers(0, 340), min_size=2, max_size=12),
)
def test_clamped_words_are_in_order_and_inside_their_former_times(lengths, edges):
    speech = intervals.merge(Span(start / 10, (start + length) / 10) for start, length in lengths)
    edges = sorted(edges)
    words = tuple(Word("слово", start / 10, end / 10) for start, end in pairwise(edges))
    whole = Segment(edges[0] / 10, edges[-1] / 10, " ".join(["слово"] * len(words)), words)

    cut = clamp_segment(whole, speech)

    times = [time for word in cut.words for time in (word.start, word.end)]
    assert times == sorted(times)
    for before, after in zip(whole.words, cut.words, strict=True):
        assert before.start <= after.start <= after.end <= before.end
        assert after.end - after.start <= max_duration_s("слово") + 0.001
        inside = intervals.within(speech, after.start, after.end)
        assert not inside or intervals.total_s(inside) == pytest.approx(after.end - after.start, abs=0.002)


def sentence(*words):
    return Segment(
        words[0][1], words[-1][2], " ".join(word for word, *_ in words), tuple(Word(*word) for word in words)
    )


@pytest.mark.parametrize(
    ("sentences", "text", "expected"),
    [
        ([sentence(("Да.", 0.2, 0.6), ("Алло.", 0.7, 1.8))], [(0, 2)], []),
        ([sentence(("Да.", 0.2, 0.6), ("Алло.", 1.4, 1.8))], [(0, 2)], [(0.6, 1.4)]),
        ([sentence(("Да.", 0.2, 0.6), ("Алло.", 1.0, 1.8))], [(0, 2)], []),
        ([sentence(("Да.", 0.2, 0.6), ("—", None, None))], [(0, 2)], [(0.6, 1.8)]),
        ([sentence(("Да.", 0.2, 0.6))], [(0, 1)], []),
        ([sentence(("Да.", 1.3, 1.8), ("Алло.", 6.2, 7.8))], [(0, 8)], [(0.2, 1.3)]),
        ([Segment(0.0, 2.0, "2026")], [(0, 2)], []),
        ([sentence(("Да.", 0.2, 1.8))], [(0, 2), (6, 8)], [(6.2, 7.8)]),
    ],
    ids=[
        "words everywhere",
        "a gap between words",
        "a short pause",
        "a gap at the end, and a word without times",
        "the rest is outside of the text",
        "a gap at the beginning",
        "a sentence that could not be aligned",
        "a speech interval in the text without a word",
    ],
)
def test_speech_in_the_text_without_words_is_found(sentences, text, expected):
    assert unaligned_speech(sentences, [Span(*edges) for edges in text], SPEECH) == [Span(*edges) for edges in expected]


def test_without_speech_intervals_there_is_no_unaligned_speech():
    assert unaligned_speech([sentence(("Да.", 0.2, 0.6))], [Span(0.0, 9.0)], []) == []
