"""Alphabets, and the boundaries of words and sentences."""

from __future__ import annotations

import pytest

from tests.plugins.wav2vec2_alignment.alignment_emissions import RUSSIAN
from whisperx_worker_plugins._shared.text_boundaries import sentence_starts, word_spans
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import WILDCARD, Alphabet


def columns(word):
    return [RUSSIAN.columns[char] for char in word]


@pytest.mark.parametrize(
    ("word", "tokens"),
    [
        ("Да", columns("да")),
        ("«Да»,", columns("да")),
        ("—", []),
        ("...", []),
        ("ёж", columns("еж")),
        ("ЁЖ", columns("еж")),
        ("и\u0306од", columns("йод")),
        ("№5%", [WILDCARD] * 3),
        ("3,5", [WILDCARD] * 2),
        ("ok", [WILDCARD] * 2),
        ("как-то", columns("както")),
        ("♪", []),
        ("", []),
    ],
)
def test_tokens_are_the_spoken_characters(word, tokens):
    assert RUSSIAN.tokens(word) == tokens


def test_e_becomes_yo_where_the_alphabet_has_only_yo():
    assert Alphabet({"ё": 2}, blank=0, separator=1).tokens("её") == [2, 2]


def test_e_and_yo_stay_distinct_where_the_alphabet_has_both():
    assert Alphabet({"ё": 2, "е": 3}, blank=0, separator=1).tokens("ёе") == [2, 3]


def test_a_hyphen_of_the_alphabet_counts_inside_a_word_only():
    alphabet = Alphabet({"а": 2, "-": 3}, blank=0, separator=1)
    assert alphabet.tokens("-а-а-") == [2, 3, 2]
    assert alphabet.tokens("-") == []


def test_a_curly_apostrophe_is_the_straight_one_of_the_alphabet():
    assert Alphabet({"'": 2, "i": 3, "m": 4}, blank=0, separator=1).tokens("I’m") == [3, 2, 4]


def test_a_capital_that_becomes_two_characters_is_one_token():
    assert Alphabet({"i": 2, "l": 3}, blank=0, separator=1).tokens("İl") == [2, 3]


def test_an_alphabet_has_no_marks_and_no_columns_beyond_the_models():
    alphabet = Alphabet.of({"<pad>": 0, "|": 1, "А": 2, "<unk>": 3, "б": 9}, blank=0, width=4)
    assert alphabet == Alphabet({"а": 2}, blank=0, separator=1)


def test_the_blank_of_a_torchaudio_alphabet_is_no_hyphen():
    assert Alphabet.of({"-": 0, "|": 1, "E": 2}, blank=0, width=3).tokens("e-e") == [2, 2]


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("  Добрый\u00a0день,  мир ", "ru", ["Добрый", "день,", "мир"]),
        ("今日 は。", "ja", ["今", "日", "は", "。"]),
        ("ก\u0e49า", "th", ["ก\u0e49", "า"]),
        ("   ", "ru", []),
    ],
)
def test_words_are_between_spaces_or_single_characters(text, language, words):
    assert [text[start:end] for start, end in word_spans(text, language)] == words


def sentences(text, language):
    spans = word_spans(text, language)
    starts = sentence_starts(text, spans, language)
    ends = [*starts[1:], len(spans)]
    return [text[spans[start][0] : spans[end - 1][1]] for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Да. Нет", "ru", ["Да.", "Нет"]),
        ("Это было в 1999 г. в Москве. А потом?", "ru", ["Это было в 1999 г. в Москве.", "А потом?"]),
        ("Dr. Smith came. He left!", "en", ["Dr. Smith came.", "He left!"]),
        ("It cost 3.5 euros. Really?", "en", ["It cost 3.5 euros.", "Really?"]),
        ("No. I won't.", "en", ["No.", "I won't."]),
        ('He said "Stop!" Then left.', "en", ['He said "Stop!"', "Then left."]),
        ("Wait... what? J. Doe.", "en", ["Wait... what?", "J. Doe."]),
        ("Am 3. Mai. Gut.", "de", ["Am 3. Mai.", "Gut."]),
        ("Yes. — No.", "en", ["Yes.", "— No."]),
        ("今日は。元気「です。」はい", "ja", ["今日は。", "元気「です。」", "はい"]),
        ("one two", "en", ["one two"]),
    ],
)
def test_text_is_cut_into_sentences(text, language, expected):
    assert sentences(text, language) == expected
