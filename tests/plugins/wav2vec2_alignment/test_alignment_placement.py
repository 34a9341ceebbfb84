"""Texts in the audio of their group, present or absent."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plugins.wav2vec2_alignment.alignment_emissions import (
    BLANK,
    FRAME_S,
    RUSSIAN_WITH_YO,
    SEPARATOR,
    best_path,
    spoken_emission,
)
from whisperx_worker import Segment, Span
from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import TimedEmission
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text
from whisperx_worker_plugins.wav2vec2_alignment.utterance_verification import AlignmentPath, is_text_present

SENTENCES = ["доброе утро коллеги", "сегодня хорошая погода", "позвоните мне вечером"]
OTHER = "шкаф фиолетовых щипцов"


def aligned(texts, spoken, shifts=None):
    """Align texts with emissions of spoken words, and return their sentences and true times.

    The segments of the texts have the true times, each with its shift.
    """
    emission, edges = spoken_emission(spoken, RUSSIAN_WITH_YO)
    duration_s = len(emission) * FRAME_S
    shifts = shifts or [0.0] * len(texts)
    prepared = [
        prepare_text(Segment(max(0.0, a + shift), b + shift, text), RUSSIAN_WITH_YO, "ru", duration_s)
        for text, (a, b), shift in zip(texts, edges, shifts, strict=True)
    ]
    (found,) = align_text_groups([TextGroup(prepared, [Span(0.0, duration_s)])], [[emission]], RUSSIAN_WITH_YO)
    return found, edges


def assert_is_at(sentences, edges):
    (segment,) = sentences
    assert (segment.start, segment.end) == pytest.approx(edges, abs=0.061)
    assert (segment.words[0].start, segment.words[-1].end) == (segment.start, segment.end)


@pytest.mark.parametrize("shift", [-1.3, -0.6, 0.6, 1.3])
def test_the_place_of_a_text_is_that_of_its_words_and_not_of_its_segment(shift):
    found, edges = aligned(SENTENCES, SENTENCES, [0.0, shift, -shift])
    for sentences, text_edges in zip(found, edges, strict=True):
        assert_is_at(sentences, text_edges)


@pytest.mark.parametrize("place", range(3))
def test_an_absent_text_has_no_words_and_does_not_move_its_neighbours(place):
    texts = [OTHER if number == place else text for number, text in enumerate(SENTENCES)]

    found, edges = aligned(texts, SENTENCES)

    assert isinstance(found[place], UnalignableError)
    assert str(found[place]) == "its words were not found in the sound"
    for number, sentences in enumerate(found):
        if number != place:
            assert_is_at(sentences, edges[number])


def test_several_absent_texts_do_not_move_the_others():
    found, edges = aligned([OTHER, SENTENCES[1], OTHER], SENTENCES)
    assert [isinstance(one, UnalignableError) for one in found] == [True, False, True]
    assert_is_at(found[1], edges[1])


def test_a_short_text_is_not_verified():
    ((segment,),), _ = aligned(["ещё бы"], ["позвоните мне"])
    assert [word.word for word in segment.words] == ["ещё", "бы"]
    assert all(word.start < word.end for word in segment.words)


@pytest.mark.parametrize("quality", [0.15, 0.3, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_a_true_text_is_found_with_a_weak_model_too(quality, seed):
    """Part of each probability goes to other columns, which leaves the verdict on a false text open."""
    draw = np.random.default_rng(seed)
    clean, _ = spoken_emission(SENTENCES, RUSSIAN_WITH_YO)
    noise = draw.dirichlet(np.full(clean.shape[1], 0.3), len(clean))
    emission = np.log(quality * np.exp(clean) + (1 - quality) * noise).astype(np.float32)
    timed = TimedEmission.concatenate([Span(0.0, len(emission) * FRAME_S)], [emission], BLANK)

    def is_present(text):
        columns = [RUSSIAN_WITH_YO.columns.get(letter, SEPARATOR) for letter in text]
        path = best_path(emission, columns, BLANK)
        return is_text_present(
            AlignmentPath(np.array(columns), path.starts, path.ends, path.scores), timed, 0, len(emission), SEPARATOR
        )

    true, false = " ".join(SENTENCES), "щука " * 11
    assert is_present(true)
    if quality > 0.5:
        assert not is_present(false)


@pytest.mark.parametrize("seed", range(5))
def test_an_untrained_model_rejects_no_text(seed):
    draw = np.random.default_rng(seed)
    emission = np.log(draw.dirichlet(np.ones(len(RUSSIAN_WITH_YO.columns) + 2), 300)).astype(np.float32)
    text = prepare_text(Segment(0.0, 6.0, " ".join(SENTENCES)), RUSSIAN_WITH_YO, "ru", 6.0)
    ((sentences,),) = align_text_groups([TextGroup([text], [Span(0.0, 6.0)])], [[emission]], RUSSIAN_WITH_YO)
    assert [word.word for sentence in sentences for word in sentence.words] == " ".join(SENTENCES).split()
