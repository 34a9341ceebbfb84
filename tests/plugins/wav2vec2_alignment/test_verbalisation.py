"""Words that are written otherwise than they are said: their times are those of what is said."""

from __future__ import annotations

import string
import subprocess
import sys

import numpy as np
import pytest

from tests.ctc_path import best_path
from whisperx_worker import Segment, Span
from whisperx_worker_plugins.wav2vec2_alignment.ctc.token_graph import TokenGraph
from whisperx_worker_plugins.wav2vec2_alignment.ctc.trellis import TOKEN_BONUS
from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet
from whisperx_worker_plugins.wav2vec2_alignment.text.text_graph import TextGraphBuilder, chain_graph
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import accept, concatenate, lattice_arcs, union
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.words import verbalise

BLANK, SEPARATOR = 0, 1
FRAME_S = 0.02
FRAMES_PER_LETTER = 3
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
RUSSIAN = Alphabet({letter: column for column, letter in enumerate(CYRILLIC, start=2)}, BLANK, SEPARATOR)
ENGLISH = Alphabet({letter: column for column, letter in enumerate(string.ascii_lowercase, start=2)}, BLANK, SEPARATOR)
ALPHABETS = {"ru": RUSSIAN, "uk": RUSSIAN, "en": ENGLISH, "de": ENGLISH}


def sound_of(said, alphabet):
    """Emissions in which words are said one after another, and the times of each."""
    columns, edges = [BLANK] * 10, []
    for word in said:
        first = len(columns)
        for part in word.split():
            for letter in part:
                columns += [alphabet.columns[letter]] + [BLANK] * (FRAMES_PER_LETTER - 1)
            columns += [SEPARATOR, BLANK]
        edges.append((first * FRAME_S, (len(columns) - 2) * FRAME_S))
        columns += [BLANK] * 4
    columns += [BLANK] * 10
    width = len(alphabet.columns) + 2
    emission = np.full((len(columns), width), np.log(0.1 / (width - 1)), dtype=np.float32)
    emission[np.arange(len(columns)), columns] = np.log(0.9)
    return emission, edges


def spoken_forms(verbalisation):
    """All texts of a verbalisation."""
    arcs, last = lattice_arcs(verbalisation)
    found = {0: {""}}
    for begin, end, text in arcs:
        found.setdefault(end, set()).update(before + text for before in found.get(begin, ()))
    return found[last]


def words_of(written, said, language):
    """Words with times of a text, in sound that has something said; and when each was said."""
    alphabet = ALPHABETS[language]
    emission, edges = sound_of(said, alphabet)
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
    ("written", "said", "language"),
    [(*pair, "ru") for pair in RUSSIAN_PAIRS] + [(*pair, "en") for pair in ENGLISH_PAIRS],
)
def test_a_word_has_the_times_of_what_is_said_for_it(written, said, language):
    before, after = ("заказ", "готов") if language == "ru" else ("order", "ready")

    words, edges = words_of([before, written, after], [before, said, after], language)

    assert [word.word for word in words] == [before, written, after]
    for word, (start, end) in zip(words, edges, strict=True):
        assert word.start == pytest.approx(start, abs=0.021)
        assert word.end == pytest.approx(end, abs=0.061)


@pytest.mark.parametrize(
    ("written", "said"),
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
def test_a_number_of_several_words_gives_each_its_part(written, said):
    words, edges = words_of(written, said, "ru")

    assert [word.word for word in words] == written
    for word, spoken, (start, end) in zip(words, said, edges, strict=True):
        if spoken:
            assert word.start == pytest.approx(start, abs=0.021)
            assert word.end == pytest.approx(end, abs=0.061)


def test_the_same_number_said_twice_is_found_in_both_ways_of_saying_it():
    words, edges = words_of(["1015", "или", "1015"], ["десять пятнадцать", "или", "тысяча пятнадцать"], "ru")
    assert [word.start for word in words] == pytest.approx([start for start, _ in edges], abs=0.021)


@pytest.mark.parametrize(
    ("word", "language"),
    [("25", "cs"), ("25", "xx"), ("25", None), ("25", "en"), ("♪", "ru"), ("привет", "ru"), ("Ж", "ru")],
)
def test_what_is_spelled_or_cannot_be_read_has_no_reading(word, language):
    assert verbalise([word], language, RUSSIAN.letters) == [None]


def test_a_number_in_a_language_without_tables_is_read_by_the_library():
    (reading,) = verbalise(["21"], "de", ENGLISH.letters)
    assert " einundzwanzig" in spoken_forms(reading)


def test_readings_are_put_together_from_alternatives():
    assert spoken_forms(concatenate(union(accept("а", "б"), accept("")), accept("в"))) == {"ав", "бв", "в"}


# --- the graph


def graph_of(*words):
    builder = TextGraphBuilder(RUSSIAN, SEPARATOR)
    for tokens, reading in words:
        builder.add_word(tokens, reading)
    return builder.build()


def letters(text):
    return [RUSSIAN.columns[letter] for letter in text]


def all_paths(graph):
    """Columns of every way through a graph."""
    ways = {-1: [[]]}
    for token, column in enumerate(graph.columns.tolist()):
        before = graph.predecessors.get(token, (token - 1,))
        ways[token] = [[*way, column] for one in before for way in ways[one]]
    return {
        "".join("|" if c == SEPARATOR else CYRILLIC[c - 2] for c in way) for end in graph.final for way in ways[end]
    }


def test_a_graph_has_a_path_for_each_reading_and_no_other():
    spelling = graph_of(
        (letters("дом"), None), ([], accept(" пять", " пяти", "")), ([], None), ([], concatenate(accept("", " минус"), accept(" сто"))),
    )  # fmt: skip
    assert all_paths(spelling.graph) == {
        "дом|сто", "дом|минус|сто", "дом|пять|сто", "дом|пять|минус|сто", "дом|пяти|сто", "дом|пяти|минус|сто",
    }  # fmt: skip


@pytest.mark.parametrize("separator", [SEPARATOR, None])
def test_words_without_readings_are_the_same_chain_made_quickly(separator):
    words = [[], letters("да"), [], letters("нет"), letters("а"), []]
    builder = TextGraphBuilder(RUSSIAN, separator)
    for tokens in words:
        builder.add_word(tokens, None)
    slow, quick = builder.build(), chain_graph(words, separator)
    assert quick.graph.columns.tolist() == slow.graph.columns.tolist()
    assert quick.owners.tolist() == slow.owners.tolist()
    assert (quick.graph.predecessors, quick.graph.final) == (slow.graph.predecessors, slow.graph.final)


def test_a_graph_that_begins_with_a_reading_has_no_separator_before_it():
    assert all_paths(graph_of(([], accept(" раз", " два")), (letters("да"), None)).graph) == {"раз|да", "два|да"}


def test_readings_that_begin_alike_share_their_letters():
    spelling = graph_of(([], accept(" двадцать", " двадцати", " двадцатью")))
    assert len(spelling.graph.columns) == len("двадцат") + len("ь") + len("и") + len("ю")


@pytest.mark.parametrize("seed", range(30))
def test_the_best_path_through_a_graph_is_the_best_of_all_its_chains(seed):
    draw = np.random.default_rng(seed)
    emission = np.log(draw.dirichlet(np.ones(6), 14)).astype(np.float32)
    # (1 or 2 3), then 4 or nothing, then 5
    graph = TokenGraph(np.array([1, 2, 3, 4, 5]), {1: (-1,), 3: (0, 2), 4: (0, 2, 3)}, (4,))
    chains = [[1, 4, 5], [2, 3, 4, 5], [1, 5], [2, 3, 5]]

    def score(columns, starts, end):
        entered = sum(emission[s, c] - emission[s, 0] + TOKEN_BONUS for s, c in zip(starts, columns, strict=True))
        return emission[:end, 0].sum() + entered

    path = best_path(emission, graph, blank=0)

    found = score(graph.columns[path.tokens], path.starts, path.ends[-1])
    alone = [(chain, best_path(emission, chain, blank=0)) for chain in chains]
    assert graph.columns[path.tokens].tolist() in chains
    assert found == pytest.approx(max(score(chain, one.starts, one.ends[-1]) for chain, one in alone), abs=1e-4)


def test_a_text_without_digits_does_not_import_the_library_of_numbers():
    code = (
        "import sys; from whisperx_worker import Segment; "
        "from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet; "
        "from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text; "
        "prepare_text(Segment(0.0, 1.0, 'да'), Alphabet({'д': 2, 'а': 3}, 0, 1), 'ru', 1.0); "
        "sys.exit('num2words' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code.encode()], check=False).returncode == 0
