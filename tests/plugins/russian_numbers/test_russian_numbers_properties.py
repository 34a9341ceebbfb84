"""Whatever is spoken: no word is lost, numbers say what was spoken, and times stay in order."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from whisperx_worker import Segment, Transcript, Word
from whisperx_worker.testing import load_plugin, make_job, run_chain
from whisperx_worker_plugins import russian_numbers
from whisperx_worker_plugins._shared.russian_numerals import FORMS, normalised
from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.writing import number_edits, write_numbers

FILLERS = ["значит", "мы", "купили", "вчера", "стол", "Москва", "ещё", "ладно", "зелёный", "говорит", "потом"]
OTHERS = [
    *FILLERS, "в", "без", "до", "и", "с", "половиной", "целых", "плюс", "минус", "мая", "года", "году", "рублей", "копеек",
    "процентов", "процента", "минут", "часов", "утра", "номер", "телефон", "код", "счёт", "дом", "квартира", "этаж",
    "век", "лет", "раз", "пол", "полдевятого", "половина", "четверть", "запятая", "полтора", "карта", "паспорт", "-", "—",
    "температура", "градусов", "километров", "тысяч", "нуля", "5", "25", "100", "8:30", "числа", "человек", "дробь",
]  # fmt: skip
SIGNS = ["", "", "", "", ",", ".", "!", "…"]
DROPPED = vocab.PERCENT | vocab.MINUTES | {
    "плюс", "без", "четверти", "четверть", "половина", "пол", "с", "половиной", "и", "целых", "запятая", "час",
    "полтора", "полдевятого",
}  # fmt: skip
"""Words beside numerals that a written number takes the place of: "%" and ":"."""
ROUND = {100, 1_000, *(1_000 * count for count in range(10, 1_001))}

fillers = st.sampled_from(FILLERS)
numbers = st.one_of(st.integers(10, 999), st.integers(1_001, 999_999))
cases = st.sampled_from("ngdip")
genders = st.sampled_from("mfn")
spoken_cardinals = st.tuples(numbers, cases, genders).map(
    lambda spoken: (spoken[0], num2words(spoken[0], lang="ru", case=spoken[1], gender=spoken[2]), "")
)
spoken_ordinals = st.tuples(st.integers(10, 2_999).filter(lambda number: number not in ROUND), cases, genders).map(
    lambda spoken: (
        spoken[0],
        num2words(spoken[0], lang="ru", case=spoken[1], gender=spoken[2], to="ordinal"),
        "-",
    )
)
COMMON = sorted(
    word for word, form in FORMS.items() if form.value <= 1_000 and not form.is_ordinal and not form.is_oblique
)
any_words = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(COMMON), st.sampled_from(sorted(FORMS)), st.sampled_from(OTHERS)),
        st.sampled_from(SIGNS),
    ).map("".join),
    max_size=12,
)


@pytest.fixture(scope="module")
def host():
    return load_plugin(russian_numbers, name="russian_numbers")


@given(st.lists(st.tuples(fillers, st.one_of(spoken_cardinals, spoken_ordinals)), max_size=6))
def test_a_number_says_what_was_spoken_and_all_other_words_stay(items):
    spoken = " ".join(f"{filler} {words}" for filler, (_, words, _) in items)
    written = re.sub(r"(?<=\d) (?=\d)", "", write_numbers(spoken)).split()
    assert written[::2] == [filler for filler, _ in items]
    assert [number.rstrip("йяеогмухиы") for number in written[1::2]] == [
        f"{number}{dash}" for _, (number, _, dash) in items
    ]


@given(st.lists(st.integers(0, 9), min_size=10, max_size=10), st.booleans())
def test_a_telephone_number_has_the_digits_that_were_dictated(digits, is_grouped):
    digits = [9, *digits[1:]]
    text = "".join(map(str, digits))
    parts = [text[:3], text[3:6], text[6:8], text[8:]] if is_grouped else list(text)
    zeros = [["0"] * (len(part) - len(part.lstrip("0"))) + [part.lstrip("0")] for part in parts]
    spoken = " ".join(num2words(int(part), lang="ru") for group in zeros for part in group if part)
    written = write_numbers(f"восемь {spoken}")
    assert re.sub(r"\D", "", written) == f"8{text}"
    assert re.fullmatch(r"8 \d{3} \d{3}-\d\d-\d\d", written)


@settings(max_examples=1_000)
@given(any_words, st.booleans())
def test_a_second_application_changes_nothing(words, currency_signs):
    once = write_numbers(" ".join(words), currency_signs=currency_signs)
    assert write_numbers(once, currency_signs=currency_signs) == once


@settings(max_examples=500)
@given(any_words)
def test_a_number_takes_the_place_of_words_of_numbers_only(words):
    sentence, edits = number_edits(words)
    replaced = {sentence.words[index] for edit in edits for index in range(edit.start, edit.end)}
    assert {word for word in replaced if word not in FORMS and word not in DROPPED and not word.isdecimal()} <= {""}
    assert all(before.end <= after.start for before, after in pairwise(edits))
    assert all(0 <= edit.start < edit.end <= len(words) for edit in edits)


@settings(max_examples=500)
@given(any_words, st.data())
def test_words_and_text_agree_and_times_stay_in_order_and_inside(host, words, data):
    times = sorted(data.draw(st.lists(st.floats(0, 60), min_size=2 * len(words), max_size=2 * len(words))))
    timed = tuple(Word(word, *times[2 * i : 2 * i + 2], 0.5) for i, word in enumerate(words))
    before = Segment(0.0, 60.0, " ".join(words), timed)

    job = make_job(host, plugins={"russian_numbers": {}})
    (after,) = run_chain(host, "post_align", Transcript((before,), "ru"), job).segments

    assert job.warnings == ()
    assert " ".join(word.word for word in after.words) == after.text
    edges = [time for word in after.words for time in (word.start, word.end)]
    assert edges == sorted(edges)
    assert set(edges) <= set(times)
    assert (edges[0], edges[-1]) == (times[0], times[-1]) if words else edges == []
    untouched = [word for word in before.words if normalised(word.word).strip(",.!…-—") in map(normalised, FILLERS)]
    assert [word for word in after.words if word in untouched] == untouched
