import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker.evaluate.normaliser import normalise, tokens_of


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("Добрый ДЕНЬ, Анна!", "добрый день анна"),
        ("Ещё всё-таки", "еще все таки"),
        ("е\u0308лка, йод, и\u0306од", "елка йод йод"),
        ("за\u0301мок", "замок"),
        ("«Ах…» — сказал он.", "ах сказал он"),
        ("об'єкт don’t", "обєкт dont"),
        ("", ""),
        ("…!?", ""),
        ("А4, 5G", "а четыре пять g"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_case_punctuation_and_yo_do_not_count(text, normalised):
    assert normalise(text) == normalised


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("200", "двести"),
        ("200", "двухсот"),
        ("к 5", "к пяти"),
        ("5-го", "пятого"),
        ("90-х", "девяностых"),
        ("25 рублей", "двадцать пять рублей"),
        ("2020 году", "две тысячи двадцатом году"),
        ("14400", "четырнадцать тысяч четыреста"),
        ("14 400", "четырнадцать тысяч четыреста"),
        ("14 000 000", "четырнадцать миллионов"),
        ("14 тыс", "четырнадцать тысяч"),
        ("2 млн", "два миллиона"),
        ("1000", "тысяча"),
        ("1000", "одна тысяча"),
        ("21000", "двадцать одна тысяча"),
        ("8 949 4 6", "восемь девятьсот сорок девять четыре шесть"),
        ("818-58", "восемьсот восемнадцать пятьдесят восемь"),
        ("10:15", "десять пятнадцать"),
        ("007", "ноль ноль семь"),
        ("0", "нуль"),
        ("1234567890123456", "один два три четыре пять шесть семь восемь девять ноль один два три четыре пять шесть"),
    ],
)
def test_numbers_in_digits_are_numbers_in_words(digits, words):
    assert normalise(digits) == normalise(words)


def test_different_numbers_stay_different():
    numbers = [*range(1_200), 10_000, 21_000, 101_000, 10**6, 10**9]
    assert len({normalise(str(number)) for number in numbers}) == len(numbers)


def test_a_number_is_spelled_in_the_language_of_the_recording():
    assert normalise("200 Fragen", "de") == "zweihundert fragen"
    assert normalise("200", "xx") == "200"


def test_a_token_knows_the_written_word_that_it_comes_from():
    found = tokens_of(["—", "14", "400", "рублей", "кое-кто"])
    assert [(token.text, token.source) for token in found] == [
        ("четырнадцать", 1), ("тысяча", 1), ("четыреста", 1), ("рублей", 3), ("кое", 4), ("кто", 4),
    ]  # fmt: skip


NUMERALS = ["один", "одна", "тысяча", "тысяч", "двести", "5-го", "14", "400", "000", "0", "1000", "двадцать", "миллион"]
TEXTS = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(NUMERALS), max_size=8).map(" ".join))


@given(TEXTS, st.sampled_from(["ru", "en", "xx"]))
def test_normalising_again_changes_nothing(text, language):
    assert normalise(normalise(text, language), language) == normalise(text, language)


@given(st.lists(st.sampled_from([*"абвгдеёжзий", "Ё", "Й", " ", "7", "-"]), max_size=20).map("".join))
def test_the_case_and_the_composition_of_letters_do_not_count(text):
    assert normalise(text.upper()) == normalise(unicodedata.normalize("NFD", text)) == normalise(text)
