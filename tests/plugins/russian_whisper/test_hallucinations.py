"""Hallucinated text, and real speech that resembles it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker_plugins.russian_whisper import hallucinations


@pytest.mark.parametrize(
    ("text", "repeats", "unit"),
    [
        ("Да.", 1, 1),
        ("", 1, 1),
        ("Да, да, да, понятно.", 3, 1),
        ("Я не знаю, я не знаю. Я не знаю!", 3, 3),
        ("Спасибо за просмотр. Спасибо за просмотр. Спасибо за", 2, 3),
        ("раз два три раз два три четыре", 2, 3),
        ("Всё. Все. Все.", 3, 1),
    ],
)
def test_the_longest_run_of_repeated_words_is_found(text, repeats, unit):
    found = hallucinations.find_loop(text)

    assert (found.repeats, found.unit if repeats > 1 else 1) == (repeats, unit)


@given(
    st.lists(st.sampled_from("абвгд"), max_size=6),
    st.lists(st.sampled_from("ежзий"), min_size=1, max_size=4, unique=True),
    st.integers(2, 30),
    st.lists(st.sampled_from("клмно"), max_size=6),
)
def test_a_loop_without_its_surplus_occurs_one_time(before, unit, repeats, after):
    words = [*before, *unit * repeats, *after]

    found = hallucinations.find_loop(" ".join(words))

    left = [word for index, word in enumerate(words) if index not in found.surplus]
    if len(unit) * (repeats - 1) > 6:
        assert (found.repeats, found.unit) == (repeats, len(unit))
        assert left == [*before, *unit, *after]


@pytest.mark.parametrize(
    ("text", "speech_s", "left"),
    [
        ("Да, да, да, да, да, да, да, да.", 2.0, 8),
        ("Алло! Алло! Алло! Алло! Алло! Алло!", 3.0, 6),
        ("Алло! Алло! Алло! Алло! Алло! Алло!", 0.5, 1),
        ("Раз, раз, раз, раз, раз, раз, раз, раз, раз.", 4.0, 9),
        ("спасибо " * 40, 25.0, 1),
        ("Понятно. " + "Да, да, да, да, да, да, да, да, да, да, да, да.", 0.8, 3),
        ("Я не знаю, я не знаю, я не знаю.", 2.0, 9),
        ("Добрый день, это Анна из отдела продаж.", 0.3, 7),
    ],
)
def test_of_a_repetition_stays_what_a_person_can_say_in_that_time(text, speech_s, left):
    assert sum(hallucinations.fitting_words(text, speech_s)) == left


@given(st.lists(st.sampled_from(["да", "нет", "ну", "алло", "кто это"]), max_size=60), st.floats(0, 30))
def test_some_of_every_different_word_stays(words, speech_s):
    text = " ".join(words)
    stays = hallucinations.fitting_words(text, speech_s)

    assert {word for word, stay in zip(text.split(), stays, strict=True) if stay} == set(text.split())


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("Анна Сергеевна, Иван Петрович.", "Звонок: Анна Сергеевна, Иван Петрович", True),
        ("анна сергеевна иван петрович", "Анна Сергеевна, Иван Петрович!", True),
        ("Анна Сергеевна слушает.", "Анна Сергеевна, Иван Петрович", False),
        ("Анна.", "Анна Сергеевна", False),
        ("", "Анна", False),
        ("на Сергеевна", "Анна Сергеевна", False),
    ],
)
def test_an_echo_is_two_words_or_more_of_the_prompt(text, given, expected):
    assert hallucinations.is_prompt_echo(text, given) is expected


@pytest.mark.parametrize(
    ("text", "speech_s", "expected"),
    [
        ("Субтитры сделал DimaTorzok", 5.0, True),
        ("Субтитры создавал DimaTorzok", 5.0, True),
        ("Редактор субтитров А.Семкин Корректор А.Егорова", 5.0, True),
        ("Subtitles by the Amara.org community", 5.0, True),
        ("ТРЕВОЖНАЯ МУЗЫКА", 5.0, True),
        ("АПЛОДИСМЕНТЫ", 5.0, True),
        ("[музыка]", 5.0, True),
        ("Продолжение следует...", 0.4, True),
        ("Продолжение следует.", 1.6, False),
        ("Спасибо за внимание!", 1.5, False),
        ("Да.", 0.4, False),
        ("МЧС", 0.4, False),
        ("Включите, пожалуйста, субтитры.", 2.0, False),
        ("Мы сделали субтитры к фильму.", 2.0, False),
        ("Тревожная музыка была в этой сцене.", 2.0, False),
        ("Редактор субтитров работает у нас с марта и всем доволен.", 3.0, False),
    ],
)
def test_phrases_that_models_invent_are_known_only_as_whole_texts(text, speech_s, expected):
    assert hallucinations.is_invented_phrase(text, speech_s) is expected
