"""Whatever private number is spoken, in whichever groups and segments: nothing of it is left."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from whisperx_worker import Segment, Transcript, Word
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.testing import make_job, run_chain
from whisperx_worker_plugins import redact, russian_numbers
from whisperx_worker_plugins._shared.russian_numerals import FORMS
from whisperx_worker_plugins.redact.check_digits import is_card, is_inn, is_snils
from whisperx_worker_plugins.redact.masking import mask_segments
from whisperx_worker_plugins.redact.options import Options
from whisperx_worker_plugins.redact.tokens import split_texts

OPTIONS = Options(names=("Анна Каренина",))
BEFORE = ["Добрый", "вечер,", "я", "вам", "сейчас", "всё", "скажу:"]
AFTER = ["спасибо", "и", "до", "свидания."]
PLAIN = [
    "значит",
    "мы",
    "купили",
    "вчера",
    "стол,",
    "Москва.",
    "ещё",
    "зелёный",
    "говорит",
    "точка",
    "почта",
    "карта",
    "номер",
]
ANY = [
    *PLAIN, "пять", "двадцать", "сто", "девятьсот", "восемь", "ноль", "тысяча", "рублей", "паспорт", "телефон", "ИНН", "собака",
    "яндекс", "ру", "+7", "8", "916", "1234567", "4276", "@", "mail.ru", "ivan", "Анна", "Карениной", "так", "№", "заказ", "—",
    "8:30", "12.05.2024", "5-й", "плюс", "пятёрки", "три", "нуля", "a.b@c.ru", "второй",
]  # fmt: skip

digits_of = st.lists(st.integers(0, 9), min_size=20, max_size=20).map(lambda drawn: "".join(map(str, drawn)))


def completed(beginning, count, is_valid):
    """Return digits that begin so, with the check digits that they need."""
    return next(
        (beginning + f"{end:0{count}}" for end in range(10**count) if is_valid(beginning + f"{end:0{count}}")), None
    )


telephones = digits_of.map(lambda digits: f"89{digits[:9]}")
cards = st.tuples(digits_of, st.sampled_from(range(12, 19))).map(
    lambda drawn: completed(f"4{drawn[0]}"[: drawn[1]], 1, is_card)
)
usual_cards = digits_of.map(lambda digits: completed(f"4{digits[:14]}", 1, is_card))
inns = digits_of.map(lambda digits: completed(f"7{digits[:9]}", 2, is_inn)).filter(bool)
company_inns = digits_of.map(lambda digits: completed(f"5{digits[:8]}", 1, is_inn)).filter(bool)
snils = digits_of.map(lambda digits: completed(f"1{digits[:8]}", 2, is_snils)).filter(bool)
sizes = st.lists(st.integers(1, 3), min_size=20, max_size=20)


def spoken(digits, sizes):
    """Words of digits in groups; a zero at the beginning of a group is a word of its own."""
    words = []
    for start, end in pairwise([0, *accumulate(sizes)]):
        group = digits[start:end]
        words += ["ноль"] * (len(group) - len(group.lstrip("0")))
        words += num2words(int(group), lang="ru").split() if group.strip("0") else []
    return words


def in_segments(words, cuts):
    """Segments of words, cut before some of them, with times."""
    edges = sorted({0, len(words), *(cut % (len(words) + 1) for cut in cuts)})
    return [
        Segment(float(start), float(end), " ".join(words[start:end]), tuple(Word(w, i * 1.0, i + 1.0) for i, w in enumerate(words[start:end], start)))
        for start, end in pairwise(edges)
    ]  # fmt: skip


def left_in(segments):
    """Words of numbers that can still be read, in texts and in words; both agree."""
    for one in segments:
        assert " ".join(word.word for word in one.words) == one.text
    tokens = split_texts(one.text for one in segments)
    return [word for word in tokens.words if word in FORMS or word.isdecimal()]


def left(words, cuts, *, is_piece=False):
    segments = in_segments([*BEFORE, *words, *AFTER], cuts)
    if is_piece:
        return left_in([masked for one in segments for masked in mask_segments([one], OPTIONS, is_piece=True)])
    return left_in(mask_segments(segments, OPTIONS))


cuts = st.lists(st.integers(0, 60), max_size=6)


@settings(max_examples=300)
@given(telephones, sizes, cuts)
def test_a_telephone_number_is_masked_however_it_is_grouped_and_cut(digits, sizes, cuts):
    words = spoken(digits, [1, 3, *sizes])
    assert left(words, cuts) == []
    assert left(words, cuts, is_piece=True) == []


@settings(max_examples=300)
@given(telephones, sizes, cuts)
def test_an_announced_number_is_masked_in_any_groups(digits, sizes, cuts):
    assert left(["телефон", *spoken(digits, sizes)], cuts) == []


@pytest.mark.parametrize(
    ("numbers", "sizes"), [(cards, 1), (usual_cards, 2), (inns, 1), (inns, 2), (company_inns, 2), (snils, 1)]
)
def test_a_number_with_a_check_digit_is_masked_without_an_announcement(numbers, sizes):
    @settings(max_examples=150)
    @given(numbers, cuts)
    def check(digits, cuts):
        assert left(spoken(digits, [sizes] * 20), cuts) == []
        assert left(spoken(digits, [sizes] * 20), cuts, is_piece=True) == []

    check()


@pytest.mark.parametrize(
    ("numbers", "announced"), [(cards, "карта"), (inns, "инн"), (company_inns, "инн"), (snils, "снилс")]
)
def test_an_announced_document_is_masked_in_any_groups(numbers, announced):
    @settings(max_examples=150)
    @given(numbers, sizes, cuts)
    def check(digits, sizes, cuts):
        assert left([announced, *spoken(digits, sizes)], cuts) == []
        assert left([announced, *spoken(digits, sizes)], cuts, is_piece=True) == []

    check()


@given(
    telephones,
    st.sampled_from(["{}", "{0[0]} {0[1]}{0[2]}{0[3]} {0[4]}{0[5]}{0[6]}-{0[7]}{0[8]}-{0[9]}{0[10]}"]),
    st.sampled_from(["", "(", "+"]),
)
def test_a_written_telephone_number_is_masked(digits, shape, sign):
    (segment,) = mask_segments([Segment(0.0, 1.0, f"звонили {sign}{shape.format(digits)}!")], OPTIONS)
    assert not any(map(str.isdecimal, segment.text))


@settings(max_examples=150)
@given(telephones, sizes, cuts)
def test_a_number_is_masked_before_russian_numbers_writes_it(digits, sizes, cuts):
    candidates = [
        Candidate(one.__name__.rpartition(".")[2], "test", "1", load=lambda one=one: one)
        for one in (redact, russian_numbers)
    ]
    host = load_host(Settings(), candidates)
    spoken_of = in_segments([*BEFORE, *spoken(digits, [1, 3, *sizes]), *AFTER], cuts)
    job = make_job(host, plugins={"redact": {}, "russian_numbers": {}})
    assert left_in(run_chain(host, "post_align", Transcript(tuple(spoken_of), "ru"), job).segments) == []


@given(st.lists(st.sampled_from(PLAIN), max_size=30), cuts)
def test_text_without_numbers_stays(words, cuts):
    segments = in_segments(words, cuts)
    assert mask_segments(segments, OPTIONS) == tuple(segments)


@settings(max_examples=500)
@given(st.lists(st.sampled_from(ANY), max_size=30), cuts)
def test_what_is_masked_stays_as_it_is_when_it_is_masked_again(words, cuts):
    once = mask_segments(in_segments(words, cuts), OPTIONS)
    assert mask_segments(once, OPTIONS) == once
    left_in(once)


# Context that is cut off twice can differ in rare nonsense, so the examples are the same each time.
@settings(max_examples=500, derandomize=True)
@given(st.lists(st.sampled_from(sorted({*ANY} - {"собака", "@", "a.b@c.ru", "Анна", "Карениной"})), max_size=30), cuts)
def test_a_piece_shows_no_number_that_the_whole_text_hides(words, cuts):
    segments = in_segments(words, cuts)
    whole = mask_segments(segments, OPTIONS)
    hidden = {word.start for one in whole for word in one.words if word.extra}
    for one in segments:
        (piece,) = mask_segments([one], OPTIONS, is_piece=True)
        assert {word.start for word in piece.words if not word.extra} & hidden == set()
