"""Words with other spoken forms than their letters, and their times."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.plugins.wav2vec2_alignment.alignment_emissions import ENGLISH, FRAME_S, RUSSIAN_WITH_YO, spoken_emission
from whisperx_worker import Segment, Span
from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import accept, concatenate, lattice_arcs, union
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.words import verbalise

ALPHABETS = {"ru": RUSSIAN_WITH_YO, "uk": RUSSIAN_WITH_YO, "en": ENGLISH, "de": ENGLISH}


def spoken_forms(verbalisation):
    """Return all texts of a verbalisation."""
    arcs, last = lattice_arcs(verbalisation)
    found = {0: {""}}
    for begin, end, text in arcs:
        found.setdefault(end, set()).update(before + text for before in found.get(begin, ()))
    return found[last]


def words_of(written, spoken, language):
    """Align written words with emissions of spoken ones, and return them with the true times."""
    alphabet = ALPHABETS[language]
    emission, edges = spoken_emission(spoken, alphabet)
    span = Span(0.0, len(emission) * FRAME_S)
    text = prepare_text(Segment(span.start, span.end, " ".join(written)), alphabet, language, span.end)
    ((sentences,),) = align_text_groups([TextGroup([text], [span])], [[emission]], alphabet)
    return [word for sentence in sentences for word in sentence.words], edges


RUSSIAN_PAIRS = [
    ("894946.", "восемь девятьсот сорок девять четыре шесть"),
    ("894946.", "восемьсот девяносто четыре тысячи девятьсот сорок шесть"),
    ("1015", "десять пятнадцать"),
    ("14400", "четырнадцать тысяч четыреста"),
    ("200", "двухсот"),
    ("25", "двадцатью пятью"),
    ("2025", "две тысячи двадцать пятого"),
    ("2025", "двадцать двадцать пять"),
    ("1000", "тысяча"),
    ("007", "ноль ноль семь"),
    ("10:15", "десять пятнадцать"),
    ("10:15", "десять часов пятнадцать минут"),
    ("3,5", "три целых пять десятых"),
    ("3,5", "три с половиной"),
    ("1,5", "полтора"),
    ("0.25", "ноль целых двадцать пять сотых"),
    ("12.05.2025", "двенадцатое мая две тысячи двадцать пятого года"),
    ("12.05", "двенадцатого ноль пятого"),
    ("1-й", "первый"),
    ("2-го", "второго"),
    ("90-х", "девяностых"),
    ("10-летний", "десятилетний"),
    ("7%", "семь процентов"),
    ("50₽", "пятьдесят рублей"),
    ("$5", "пять долларов"),
    ("$5.50", "пять долларов пятьдесят центов"),
    ("№5", "номер пять"),
    ("№", "номер"),
    ("+7", "плюс семь"),
    ("-5", "минус пять"),
    ("5–7", "пять семь"),
    ("5-7", "пяти до семи"),
    ("123-45-67", "сто двадцать три сорок пять шестьдесят семь"),
    ("(916)", "девятьсот шестнадцать"),
    ("89161234567", "восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь"),
    ("1.200.000", "один миллион двести тысяч"),
    ("IAX", "айэйикс"),
    ("Wi-Fi", "вайфай"),
    ("Asterisk", "астериск"),
    ("«Q»", "кью"),
    ("50/50", "пятьдесят на пятьдесят"),
]
ENGLISH_PAIRS = [
    ("1999", "nineteen ninety nine"),
    ("2025", "two thousand twenty five"),
    ("1015", "ten fifteen"),
    ("$3.50", "three dollars fifty"),
    ("$5", "five dollars"),
    ("£20", "twenty quid"),
    ("1,200", "one thousand two hundred"),
    ("3.14", "three point one four"),
    ("10:05", "ten oh five"),
    ("21st", "twenty first"),
    ("1980s", "nineteen eighties"),
    ("50%", "fifty percent"),
    ("100", "a hundred"),
    ("555-0142", "five five five oh one four two"),
    ("12/25/2024", "december twenty fifth twenty twenty four"),
    ("5-10", "five to ten"),
    ("#5", "number five"),
    ("2.5", "two and a half"),
]


@pytest.mark.parametrize(
    ("written", "spoken", "language"),
    [(*pair, "ru") for pair in RUSSIAN_PAIRS] + [(*pair, "en") for pair in ENGLISH_PAIRS],
)
def test_a_word_has_the_times_of_its_spoken_form(written, spoken, language):
    before, after = ("заказ", "готов") if language == "ru" else ("order", "ready")

    words, edges = words_of([before, written, after], [before, spoken, after], language)

    assert [word.word for word in words] == [before, written, after]
    for word, (start, end) in zip(words, edges, strict=True):
        assert word.start == pytest.approx(start, abs=0.021)
        assert word.end == pytest.approx(end, abs=0.061)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        (["14", "400", "рублей"], ["четырнадцать тысяч", "четыреста", "рублей"]),
        (["1", "250", "000", "штук"], ["миллион", "двести пятьдесят тысяч", "", "штук"]),
        (["5", "кг", "муки"], ["пять", "килограммов", "муки"]),
        (["2025", "г.", "был"], ["две тысячи двадцать пятый", "год", "был"]),
        (
            ["8", "(916)", "123-45-67"],
            ["восемь", "девятьсот шестнадцать", "сто двадцать три сорок пять шестьдесят семь"],
        ),
        (["5", "—", "7", "дней"], ["пять", "", "семь", "дней"]),
        (["5", "—", "7", "дней"], ["пять", "до", "семь", "дней"]),
    ],
)
def test_each_word_of_a_number_has_its_part_of_the_times(written, spoken):
    words, edges = words_of(written, spoken, "ru")

    assert [word.word for word in words] == written
    for word, form, (start, end) in zip(words, spoken, edges, strict=True):
        if form:
            assert word.start == pytest.approx(start, abs=0.021)
            assert word.end == pytest.approx(end, abs=0.061)


def test_the_same_number_is_found_in_two_different_spoken_forms():
    words, edges = words_of(["1015", "или", "1015"], ["десять пятнадцать", "или", "тысяча пятнадцать"], "ru")
    assert [word.start for word in words] == pytest.approx([start for start, _ in edges], abs=0.021)


@pytest.mark.parametrize(
    ("word", "language"),
    [("25", "cs"), ("25", "xx"), ("25", None), ("25", "en"), ("♪", "ru"), ("привет", "ru"), ("Ж", "ru")],
)
def test_a_word_that_is_spelled_or_unknown_has_no_verbalisation(word, language):
    assert verbalise([word], language, RUSSIAN_WITH_YO.letters) == [None]


def test_a_number_in_a_language_without_a_lexicon_has_the_librarys_names():
    (verbalisation,) = verbalise(["21"], "de", ENGLISH.letters)
    assert " einundzwanzig" in spoken_forms(verbalisation)


def test_verbalisations_are_joined_and_alternated():
    assert spoken_forms(concatenate(union(accept("а", "б"), accept("")), accept("в"))) == {"ав", "бв", "в"}


def test_a_text_without_digits_does_not_import_the_library_of_numbers():
    code = (
        "import sys; from whisperx_worker import Segment; "
        "from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet; "
        "from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text; "
        "prepare_text(Segment(0.0, 1.0, 'да'), Alphabet({'д': 2, 'а': 3}, 0, 1), 'ru', 1.0); "
        "sys.exit('num2words' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code.encode()], check=False).returncode == 0
