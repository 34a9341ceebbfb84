"""What is masked and what stays, in text, words, pieces and counts."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from whisperx_worker import BadInputError, Segment, Transcript, Word
from whisperx_worker.testing import load_plugin, make_job, make_transcript, run_chain
from whisperx_worker_plugins import redact
from whisperx_worker_plugins.redact.kinds import KINDS
from whisperx_worker_plugins.redact.masking import mask_segments
from whisperx_worker_plugins.redact.options import Options

HERE = Path(__file__).parent
NAMES = (
    "Анна Каренина", "Иван Петрович", "Петров", "Дмитрий", "Павел", "Любовь", "Мария", "Достоевский", "Толстой", "Сергей",
    "Лёва", "Игорь",
)  # fmt: skip
OPTIONS = Options(names=NAMES)
MASK = OPTIONS.mask


def read_examples(name):
    """Pairs of a kind and an example; the kind "stays" has nothing that is masked."""
    examples, kind = [], None
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif line and not line.startswith("#"):
            examples.append((kind, line))
    return examples


EXAMPLES = read_examples("spoken.txt")


def texts_of(example):
    """Texts of the segments, as they are spoken and as they are answered."""
    spoken = re.sub(r"[\[\]]", "", example).split(" | ")
    return spoken, re.sub(r"\[.*?\]", MASK, example).split(" | ")


def masked(texts, **options):
    return mask_segments(make_transcript(*texts).segments, Options(**{"names": NAMES, **options}))


def kinds_in(segments):
    return {mark["kind"] for one in segments for mark in redact.marks_in(one)}


def wrong_in(examples):
    wrong = {}
    for kind, example in examples:
        spoken, expected = texts_of(example)
        segments = masked(spoken)
        if [one.text for one in segments] != expected or not kinds_in(segments) <= {kind}:
            wrong[example] = " | ".join(one.text for one in segments), kinds_in(segments)
    return wrong


def test_the_list_has_many_examples_and_many_that_stay():
    assert len(EXAMPLES) >= 150
    assert sum(kind == "stays" for kind, _ in EXAMPLES) >= 60
    assert {kind for kind, _ in EXAMPLES} == {*KINDS, "stays"}
    assert len({example for _, example in EXAMPLES}) == len(EXAMPLES)


def test_what_is_private_is_masked_and_all_else_stays():
    assert wrong_in(EXAMPLES) == {}


def test_what_was_written_after_the_rules_is_masked_now():
    held_out = read_examples("held_out.txt")
    assert len(held_out) >= 80
    assert sum(kind == "stays" for kind, _ in held_out) >= 30
    assert wrong_in(held_out) == {}


@pytest.mark.parametrize("page", ["request.md", "ru/request.md"])
def test_the_table_of_the_documentation_is_what_it_does(page):
    text = (HERE.parents[2] / "docs" / page).read_text(encoding="utf-8")
    _, table = re.split(r"\n\| (?:spoken \| answered|сказано \| в ответе) \|\n\| --- \| --- \|\n", text)
    rows = [line.strip("| ").split(" | ") for line in table.partition("\n\n")[0].splitlines()]
    assert len(rows) == 4
    assert [masked([spoken])[0].text for spoken, _ in rows] == [answered for _, answered in rows]


@pytest.mark.parametrize("page", ["request.md", "ru/request.md"])
def test_the_documentation_has_every_option_with_its_default(page):
    text = (HERE.parents[2] / "docs" / page).read_text(encoding="utf-8")
    for name, field in Options.model_fields.items():
        default = "" if name == "kinds" else f"`{json.dumps(field.default, ensure_ascii=False, default=list)}`"
        assert re.search(rf"\n\| `{name}` \| {re.escape(default)}", text), name
    assert ", ".join(f"`{kind}`" for kind in KINDS) in text


# --- the hooks


@pytest.fixture(scope="module")
def host():
    return load_plugin(redact, name="redact")


SPOKEN = "восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь"


def changed(host, transcript, **options):
    return run_chain(host, "post_align", transcript, make_job(host, plugins={"redact": options}))


def test_a_job_that_does_not_name_the_plugin_keeps_its_text(host):
    transcript = make_transcript(SPOKEN)
    assert run_chain(host, "post_align", transcript, make_job(host)) == transcript


def test_the_words_of_a_number_become_one_with_their_times_and_a_mark(host):
    before = make_transcript(f"Пишите: {SPOKEN}.")
    (after,) = changed(host, before).segments
    words = before.segments[0].words
    number = Word("[скрыто].", words[1].start, words[-1].end, 1.0)
    assert after.words[0] == words[0]
    assert replace(after.words[1], extra={}) == replace(number, extra={})
    assert after.words[1].extra == {"redact": {"masked": [{"kind": "telephone", "number": 0}]}}
    assert after.extra == {}


def test_a_number_in_two_segments_has_one_number_in_both(host):
    transcript = changed(
        host, make_transcript("Вот: восемь девятьсот", "шестнадцать сто двадцать три сорок пять шестьдесят семь, ясно")
    )
    marks = [word.extra["redact"]["masked"] for one in transcript.segments for word in one.words if word.extra]
    assert marks == [[{"kind": "telephone", "number": 0}]] * 2


def test_a_segment_without_words_has_the_mark_itself(host):
    (after,) = changed(host, Transcript((Segment(0.0, 1.0, " 8 916 123-45-67, ivan@mail.ru"),), "ru")).segments
    assert after.text == " [скрыто], [скрыто]"
    assert sorted(mark["kind"] for mark in after.extra["redact"]["masked"]) == ["email", "telephone"]


def test_words_that_say_something_else_than_the_text_are_left_out():
    odd = Segment(0.0, 1.0, "89161234567", (Word("8", 0.0, 0.5),))
    (after,) = mask_segments([odd], OPTIONS)
    assert (after.text, after.words) == (MASK, ())
    assert after.extra["redact"]["masked"] == [{"kind": "telephone", "number": 0}]


def test_a_word_with_spaces_inside_and_words_that_are_cut_otherwise_are_masked(host):
    words = (
        Word("Тел:8", 0.0, 0.2),
        Word(" 916 123", 0.2, 0.4),
        Word("-", 0.4, 0.5),
        Word("45-67,", 0.5, 0.6),
        Word("да", 0.6, 0.7),
    )
    (after,) = changed(host, Transcript((Segment(0.0, 1.0, "Тел:8 916 123-45-67, да", words),), "ru")).segments
    assert after.text == "Тел:[скрыто], да"
    assert [(word.word, word.start, word.end) for word in after.words] == [
        ("Тел:[скрыто],", 0.0, 0.6),
        ("да", 0.6, 0.7),
    ]


def test_data_of_other_plugins_about_a_masked_word_is_left_out(host):
    from whisperx_worker import with_extra

    word = with_extra(Word("89161234567", 0.0, 1.0), "lemmas", text="89161234567")
    (after,) = changed(host, Transcript((Segment(0.0, 1.0, word.word, (word,)),), "ru")).segments
    assert [*after.words[0].extra] == ["redact"]


def test_a_word_without_times_leaves_its_number_without_times(host):
    words = (Word("8"), Word("916", 0.2, 0.4), Word("1234567", 0.4, 0.8))
    (after,) = changed(host, Transcript((Segment(0.0, 1.0, "8 916 1234567", words),), "ru")).segments
    assert [(word.word, word.start, word.end) for word in after.words] == [(MASK, None, None)]


def test_text_in_another_language_is_masked_too(host):
    assert (
        changed(host, make_transcript("Call +44 20 7946 0958, please", language="en")).text == "Call [скрыто], please"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "Анна, [скрыто] и [скрыто]"),
        ({"names": ["Анна"]}, "[скрыто], [скрыто] и [скрыто]"),
        ({"kinds": ["email"]}, "Анна, 89161234567 и [скрыто]"),
        ({"kinds": ["telephone", "name"], "names": ["анна"]}, "[скрыто], [скрыто] и a@b.ru"),
        ({"masks": {"telephone": "[телефон]"}}, "Анна, [телефон] и [скрыто]"),
        ({"mask": "███a", "kinds": ["telephone"]}, "Анна, ███a и a@b.ru"),
    ],
)
def test_options_choose_kinds_names_and_masks(host, options, text):
    assert changed(host, make_transcript("Анна, 89161234567 и a@b.ru"), **options).text == text


@pytest.mark.parametrize(
    "options",
    [
        {"mask": ""}, {"mask": "два слова"}, {"mask": "7"}, {"mask": "восемь"}, {"mask": "собака"}, {"kinds": ["phone"]},
        {"names": ["Анна"], "mask": "Анну"}, {"padding_s": -1}, {"padding_s": "NaN"}, {"sound": "noise"}, {"name": ["Анна"]},
        {"masks": {"telephone": "сто"}},
    ],
)  # fmt: skip
def test_options_that_would_show_something_are_refused(host, options):
    with pytest.raises(BadInputError, match=r"^plugins\.redact"):
        changed(host, make_transcript("Алло"), **options)


def test_the_result_has_counts_and_no_text(host):
    from whisperx_worker import Result

    job = make_job(host, plugins={"redact": {}})
    texts = ["восемь девятьсот", "шестнадцать сто двадцать три сорок пять шестьдесят семь", "a@b.ru и 89037654321"]
    transcript = run_chain(host, "post_align", make_transcript(*texts), job)
    result = run_chain(host, "finalize", Result(transcript, 3.0), job)
    assert result.extra["redact"] == {
        "telephone": 2, "card": 0, "email": 1, "passport": 0, "inn": 0, "snils": 0, "name": 0,
    }  # fmt: skip


def test_what_a_later_plugin_wrote_is_masked_and_counted_too(host):
    from whisperx_worker import Result

    job = make_job(host, plugins={"redact": {}})
    first, second = run_chain(host, "post_align", make_transcript("a@b.ru", "номер секретный"), job).segments
    rewritten = replace(second, text="89161234567", words=(Word("89161234567", 1.0, 2.0),))
    result = run_chain(host, "finalize", Result(Transcript((first, rewritten), "ru"), 2.0), job)
    assert result.transcript.text == f"{MASK} {MASK}"
    marks = [one.words[0].extra["redact"]["masked"] for one in result.transcript.segments]
    assert marks == [[{"kind": "email", "number": 0}], [{"kind": "telephone", "number": 1}]]
    assert (result.extra["redact"]["email"], result.extra["redact"]["telephone"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("восемь девятьсот", MASK),
        ("шестнадцать сто двадцать три, да", f"{MASK}, да"),
        ("так, сорок пять", f"так, {MASK}"),
        ("Приходите в пять, я жду", "Приходите в пять, я жду"),
        ("нас пять", f"нас {MASK}"),
        ("код 4508 лежит", "код 4508 лежит"),
        ("вот 4508 лежит", f"вот {MASK} лежит"),
        (
            "давно и весьма подробно мы с вами вчера на собрании всем рассказали про дом 4508 и прочие красивые вещи",
            None,
        ),
        ("пишите на почту иван", f"пишите на почту {MASK}"),
        ("собака яндекс точка ру, спасибо", f"{MASK}, спасибо"),
        ("яндекс точка ру, спасибо", f"{MASK}, спасибо"),
        ("это ivan точка", f"это {MASK}"),
        ("", ""),
        ("…", "…"),
    ],
)
def test_a_piece_is_masked_at_its_edges_and_where_its_announcement_may_be_elsewhere(host, text, shown):
    job = make_job(host, plugins={"redact": {}})
    (piece,) = run_chain(host, "partial", (Segment(0.0, 1.0, text),), job)
    assert piece.text == (text if shown is None else shown)
