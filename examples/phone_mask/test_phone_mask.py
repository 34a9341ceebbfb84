import pytest

import phone_mask
from whisperx_worker import BadInputError, Segment, Transcript
from whisperx_worker.testing import load_plugin, make_job, make_transcript, run_chain

SPOKEN = "восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь"


@pytest.fixture(scope="module")
def host():
    return load_plugin(phone_mask, name="phone_mask")


def masked(host, transcript, **options):
    job = make_job(host, plugins={"phone_mask": options})
    return run_chain(host, "post_align", transcript, job)


def text_of(host, text, **options):
    return masked(host, make_transcript(text), **options).text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Звоните 8 916 123-45-67.", "Звоните ● ●●● ●●●-●●-●●."),
        ("+7 (495) 000-00-00, добавочный 12", "+● (●●●) ●●●-●●-●●, добавочный 12"),
        ("89161234567", "●●●●●●●●●●●"),
        ("8-916-123-45-67!", "●-●●●-●●●-●●-●●!"),
        ("495 123 45 67 и 499 123 45 67", "●●● ●●● ●● ●● и ●●● ●●● ●● ●●"),
    ],
)
def test_a_number_in_digits_is_masked_and_its_punctuation_stays(host, text, masked):
    assert text_of(host, text) == masked


def test_a_spoken_number_is_masked_word_by_word(host):
    assert text_of(host, f"Мой номер {SPOKEN}.") == "Мой номер " + " ".join(["●●●"] * 10) + "."


def test_commas_and_capitals_do_not_hide_a_spoken_number(host):
    text = "Восемь, девятьсот шестнадцать, сто двадцать три."
    assert text_of(host, text) == "●●●, ●●● ●●●, ●●● ●●● ●●●."


@pytest.mark.parametrize(
    "text",
    [
        "В 2024 году было 1 500 000 000 рублей.",
        "две тысячи двадцать пять",
        "один два три четыре",
        "Заказ 1234567",
        "стоп, три дня",
    ],
)
def test_other_numbers_stay(host, text):
    assert text_of(host, text) == text


def test_the_words_agree_with_the_text_and_keep_their_times(host):
    before = make_transcript(f"Номер {SPOKEN}, да")
    (segment,) = masked(host, before).segments
    assert [word.word for word in segment.words] == segment.text.split()
    assert [(word.start, word.end) for word in segment.words] == [
        (word.start, word.end) for word in before.segments[0].words
    ]


def test_a_number_that_goes_on_in_the_next_segment_is_masked_in_both(host):
    transcript = masked(host, make_transcript("Пишите: восемь девятьсот", "шестнадцать сто двадцать три, записали?"))
    assert [segment.text for segment in transcript.segments] == ["Пишите: ●●● ●●●", "●●● ●●● ●●● ●●●, записали?"]


def test_a_transcript_without_words_is_masked_too(host):
    transcript = Transcript((Segment(0.0, 1.0, ""), Segment(1.0, 2.0, "8 916 123-45-67")), "ru")
    assert masked(host, transcript) == Transcript((Segment(0.0, 1.0, ""), Segment(1.0, 2.0, "● ●●● ●●●-●●-●●")), "ru")


def test_a_recording_without_speech_has_nothing_to_mask(host):
    job = make_job(host)
    assert run_chain(host, "post_align", Transcript((), None), job).segments == ()
    assert job.warnings == ()


def test_keep_last_leaves_the_end_readable(host):
    assert text_of(host, "8 916 123-45-67", keep_last=2, mask="*") == "* *** ***-**-67"
    assert text_of(host, SPOKEN, keep_last=2, mask="*").split() == ["***"] * 8 + ["шестьдесят", "семь"]


@pytest.mark.parametrize("options", [{"mask": "7"}, {"mask": "ab"}, {"mask": ""}, {"keep_last": 11}])
def test_an_option_that_would_show_the_number_is_refused(host, options):
    (name,) = options
    with pytest.raises(BadInputError, match=rf"^plugins\.phone_mask\.{name}: "):
        masked(host, make_transcript("Алло"), **options)
