"""Terms put into text and words, and everything that stays as it was."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.vocabulary.misrecognitions import ordinary_segments, read_cases, terms_of, with_terms
from whisperx_worker import BadInputError, Segment, Transcript, Word
from whisperx_worker.testing import load_plugin, make_job, make_transcript, run_chain
from whisperx_worker_plugins import vocabulary

HOST = load_plugin(vocabulary, name="vocabulary")
BITRIX = {"term": "Битрикс24"}
CASES = read_cases("misrecognitions.txt")


def run(transcript, *terms, **fields):
    job = make_job(HOST, plugins={"vocabulary": {"terms": list(terms)}}, **fields)
    return run_chain(HOST, "post_align", transcript, job), job


def text_of(text, *terms, avg_logprob=-0.3):
    changed, _ = run(Transcript((Segment(0, 1, text, avg_logprob=avg_logprob),), "ru"), *terms)
    return changed.segments[0].text


def bare(transcript):
    """A transcript without extra data, after a look at it."""
    for word in (word for segment in transcript.segments for word in segment.words):
        assert word.extra.keys() <= {"vocabulary"}
        assert not word.extra or 0 <= word.extra["vocabulary"]["distance"] < 1
    return replace(
        transcript,
        segments=tuple(
            replace(one, words=tuple(replace(word, extra={}) for word in one.words)) for one in transcript.segments
        ),
    )


def test_the_plugin_has_these_hooks():
    assert sorted(HOST.records[0].hooks) == ["post_align", "register_options", "register_plugin"]


@pytest.mark.parametrize("plugins", [{}, {"vocabulary": {}}, {"vocabulary": {"terms": []}}], ids=str)
def test_without_terms_the_transcript_stays_the_same_object(plugins):
    transcript = make_transcript("Работаем в битрексе.")
    assert run_chain(HOST, "post_align", transcript, make_job(HOST, plugins=plugins)) is transcript


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (["а б в г д"], "must be one to 4 words with a letter in them"),
        (["24"], "must be one to 4 words with a letter in them"),
        ([{"term": "Jira", "sounds_like": ["1 2"]}], "must be one to 4 words with a letter in them"),
        (["!"], "must be one to 4 words with a letter in them, up to 80 characters"),
        ([{"name": "Jira"}], "term"),
        ([f"терм{chr(1072 + i % 32)}{i}" for i in range(1_001)], "1000"),
    ],
)
def test_terms_that_cannot_be_used_are_refused(terms, sentence):
    with pytest.raises(BadInputError, match=sentence):
        make_job(HOST, plugins={"vocabulary": {"terms": terms}})


def test_text_and_words_change_together_and_the_words_share_the_time_by_letters():
    words = tuple(Word(word, i, i + 1.0, 0.9) for i, word in enumerate(["Я", "в", "леруа", "мирлен,", "а", "ты?"]))
    segment = Segment(0, 6, "Я в леруа мирлен, а ты?", words, avg_logprob=-0.3)

    changed, job = run(Transcript((segment,), "ru"), "Леруа Мерлен")

    assert changed.segments[0].text == "Я в Леруа Мерлен, а ты?"
    assert bare(changed).segments[0].words == (
        *words[:2],
        Word("Леруа", 2, 2.833),
        Word("Мерлен,", 2.833, 4.0),
        *words[4:],
    )
    assert job.warnings == ()


def test_words_that_become_one_have_the_time_from_the_first_to_the_last():
    words = tuple(Word(word, i, i + 0.5, 0.9) for i, word in enumerate(["«Битрекс", "двадцать", "четыре»."]))
    segment = Segment(0, 3, "«Битрекс двадцать четыре».", words)
    changed, _ = run(Transcript((segment,), "ru"), BITRIX)
    assert bare(changed).segments == (Segment(0, 3, "«Битрикс24».", (Word("«Битрикс24».", 0, 2.5),)),)


def test_words_without_times_become_words_without_times():
    segment = Segment(0, 3, "вай тенк", (Word("вай"), Word("тенк", 1.0, 2.0)))
    changed, _ = run(Transcript((segment,), "ru"), "Вайтенк")
    assert bare(changed).segments[0].words == (Word("Вайтенк"),)


def test_a_segment_with_other_words_than_its_text_is_left_alone():
    segment = Segment(0, 3, "Это битрекс.", (Word("битрекс", 0.0, 1.0),))
    assert run(Transcript((segment,), "ru"), "Битрикс")[0].segments == (segment,)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("Настрою в битрексе.", "Настрою в Битриксе."),
        ("Нет битрекса!", "Нет Битрикса!"),
        ("Доволен битрексом", "Доволен Битриксом"),
        ("Без битрексов", "Без битрексов"),
    ],
)
def test_a_term_keeps_the_case_that_was_spoken_and_has_no_invented_one(text, changed):
    assert text_of(text, "Битрикс") == changed


@pytest.mark.parametrize("text", ["Задача в джире.", "Задача из джиры.", "Вижу джиру."])
def test_a_latin_term_is_written_in_one_form(text):
    assert text_of(text, "Jira").split()[-1] == "Jira."


def test_a_term_is_put_in_as_the_customer_says_it_sounds():
    said = {"term": "Nginx", "sounds_like": ["энджин икс"]}
    assert text_of("Перезапустите энджин экс.", said) == "Перезапустите Nginx."
    assert text_of("Перезапустите энджин экс.", "Nginx") == "Перезапустите энджин экс."


def test_the_longer_term_is_preferred():
    assert text_of("Ведём в битрикс двадцать четыре.", "Битрикс", BITRIX) == "Ведём в Битрикс24."


def test_a_term_does_not_go_over_the_end_of_a_sentence():
    assert text_of("Купил вай. Тенк сломан.", "Вайтенк") == "Купил вай. Тенк сломан."


@pytest.mark.parametrize("term", ["У! Вкусно", "Тон & Ко", "Иванов, Петров", "C++", "-Зефир-"])
def test_a_term_with_punctuation_is_left_alone_where_it_is_written(term):
    assert text_of(f"Это {term} и всё.", term) == f"Это {term} и всё."


def test_capitals_of_a_written_term_are_mended_but_not_those_of_a_usual_word():
    assert text_of("Есть яндекс директ и лента.", "Яндекс Директ", "Лента") == "Есть Яндекс Директ и лента."


@pytest.mark.parametrize(
    ("avg_logprob", "changed"), [(-0.1, "Вас слушает каминская."), (-0.4, "Вас слушает Каменская.")]
)
def test_a_usual_word_that_was_read_with_certainty_is_never_replaced(avg_logprob, changed):
    assert text_of("Вас слушает каминская.", "Каменская", avg_logprob=avg_logprob) == changed


@pytest.mark.parametrize(
    ("score", "align_output", "changed"),
    [
        (0.95, False, "каминская"),
        (0.6, False, "Каменская"),
        (0.95, True, "Каменская"),
        (0.6, True, "Каменская"),
    ],
)
def test_a_high_score_of_alignment_is_no_certainty_of_the_recogniser(score, align_output, changed):
    segment = Segment(0, 1, "каминская", (Word("каминская", 0.0, 1.0, score),), avg_logprob=-0.4)
    after, _ = run(Transcript((segment,), "ru"), "Каменская", align_output=align_output)
    assert after.segments[0].text == changed


@pytest.mark.parametrize(("language", "task"), [("en", "transcribe"), ("ru", "translate")])
def test_other_languages_and_translations_stay_as_they_are_with_a_warning_that_is_no_loss(language, task):
    transcript = replace(make_transcript("Работаем в битрексе."), language=language)
    changed, job = run(transcript, "Битрикс", task=task, strict=True)
    assert changed == transcript
    assert [str(warning) for warning in job.warnings] == [
        "vocabulary: terms are put into Russian text only, and this text is in another language"
    ]


def test_the_log_has_the_number_of_replacements_and_no_word_of_them(caplog):
    with caplog.at_level(logging.INFO):
        text_of("Работаем в битрексе.", "Битрикс", "Ситилинк")
    assert [record.message for record in caplog.records] == ["terms put in: 1 of 2, places: 1, farthest sound: 0.02"]


def test_terms_that_sound_like_nothing_there_change_nothing():
    segments = ordinary_segments()[:200]
    assert with_terms(segments, ["Щукинбургский", "Ыгдыгыр", "Цхалтубоэкспорт"]) == [one.text for one in segments]


WORDS = (
    "мы", "ведём", "сделки", "в", "битрексе", "а", "джира", "ещё", "не", "кубер", "нетис", "двадцать", "четыре",
    "красной", "паляне", "тинькоф", "Битрикс24", "Ситилинке",
)  # fmt: skip
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(["", "", "", ",", ".", "?", "»"])).map("".join), max_size=12
).map(" ".join)
SCORES = st.one_of(st.none(), st.floats(-2.0, 0.0))


@given(TEXTS, SCORES)
def test_putting_terms_in_a_second_time_changes_nothing(text, avg_logprob):
    terms = terms_of(CASES)
    once = text_of(text, *terms, avg_logprob=avg_logprob)
    assert text_of(once, *terms, avg_logprob=avg_logprob) == once


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_words_stay_those_of_the_text_in_their_order_and_inside_their_segment(texts):
    transcript = make_transcript(*texts)
    changed, _ = run(transcript, *terms_of(CASES))
    for before, after in zip(transcript.segments, changed.segments, strict=True):
        assert [word.word for word in after.words] == after.text.split()
        times = [time for word in after.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert (before.start, before.end) == (after.start, after.end)
        kept = [word for word in before.words if word in after.words]
        assert kept == [word for word in after.words if word in before.words]
