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
    ("text", "speech_s", "expected"),
    [
        ("Да, да, да, да, да, да, да, да.", 2.0, False),
        ("Алло! Алло! Алло! Алло! Алло! Алло!", 3.0, False),
        ("Алло! Алло! Алло! Алло! Алло! Алло!", 0.5, True),
        ("Раз, раз, раз, раз, раз, раз, раз, раз, раз.", 4.0, False),
        ("спасибо " * 40, 25.0, True),
        ("Я не знаю, я не знаю, я не знаю.", 2.0, False),
        ("Добрый день, это Анна из отдела продаж.", 0.3, False),
    ],
)
def test_a_loop_is_impossible_when_it_is_too_fast_for_a_person(text, speech_s, expected):
    assert hallucinations.is_impossible_loop(hallucinations.find_loop(text), text, speech_s) is expected


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
    ("text", "speech_s", "why"),
    [
        ("Субтитры сделал DimaTorzok", 5.0, "these are credits of subtitles"),
        ("Субтитры создавал DimaTorzok", 5.0, "these are credits of subtitles"),
        ("Редактор субтитров А.Семкин Корректор А.Егорова", 5.0, "these are credits of subtitles"),
        ("Subtitles by the Amara.org community", 5.0, "these are credits of subtitles"),
        ("Продолжение следует...", 0.4, "models invent this phrase, and there is too little speech for it"),
        ("Продолжение следует.", 1.6, None),
        ("Спасибо за внимание!", 1.5, None),
        ("Да.", 0.4, None),
        ("Да.", 0.0, "nobody speaks there"),
        ("Дмитрий хотите заказать вокзал завтра", 0.02, "there is too little speech for so much text"),
        ("Включите, пожалуйста, субтитры.", 2.0, None),
        ("Мы сделали субтитры к фильму.", 2.0, None),
    ],
)
def test_hallucinations_are_removed_and_real_speech_that_resembles_them_is_kept(text, speech_s, why):
    assert hallucinations.hallucination_reason(text, speech_s) == why
