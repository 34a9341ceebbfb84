"""Which segments are aligned together, what is done with texts that are not in the sound, and with holes in words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ctc_path import best_path
from tests.plugins.wav2vec2_alignment.test_verbalisation import BLANK, FRAME_S, RUSSIAN, SEPARATOR, sound_of
from whisperx_worker import Segment, Span, intervals
from whisperx_worker_plugins.wav2vec2_alignment.alignment_groups import MAX_GROUP_S, group_segments
from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text
from whisperx_worker_plugins.wav2vec2_alignment.utterance_verification import AlignmentPath, is_text_present
from whisperx_worker_plugins.wav2vec2_alignment.word_gaps import close_word_gaps


def pieces(*edges):
    return tuple(Span(*one) for one in edges)


# --- groups


@pytest.mark.parametrize(
    ("segments", "speech", "expected"),
    [
        ([(1, 2), (2.2, 3)], [(1, 3)], [((0, 1), [(0.7, 3.3)])]),
        ([(1, 2), (3.5, 4)], [(0.9, 2.1), (3.4, 4.1)], [((0, 1), [(0.6, 2.4), (3.1, 4.4)])]),
        ([(1, 2), (9, 10)], [(1, 2), (9, 10)], [((0,), [(0.7, 2.3)]), ((1,), [(8.7, 10.3)])]),
        ([(1, 2), (9, 10)], [], [((0,), [(0.7, 2.3)]), ((1,), [(8.7, 10.3)])]),
        ([(1, 12)], [(1, 3), (10, 12)], [((0,), [(0.7, 12.3)])]),
        ([(1, 4), (4, 39)], [(1, 21), (21, 40)], [((0, 1), [(0.7, 40.3)])]),
        ([(1, 20), (22, 40)], [(1, 21), (21, 40)], [((0,), [(0.7, 21.0)]), ((1,), [(21.0, 40.3)])]),
        ([(0.1, 1)], [], [((0,), [(0.0, 1.3)])]),
        ([(49, 50)], [], [((0,), [(48.7, 50.0)])]),
        ([(4, 5), (0, 2)], [(0, 5)], [((1, 0), [(0.0, 5.3)])]),
        ([(1.2, 1.9), (1.0, 3)], [(1, 3)], [((0, 1), [(0.7, 3.3)])]),
        ([(1, 2)], [(1, 2), (5, 8)], [((0,), [(0.7, 2.3)])]),
        ([(1, 2), (5.5, 6)], [(1, 2)], [((0, 1), [(0.7, 2.3), (5.2, 6.3)])]),
    ],
    ids=[
        "near each other",
        "a pause inside a group is not listened to",
        "a long pause is between groups",
        "without speech the segments are the speech",
        "a segment joins the speech that it is in",
        "a segment joins what is longer than a group",
        "speech without a pause is cut where the detector cut it",
        "at the beginning of the recording",
        "at its end",
        "segments in any order",
        "times that are off do not change the order of the text",
        "speech after the text that is far from it",
        "a segment outside of speech",
    ],
)
def test_segments_are_grouped_by_the_speech(segments, speech, expected):
    groups = group_segments([Span(*one) for one in segments], [Span(*one) for one in speech], 50.0)
    assert [group.members for group in groups] == [members for members, _ in expected]
    for group, (_, edges) in zip(groups, expected, strict=True):
        assert [(one.start, one.end) for one in group.pieces] == [pytest.approx(one) for one in edges]


TIMES = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 200)), max_size=12)


@given(TIMES.filter(bool), TIMES)
def test_each_segment_is_in_one_group_and_groups_do_not_share_sound(segments, speech):
    times = [Span(start / 10, (start + length) / 10) for start, length in segments]
    heard = intervals.merge(Span(start / 10, (start + length) / 10) for start, length in speech)
    duration_s = max(one.end for one in times)

    groups = group_segments(times, heard, duration_s)

    assert sorted(member for group in groups for member in group.members) == list(range(len(times)))
    found = [piece for group in groups for piece in group.pieces]
    assert all(0 <= piece.start < piece.end <= duration_s for piece in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(group.pieces for group in groups)


def test_a_long_talk_is_cut_into_groups_that_are_not_longer_than_what_is_put_together():
    speech = [Span(number * 10.0, number * 10.0 + 9.8) for number in range(60)]
    groups = group_segments(speech, speech, 600.0)
    assert [len(group.members) for group in groups] == [3] * 20
    assert all(group.pieces[-1].end - group.pieces[0].start <= MAX_GROUP_S + 0.2 for group in groups)


# --- texts that are not in the sound

SENTENCES = ["доброе утро коллеги", "сегодня хорошая погода", "позвоните мне вечером"]
OTHER = "шкаф фиолетовых щипцов"


def aligned(texts, said, shifts=None):
    """Sentences of texts in sound that has others, whose segments have the times of these, shifted; and the times."""
    emission, edges = sound_of(said, RUSSIAN)
    duration_s = len(emission) * FRAME_S
    shifts = shifts or [0.0] * len(texts)
    read = [
        prepare_text(Segment(max(0.0, a + shift), b + shift, text), RUSSIAN, "ru", duration_s)
        for text, (a, b), shift in zip(texts, edges, shifts, strict=True)
    ]
    (found,) = align_text_groups([TextGroup(read, [Span(0.0, duration_s)])], [[emission]], RUSSIAN)
    return found, edges


def assert_is_at(sentences, edges):
    (segment,) = sentences
    assert (segment.start, segment.end) == pytest.approx(edges, abs=0.061)
    assert (segment.words[0].start, segment.words[-1].end) == (segment.start, segment.end)


@pytest.mark.parametrize("shift", [-1.3, -0.6, 0.6, 1.3])
def test_the_words_and_not_the_segments_say_where_texts_are(shift):
    found, edges = aligned(SENTENCES, SENTENCES, [0.0, shift, -shift])
    for sentences, own in zip(found, edges, strict=True):
        assert_is_at(sentences, own)


@pytest.mark.parametrize("place", range(3))
def test_a_text_that_is_not_in_the_sound_has_no_words_and_leaves_its_neighbours_alone(place):
    texts = [OTHER if number == place else text for number, text in enumerate(SENTENCES)]

    found, edges = aligned(texts, SENTENCES)

    assert isinstance(found[place], UnalignableError)
    assert str(found[place]) == "its words were not found in the sound"
    for number, sentences in enumerate(found):
        if number != place:
            assert_is_at(sentences, edges[number])


def test_several_texts_that_are_not_in_the_sound_leave_the_others_alone():
    found, edges = aligned([OTHER, SENTENCES[1], OTHER], SENTENCES)
    assert [isinstance(one, UnalignableError) for one in found] == [True, False, True]
    assert_is_at(found[1], edges[1])


def test_a_short_text_is_not_doubted():
    ((segment,),), _ = aligned(["ещё бы"], ["позвоните мне"])
    assert [word.word for word in segment.words] == ["ещё", "бы"]
    assert all(word.start < word.end for word in segment.words)


@pytest.mark.parametrize("quality", [0.15, 0.3, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_a_true_text_is_found_with_a_weak_model_too(quality, seed):
    """Of each probability a part goes to other columns; what a weak model says of a false text is for nobody to know."""
    draw = np.random.default_rng(seed)
    clean, _ = sound_of(SENTENCES, RUSSIAN)
    noise = draw.dirichlet(np.full(clean.shape[1], 0.3), len(clean))
    emission = np.log(quality * np.exp(clean) + (1 - quality) * noise).astype(np.float32)
    sound = TimedEmission.concatenate([Span(0.0, len(emission) * FRAME_S)], [emission], BLANK)

    def found(text):
        columns = [RUSSIAN.columns.get(letter, SEPARATOR) for letter in text]
        way = best_path(emission, columns, BLANK)
        return is_text_present(
            AlignmentPath(np.array(columns), way.starts, way.ends, way.scores), sound, 0, len(emission), SEPARATOR
        )

    true, false = " ".join(SENTENCES), "щука " * 11
    assert found(true)
    if quality > 0.5:
        assert not found(false)


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_has_learned_nothing_doubts_no_text(seed):
    draw = np.random.default_rng(seed)
    emission = np.log(draw.dirichlet(np.ones(len(RUSSIAN.columns) + 2), 300)).astype(np.float32)
    text = prepare_text(Segment(0.0, 6.0, " ".join(SENTENCES)), RUSSIAN, "ru", 6.0)
    ((sentences,),) = align_text_groups([TextGroup([text], [Span(0.0, 6.0)])], [[emission]], RUSSIAN)
    assert [word.word for sentence in sentences for word in sentence.words] == " ".join(SENTENCES).split()


# --- holes


def test_a_letter_beyond_other_speech_comes_back_to_its_word():
    """The last letter is hardly heard in its own place, and a little better after speech without text."""
    emission, edges = sound_of(["погоду", "завтра обещают хорошую"], RUSSIAN)
    sound = TimedEmission.concatenate([Span(0.0, len(emission) * FRAME_S)], [emission], BLANK)
    columns = np.array([RUSSIAN.columns[letter] for letter in "погоду"])
    way = best_path(emission, columns.tolist(), BLANK)
    torn = AlignmentPath(columns, way.starts.copy(), way.ends.copy(), way.scores)
    torn.starts[-1] = len(emission) - 20
    torn.ends[-2:] = torn.starts[-1], torn.starts[-1] + 1

    mended = close_word_gaps(torn, [(0, len(columns))], sound)

    assert sound.starts_s[mended.starts[0]] == pytest.approx(edges[0][0])
    assert sound.ends_s[mended.ends[-1] - 1] <= edges[0][1] + 0.2


def test_a_word_that_is_slowly_said_stays():
    emission, _ = sound_of(["да"], RUSSIAN)
    silence = np.repeat(emission[:1], 40, axis=0)
    emission = np.concatenate([emission[:13], silence, emission[13:]])
    sound = TimedEmission.concatenate([Span(0.0, len(emission) * FRAME_S)], [emission], BLANK)
    columns = np.array([RUSSIAN.columns[letter] for letter in "да"])
    way = best_path(emission, columns.tolist(), BLANK)
    path = AlignmentPath(columns, way.starts, way.ends, way.scores)
    assert way.starts.tolist() == [10, 53]
    assert close_word_gaps(path, [(0, 1), (1, 2)], sound) is path
