import pytest
from num2words import num2words

from whisperx_worker_plugins._shared.russian_numerals import Numeral, normalised, numeral_at, numerals, ordinal_ending

NUMBERS = [*range(1, 1_000), *range(1_000, 10_000, 37), *range(10_000, 10**6, 9_973), 10**6, 123_456_789, 5 * 10**9]
ROUND = {1_000 * count for count in range(1, 11)} | {10**6, 10**9}


def words_of(text):
    return normalised(text).split()


def values(text):
    return [found.value for found in numerals(words_of(text))]


@pytest.mark.parametrize("gender", list("mfn"))
# In the accusative num2words mixes cases: "двух тысячи".
@pytest.mark.parametrize("case", list("ngdip"))
def test_a_cardinal_is_understood_in_every_case_and_gender(case, gender):
    spoken = {number: num2words(number, lang="ru", case=case, gender=gender) for number in [0, *NUMBERS]}
    assert {number: values(text) for number, text in spoken.items() if values(text) != [number]} == {}


@pytest.mark.parametrize("gender", list("mfn"))
@pytest.mark.parametrize("case", list("ngdaip"))
def test_an_ordinal_is_understood_in_every_case_and_gender(case, gender):
    # num2words spells larger ones wrongly: "девятнадцатый тысяч девятьсот семьдесят третий".
    numbers = [*(number for number in NUMBERS if number < 10_000), *ROUND]
    spoken = {number: num2words(number, lang="ru", case=case, gender=gender, to="ordinal") for number in numbers}
    found = {number: list(numerals(words_of(text))) for number, text in spoken.items()}
    wrong = {number for number, all_ in found.items() if [(n.value, n.is_ordinal) for n in all_] != [(number, True)]}
    assert wrong == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("восемь девятьсот шестнадцать сто двадцать три сорок пять", [8, 916, 123, 45]),
        ("двадцать тридцать", [20, 30]),
        ("двадцать десять", [20, 10]),
        ("ноль пять", [0, 5]),
        ("двадцать ноль", [20, 0]),
        ("двадцати пять", [20, 5]),
        ("двадцати пяти", [25]),
        ("пять десятых", [5, 10]),
        ("двадцати третьего", [20, 3]),
        ("двадцать третьего", [23]),
        ("тысяча девятьсот", [1900]),
        ("два миллиона тысяча", [2_001_000]),
        ("пять тысяча", [5, 1000]),
        ("тысяча миллионов", [1000]),
        ("тысяча миллион", [1000, 10**6]),
        ("ноль тысяча", [0, 1000]),
        ("тысячи людей и миллионы рублей", []),
        ("5 тысяч двести", [5200]),
        ("5 тысяч", [5000]),
        ("5 двести", [200]),
        ("2023 тысяч", []),
        ("дом пять и шесть", [5, 6]),
        ("", []),
    ],
)
def test_numerals_in_a_row_are_told_apart(text, expected):
    assert values(text) == expected


def test_a_numeral_knows_its_words():
    words = words_of("это двадцать пятое мая")
    assert numeral_at(words, 1, 4) == Numeral(1, 3, 25, is_ordinal=True, ending="е")
    assert numeral_at(words, 1, 2) == Numeral(1, 2, 20)
    assert numeral_at(words, 0, 4) is None


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("третий", "й"), ("пятый", "й"), ("второй", "й"), ("пятая", "я"), ("третья", "я"), ("пятое", "е"),
        ("третье", "е"), ("пятые", "е"), ("третьи", "и"), ("пятого", "го"), ("третьего", "го"), ("пятому", "му"),
        ("пятым", "м"), ("пятом", "м"), ("третьем", "м"), ("пятую", "ю"), ("третью", "ю"), ("пятой", "й"),
        ("пятых", "х"), ("пятыми", "ми"),
    ],
)  # fmt: skip
def test_an_ordinal_in_digits_has_one_letter_after_a_vowel_and_two_after_a_consonant(word, ending):
    assert ordinal_ending(word) == ending
