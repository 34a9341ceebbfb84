"""How terms are read, declined and compared."""

from __future__ import annotations

import numpy as np
import pytest

from whisperx_worker_plugins.vocabulary.distance import pair_distances
from whisperx_worker_plugins.vocabulary.morphology import declensions, is_known
from whisperx_worker_plugins.vocabulary.phones import phones_of
from whisperx_worker_plugins.vocabulary.readings import readings_of


def distance(first, second):
    return float(pair_distances([phones_of(first)], [phones_of(second)])[0])


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("Битриксом", "битриксом"),
        ("поезд", "поэст"),
        ("вокзал", "вогзал"),
        ("учиться", "учица"),
        ("учится", "учица"),
        ("счастье", "щастйэ"),
        ("солнце", "сонцэ"),
        ("честный", "чэсный"),
        ("ванна", "вана"),
        ("нового", "новово"),
        ("ёлка", "йолка"),
        ("подъезд", "подйэст"),
        ("джаз", "џас"),
        ("кубер нетис", "кубэрнэтис"),
        ("", ""),
    ],
)
def test_a_text_has_these_phones(text, phones):
    assert phones_of(text) == phones


@pytest.mark.parametrize(
    ("term", "readings"),
    [
        ("Битрикс24", ("битрикс двадцать четыре", "битрикс два четыре")),
        ("Slack", ("слак",)),
        ("Google", ("гугл", "гоогле")),
        ("GitHub", ("гит хаб", "гит хуб")),
        ("YouTube", ("ю тюб", "ю тубе", "иоу тюб", "иоу тубе")),
        ("CRM", ("си ар эм", "цэ эр эм")),
        ("МТС", ("эм тэ эс",)),
        ("1С", ("один эс",)),
        ("Лобачёв", ("лобачёв", "лобачев")),
        ("C++", ("си плюс плюс", "цэ плюс плюс")),
        ("10000", ("один ноль ноль ноль ноль",)),
        ("!", ("",)),
    ],
)
def test_a_term_is_read_like_this(term, readings):
    assert readings_of(term) == readings


@pytest.mark.parametrize(
    ("term", "forms"),
    [
        ("Битрикс", {"Битрикс", "Битрикса", "Битриксу", "Битриксом", "Битриксе"}),
        ("СберБанк", {"СберБанк", "СберБанка", "СберБанку", "СберБанком", "СберБанке"}),
        ("Каменская", {"Каменская", "Каменской", "Каменскую"}),
        ("Известия", {"Известия", "Известий", "Известиям", "Известиями", "Известиях"}),
        ("Пятёрочка", {"Пятёрочка", "Пятёрочки", "Пятёрочке", "Пятёрочку", "Пятёрочкой"}),
        ("Авито", {"Авито"}),
        ("МТС", {"МТС"}),
        ("Slack", {"Slack"}),
        ("Альфа-Банк", {"Альфа-Банк", "Альфа-Банка", "Альфа-Банку", "Альфа-Банком", "Альфа-Банке"}),
        ("Красная Поляна", {"Красная Поляна", "Красной Поляны", "Красной Поляне", "Красную Поляну", "Красной Поляной"}),
    ],
)
def test_a_term_has_these_forms(term, forms):
    assert {form for _, form in declensions(term)} == forms


def test_a_name_of_two_nouns_is_declined_in_both_in_the_last_or_in_the_first():
    assert {"Яндекса Маркета", "Яндекс Маркета", "Яндекса Маркет"} <= {form for _, form in declensions("Яндекс Маркет")}


@pytest.mark.parametrize("word", ["двадцать", "по-прежнему", "ещё", "еще", "а", "24", "4.2.4.2", "эхо-сигнал"])
def test_a_usual_word_is_known(word):
    assert is_known(word)


@pytest.mark.parametrize("word", ["битрикс", "кубернетис", "Jira", "нетис"])
def test_a_word_that_no_dictionary_has_is_unknown(word):
    assert not is_known(word)


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        (("молоко", "малако"), ("молоко", "молуку")),
        (("леса", "лиса"), ("леса", "луса")),
        (("бак", "пак"), ("бак", "рак")),
        (("Битрикс", "бидрикс"), ("Битрикс", "бимрикс")),
        (("щека", "чека"), ("щека", "река")),
        (("Тринидад", "тринида"), ("Тринидад", "трида")),
    ],
)
def test_sounds_that_are_easily_confused_are_nearer(nearer, farther):
    assert 0 < distance(*nearer) < distance(*farther)


def test_spellings_of_one_sound_have_no_distance():
    assert distance("Тинькофф", "тиньков") == 0


def test_padding_has_no_part_in_a_distance():
    first, second = ["сок", "битрикс", ""], ["сок", "бит", "он"]
    alone = [float(pair_distances([a], [b])[0]) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(pair_distances(first, second), alone, rtol=1e-6)
    assert alone == pytest.approx([0.0, 2.9, 1.3])
