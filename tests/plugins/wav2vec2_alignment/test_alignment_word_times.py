"""The times of the words of one segment."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.wav2vec2_alignment.alignment_emissions import (
    RUSSIAN,
    SEPARATOR,
    UNSEPARATED,
    peaked_emission,
    random_emission,
)
from whisperx_worker import Segment, Span
from whisperx_worker_plugins._shared.text_boundaries import word_spans
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text


def aligned(text, emission, span=(0.0, 1.0), alphabet=RUSSIAN):
    return align_text(prepare_text(Segment(*span, text), alphabet, "ru", duration_s=100.0), emission, alphabet)


def align_text(text, emission, alphabet):
    ((found,),) = align_text_groups([TextGroup([text], [text.span])], [[emission]], alphabet)
    if isinstance(found, UnalignableError):
        raise found
    return found


def times(segments):
    return [(word.word, word.start, word.end) for segment in segments for word in segment.words]


def columns(word):
    return [RUSSIAN.columns[char] for char in word]


def test_words_get_the_times_of_their_characters():
    peaks = {2: columns("д")[0], 3: columns("а")[0], 5: SEPARATOR, 6: columns("н")[0], 7: columns("о")[0]}
    (segment,) = aligned("Да, но", peaked_emission(peaks, 10), span=(4.0, 5.0))

    assert times([segment]) == [("Да,", 4.2, 4.5), ("но", 4.6, 4.8)]
    assert segment.words[0].score == pytest.approx(0.9, abs=1e-3)
    assert (segment.start, segment.end, segment.text) == (4.2, 4.8, "Да, но")


def test_times_and_scores_are_plain_floats():
    word = aligned("да", peaked_emission({}, 10))[0].words[0]
    assert {type(word.start), type(word.end), type(word.score)} == {float}


def test_unknown_signs_get_times():
    found = times(aligned("да ¤♀ئ но", peaked_emission({}, 20)))
    assert [word for word, _, _ in found] == ["да", "¤♀ئ", "но"]
    assert all(end - start >= 0.099 for _, start, end in found)


def test_a_dash_takes_the_frame_after_the_word_before_it():
    peaks = {1: columns("а")[0], 3: SEPARATOR, 6: columns("о")[0]}
    assert times(aligned("а — о", peaked_emission(peaks, 10))) == [("а", 0.1, 0.3), ("—", 0.3, 0.4), ("о", 0.6, 0.7)]


def test_a_dash_without_a_pause_shares_the_last_frame_of_the_word_before_it():
    peaks = {1: columns("а")[0], 6: columns("о")[0]}
    found = times(aligned("а — о", peaked_emission(peaks, 10), alphabet=UNSEPARATED))
    assert found == [("а", 0.1, 0.6), ("—", 0.5, 0.6), ("о", 0.6, 0.7)]


def test_a_dash_at_the_beginning_takes_the_frame_before_the_first_word():
    assert times(aligned("— а", peaked_emission({3: columns("а")[0]}, 10)))[0] == ("—", 0.2, 0.3)


def test_a_dash_before_a_word_in_the_first_frame_shares_that_frame():
    assert times(aligned("— а", peaked_emission({0: columns("а")[0]}, 10)))[0] == ("—", 0.0, 0.1)


def test_a_segment_becomes_its_sentences_with_its_other_fields():
    peaks = {1: columns("а")[0], 3: SEPARATOR, 6: columns("о")[0]}
    whole = Segment(0.0, 1.0, " А! О? ", avg_logprob=-0.2, no_speech_prob=0.01, compression_ratio=1.3, temperature=0.4)
    parts = align_text(prepare_text(whole, RUSSIAN, "ru", 1.0), peaked_emission(peaks, 10), RUSSIAN)

    assert [(part.start, part.end, part.text) for part in parts] == [(0.1, 0.3, "А!"), (0.6, 0.7, "О?")]
    assert {(part.avg_logprob, part.no_speech_prob, part.compression_ratio, part.temperature) for part in parts} == {
        (-0.2, 0.01, 1.3, 0.4)
    }


def test_the_text_of_a_segment_of_one_sentence_is_unchanged():
    assert aligned(" А\u00a0о ", peaked_emission({}, 10))[0].text == " А\u00a0о "


def test_a_segment_is_cut_to_the_length_of_the_recording():
    assert prepare_text(Segment(9.0, 12.0, "да"), RUSSIAN, "ru", duration_s=10.0).span == Span(9.0, 10.0)


@pytest.mark.parametrize(
    ("segment", "why"),
    [
        (Segment(0.0, 1.0, ""), "it has no text"),
        (Segment(0.0, 1.0, " \u00a0"), "it has no text"),
        (Segment(0.0, 1.0, "— ..."), "nothing in its text is spoken"),
        (Segment(1.0, 1.0, "да"), "it has no length"),
        (Segment(2.0, 1.0, "да"), "it has no length"),
        (Segment(10.0, 12.0, "да"), "it lies outside the recording"),
        (Segment(11.0, 12.0, "да"), "it lies outside the recording"),
        (Segment(1.0, 1.00001, "да"), "it is shorter than 0.01 s"),
    ],
)
def test_a_segment_without_text_or_audio_is_refused_with_the_reason(segment, why):
    with pytest.raises(UnalignableError, match=f"^{why}$"):
        prepare_text(segment, RUSSIAN, "ru", duration_s=10.0)


REASONS = r"it has no text|nothing in its text is spoken|its \d+ characters do not fit.*|its words were not found.*"
TEXTS = st.text(alphabet="абвё Д1x.,!?—-«»\u00a0\u0306İ№%", max_size=40)


@given(
    text=TEXTS,
    language=st.sampled_from(["ru", "en", "zh"]),
    span=st.tuples(st.floats(0, 50), st.floats(0.5, 20)),
    seed=st.integers(0, 2**32 - 1),
    alphabet=st.sampled_from([RUSSIAN, UNSEPARATED]),
)
def test_no_word_is_lost_and_times_stay_in_order_and_inside(text, language, span, seed, alphabet):
    start, length = span
    segment = Segment(start, start + length, text)
    emission = random_emission(np.random.default_rng(seed), max(1, round(length / 0.02)))
    words = [text[begin:end] for begin, end in word_spans(text, language)]
    try:
        parts = align_text(prepare_text(segment, alphabet, language, 100.0), emission, alphabet)
    except UnalignableError as error:
        why = str(error)
    else:
        why = ""
    if why:
        assert re.fullmatch(REASONS, why)
        return
    found = [word for part in parts for word in part.words]
    assert [word.word for word in found] == words
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    for word in found:
        assert segment.start <= word.start < word.end <= segment.end
        assert word.score is None or 0 <= word.score <= 1
    for before, after in pairwise(found):
        assert before.start <= after.start
        assert before.end <= after.end
    for part in parts:
        assert (part.start, part.end) == (part.words[0].start, part.words[-1].end)
