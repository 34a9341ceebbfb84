import re
from dataclasses import replace
from pathlib import Path

import pytest

from whisperx_worker import BadInputError, Segment, Transcript, Word
from whisperx_worker.results.speaker_assignment import assign_speakers
from whisperx_worker.testing import load_plugin, make_diarization, make_job, make_transcript, run_chain
from whisperx_worker_plugins import russian_numbers
from whisperx_worker_plugins.russian_numbers.merging import merge_words
from whisperx_worker_plugins.russian_numbers.writing import write_numbers

HERE = Path(__file__).parent


def phrases(name):
    """Pairs of a spoken and a written phrase; "=" is a phrase that stays."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(spoken, spoken if written == "=" else written) for spoken, written in pairs]


PHRASES = phrases("spoken_written.tsv")
EVERY_PHRASE = [*PHRASES, *phrases("held_out.tsv")]


@pytest.fixture(scope="module")
def host():
    return load_plugin(russian_numbers, name="russian_numbers")


def changed(host, transcript, **options):
    return run_chain(host, "post_align", transcript, make_job(host, plugins={"russian_numbers": options}))


def test_the_list_has_many_phrases_and_many_that_stay():
    assert len(PHRASES) >= 300
    assert sum(spoken == written for spoken, written in PHRASES) >= 80
    assert len({spoken for spoken, _ in EVERY_PHRASE}) == len(EVERY_PHRASE)


def test_numbers_are_written_as_people_write_them():
    assert {spoken: write_numbers(spoken) for spoken, written in EVERY_PHRASE if write_numbers(spoken) != written} == {}


def test_what_is_written_stays_as_it_is():
    assert {written: write_numbers(written) for _, written in EVERY_PHRASE if write_numbers(written) != written} == {}


@pytest.mark.parametrize("page", ["request.md", "ru/request.md"])
def test_the_table_of_the_documentation_is_what_it_does(page):
    text = (HERE.parents[2] / "docs" / page).read_text(encoding="utf-8")
    _, table = re.split(r"\n\| (?:spoken \| written|сказано \| написано) \|\n\| --- \| --- \|\n", text)
    rows = [line.strip("| ").split(" | ") for line in table.partition("\n\n")[0].splitlines()]
    assert len(rows) == 6
    assert [write_numbers(spoken) for spoken, _ in rows] == [written for _, written in rows]


def test_white_space_and_punctuation_around_a_number_stay():
    assert write_numbers("  «Двадцать  пять»,\nсказал (сорок два) он… ") == "  «25»,\nсказал (42) он… "
    assert write_numbers("") == ""
    assert write_numbers(" — ") == " — "


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("пять рублей", "5 ₽"),
        ("пять рублей пятьдесят копеек за штуку", "5,50 ₽ за штуку"),
        ("пять рублей пять копеек", "5,05 ₽"),
        ("двадцать пять тысяч рублей.", "25 000 ₽."),
        ("два миллиона рублей", "2 миллиона ₽"),
        ("сто долларов, семь евро", "100 $, 7 €"),
        ("десять копеек", "10 копеек"),
        ("рублей сто", "рублей 100"),
        ("сто, рублей", "100, рублей"),
        ("25 рублей", "25 рублей"),
    ],
)
def test_the_option_writes_signs_of_currencies(spoken, written):
    assert write_numbers(spoken, currency_signs=True) == written


# --- the hook


def test_a_job_that_does_not_name_the_plugin_keeps_its_text(host):
    transcript = make_transcript("Двадцать пять рублей.")
    assert run_chain(host, "post_align", transcript, make_job(host)) == transcript


def test_a_job_that_names_the_plugin_has_its_numbers_written(host):
    result = changed(host, make_transcript("Цена двадцать пять рублей.", "Без чисел."))
    assert [segment.text for segment in result.segments] == ["Цена 25 рублей.", "Без чисел."]
    assert [word.word for word in result.segments[0].words] == ["Цена", "25", "рублей."]


def test_text_in_another_language_stays(host):
    transcript = make_transcript("двадцать пять", language="bg")
    assert changed(host, transcript) == transcript


def test_the_currency_option_reaches_the_text(host):
    result = changed(host, make_transcript("сто рублей"), currency_signs=True)
    assert (result.text, [word.word for word in result.segments[0].words]) == ("100 ₽", ["100 ₽"])


def test_a_misspelled_option_is_refused(host):
    with pytest.raises(BadInputError, match=r"^plugins\.russian_numbers has no option \"currency\""):
        changed(host, make_transcript("сто"), currency=True)


def test_fields_of_the_segment_stay(host):
    segment = replace(make_transcript("двадцать пять").segments[0], avg_logprob=-0.5, doubtful=True)
    (result,) = changed(host, Transcript((segment,), "ru", 0.9)).segments
    assert result == replace(segment, text="25", words=(Word("25", 0.0, 1.0, 1.0),))


def test_a_segment_without_words_is_written_too(host):
    transcript = Transcript((Segment(0.0, 1.0, ""), Segment(1.0, 2.0, " в восемь тридцать")), "ru")
    assert [segment.text for segment in changed(host, transcript).segments] == ["", " в 8:30"]


# --- words


def test_a_number_lasts_from_its_first_word_to_its_last_with_the_mean_score_by_duration():
    words = (Word("«двадцать", 1.0, 1.3, 0.9), Word("пять»", 1.5, 1.6, 0.5))
    merged = merge_words(words, "«25»")
    assert (merged.word, merged.start, merged.end) == ("«25»", 1.0, 1.6)
    assert merged.score == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([Word("сто"), Word("пять", 1.0, 2.0, 0.5)], Word("105", 1.0, 2.0, 0.5)),
        ([Word("сто", 1.0, 2.0, 0.5), Word("пять")], Word("105", 1.0, 2.0, 0.5)),
        ([Word("сто", 1.0, None, 0.2), Word("пять", None, 2.0, 0.4)], Word("105", 1.0, 2.0, pytest.approx(0.3))),
        ([Word("сто"), Word("пять")], Word("105")),
        ([Word("сто", 1.0, 2.0), Word("пять", 2.0, 3.0)], Word("105", 1.0, 3.0)),
        ([Word("сто", 1.0, 2.0, 1.0, "A"), Word("пять", 2.0, 3.0, 1.0, "B")], Word("105", 1.0, 3.0, 1.0, "A")),
    ],
)
def test_a_number_of_words_without_times_has_what_there_is(words, expected):
    assert merge_words(words, "105") == expected


def test_every_word_that_is_no_number_keeps_its_times(host):
    before = make_transcript("Позвоните в восемь тридцать утра пятого мая")
    (after,) = changed(host, before).segments
    old = {word.word: (word.start, word.end) for word in before.segments[0].words}
    assert [(word.word, word.start, word.end) for word in after.words] == [
        ("Позвоните", *old["Позвоните"]),
        ("в", *old["в"]),
        ("8:30", old["восемь"][0], old["тридцать"][1]),
        ("утра", *old["утра"]),
        ("5", *old["пятого"]),
        ("мая", *old["мая"]),
    ]


def test_a_segment_is_cut_beside_a_number_with_spaces_where_the_speaker_changes(host):
    spoken = make_transcript("Цена двадцать пять тысяч. Спасибо.")
    diarization = make_diarization((0.0, 0.8, "A"), (0.8, 1.0, "B"))
    first, second = assign_speakers(changed(host, spoken), diarization).segments
    assert [(first.speaker, first.text), (second.speaker, second.text)] == [("A", "Цена 25 000."), ("B", "Спасибо.")]
