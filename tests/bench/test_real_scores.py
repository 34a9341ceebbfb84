"""Words, errors and intervals of the comparison on real voices, by literals."""

import pytest

from bench.real_conditions import Turn
from bench.real_scores import Errors, compare, difference, normalise, total


def turns(*texts, language="ru"):
    return [Turn(text, language, "one", float(place), place + 1.0) for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("Всё ЕЩЁ тут — по-прежнему!", "ru", "все еще тут по прежнему"),
        ("Нажмите 9, 500 и 28,8.", "ru", "нажмите девять пятьсот и двадцать восемь восемь"),
        ("Код 007", "ru", "код ноль ноль семь"),
        ("Code 42: don't", "en", "code forty two don't"),
        ("Номер 12345678901", "ru", "номер один два три четыре пять шесть семь восемь девять ноль один"),
        ("وَإذ أوحيت", "ar", "وإذ أوحيت"),
        ("40 сүз", "tt", "40 сүз"),
    ],
)
def test_a_text_is_normalised(text, language, words):
    assert normalise(text, language) == words.split()


def test_errors_belong_to_their_turns():
    found = compare(turns("раз два три", "четыре пять", "шесть"), "раз три четыре нет шесть семь", "ru")
    assert found == [Errors(3, 0, 1, 0), Errors(2, 1, 0, 0), Errors(1, 0, 0, 1)]


def test_an_empty_text_deletes_every_word():
    assert compare(turns("раз два", "три"), "...", "ru") == [Errors(2, 0, 2, 0), Errors(1, 0, 1, 0)]


def test_words_before_the_first_turn_are_insertions_of_it():
    assert compare(turns("раз"), "а вот раз", "ru") == [Errors(1, 0, 0, 2)]


def test_a_recording_without_turns_has_no_errors_of_turns():
    assert compare([], "продолжение следует", "ru") == []


@pytest.mark.parametrize("text", ["набрав 8500", "набрав восемь тысяч пятьсот", "набрав восемь пять ноль ноль"])
def test_a_number_may_be_spoken_as_one_or_digit_by_digit(text):
    assert total(compare(turns("Набрав 8500"), text, "ru")).wrong == 0


def test_a_wrong_number_is_an_error_in_words_or_digits():
    assert total(compare(turns("Нажмите 2"), "нажмите 3", "ru")) == Errors(2, 1, 0, 0)


def test_a_sum_of_errors_has_its_rate():
    assert total([Errors(3, 1, 0, 0), Errors(5, 0, 2, 1)]) == Errors(8, 1, 2, 1)
    assert Errors(8, 1, 2, 1).wer == 50.0
    assert Errors(0, 0, 0, 3).wer is None


def test_systems_with_the_same_errors_do_not_differ():
    same = [Errors(5, 1, 0, 0), Errors(4, 0, 2, 0)]
    assert str(difference(same, same, "ab")) == "+0.0 (+0.0 to +0.0)"


def test_a_constant_difference_has_an_interval_without_width():
    found = difference([Errors(10, 1, 0, 0)] * 9, [Errors(10, 3, 0, 0)] * 9, range(9))
    assert (found.value, found.low, found.high) == pytest.approx((-20.0, -20.0, -20.0))


def test_the_interval_is_that_of_the_binomial_distribution():
    """Of 400 turns of one word one system has 120 wrong and the other none: 30 % with a standard error of 2.29."""
    found = difference([Errors(1, place < 120, 0, 0) for place in range(400)], [Errors(1)] * 400, range(400))
    assert found.value == 30.0
    assert (found.low, found.high) == (
        pytest.approx(30 - 1.96 * 2.29, abs=0.5),
        pytest.approx(30 + 1.96 * 2.29, abs=0.5),
    )


def test_a_clip_under_several_conditions_is_drawn_as_one():
    """Repeating every turn under ten conditions brings no information, so the interval stays."""
    some, others = [Errors(1, place < 12, 0, 0) for place in range(40)], [Errors(1)] * 40
    once = difference(some, others, range(40))
    repeated = difference(some * 10, others * 10, [*range(40)] * 10)
    assert (repeated.low, repeated.high) == pytest.approx((once.low, once.high))
