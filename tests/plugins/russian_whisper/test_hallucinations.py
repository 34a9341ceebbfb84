"""Text that nobody said, and real speech that looks a little like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Segment, Span
from whisperx_worker.testing import make_job
from whisperx_worker_plugins.russian_whisper import filtering, hallucinations
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk


@pytest.mark.parametrize(
    ("text", "repeats", "unit"),
    [
        ("Да.", 1, 1),
        ("", 1, 1),
        ("Да, да, да, понятно.", 3, 1),
        ("Я не знаю, я не знаю. Я не знаю!", 3, 3),
        ("Спасибо за просмотр. Спасибо за просмотр. Спасибо за", 2, 3),
        ("раз два три раз два три четыре", 2, 3),
        ("Всё. Все. Все.", 3, 1),
    ],
)
def test_the_longest_run_of_repeated_words_is_found(text, repeats, unit):
    found = hallucinations.find_loop(text)

    assert (found.repeats, found.unit if repeats > 1 else 1) == (repeats, unit)


@given(
    st.lists(st.sampled_from("абвгд"), max_size=6),
    st.lists(st.sampled_from("ежзий"), min_size=1, max_size=4, unique=True),
    st.integers(2, 30),
    st.lists(st.sampled_from("клмно"), max_size=6),
)
def test_without_its_surplus_a_loop_is_said_once(before, unit, repeats, after):
    words = [*before, *unit * repeats, *after]

    found = hallucinations.find_loop(" ".join(words))

    left = [word for place, word in enumerate(words) if place not in found.surplus]
    if len(unit) * (repeats - 1) > 6:
        assert (found.repeats, found.unit) == (repeats, len(unit))
        assert left == [*before, *unit, *after]


@pytest.mark.parametrize(
    ("text", "speech_s", "expected"),
    [
        ("Да, да, да, да, да, да, да, да.", 2.0, False),
        ("Алло! Алло! Алло! Алло! Алло! Алло!", 3.0, False),
        ("Алло! Алло! Алло! Алло! Алло! Алло!", 0.5, True),
        ("Раз, раз, раз, раз, раз, раз, раз, раз, раз.", 4.0, False),
        ("спасибо " * 40, 25.0, True),
        ("Я не знаю, я не знаю, я не знаю.", 2.0, False),
        ("Добрый день, это Анна из отдела продаж.", 0.3, False),
    ],
)
def test_a_loop_is_impossible_when_nobody_could_have_said_it_in_that_time(text, speech_s, expected):
    assert hallucinations.is_impossible_loop(hallucinations.find_loop(text), text, speech_s) is expected


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("Анна Сергеевна, Иван Петрович.", "Звонок: Анна Сергеевна, Иван Петрович", True),
        ("анна сергеевна иван петрович", "Анна Сергеевна, Иван Петрович!", True),
        ("Анна Сергеевна слушает.", "Анна Сергеевна, Иван Петрович", False),
        ("Анна.", "Анна Сергеевна", False),
        ("", "Анна", False),
        ("на Сергеевна", "Анна Сергеевна", False),
    ],
)
def test_an_echo_is_two_words_or_more_that_stand_in_the_prompt(text, given, expected):
    assert hallucinations.is_prompt_echo(text, given) is expected


@pytest.mark.parametrize(
    ("text", "speech_s", "why"),
    [
        ("Субтитры сделал DimaTorzok", 5.0, "these are credits of subtitles"),
        ("Субтитры создавал DimaTorzok", 5.0, "these are credits of subtitles"),
        ("Редактор субтитров А.Семкин Корректор А.Егорова", 5.0, "these are credits of subtitles"),
        ("Subtitles by the Amara.org community", 5.0, "these are credits of subtitles"),
        ("Продолжение следует...", 0.4, "models invent this phrase, and there is too little speech for it"),
        ("Продолжение следует.", 1.6, None),
        ("Спасибо за внимание!", 1.5, None),
        ("Да.", 0.4, None),
        ("Да.", 0.0, "nobody speaks there"),
        ("Дмитрий хотите заказать вокзал завтра", 0.02, "there is too little speech for so much text"),
        ("Включите, пожалуйста, субтитры.", 2.0, None),
        ("Мы сделали субтитры к фильму.", 2.0, None),
    ],
)
def test_phantoms_go_and_real_speech_that_resembles_them_stays(text, speech_s, why):
    assert hallucinations.hallucination_reason(text, speech_s) == why


class Letters:
    """A tokenizer whose tokens are characters."""

    def token_to_id(self, _token):
        return 5000

    def decode(self, tokens):
        return "".join(chr(token) for token in tokens)


class Whisper:
    hf_tokenizer = Letters()


def decoded(*timed, logprob=-0.2, no_speech=0.0, ratio=1.2):
    tokens = []
    for start, text, end in timed:
        tokens += [5000 + round(start / 0.02), *map(ord, text), 5000 + round(end / 0.02)]
    return DecodedChunk(tuple(tokens), " ".join(text for _, text, _ in timed), logprob, no_speech, ratio, 0.0)


CHUNK = Span(10.0, 20.0)


def sifted(said, *, keep_unreliable=True, heard=(CHUNK,), **fields):
    job = make_job(**fields)
    kept = filtering.filter_chunks([(CHUNK, said)], heard, Whisper(), job, keep_unreliable=keep_unreliable)
    filtering.report_removed(kept.removed, job)
    return [segment.text for segment in kept.segments], [str(warned) for warned in job.warnings], job.notes


def test_credits_are_taken_out_of_a_chunk_and_the_rest_stays():
    said = decoded((0, "Да, слушаю вас.", 2), (2, "Субтитры сделал DimaTorzok", 4))

    assert sifted(said) == (
        ["Да, слушаю вас."],
        ["12.00-14.00 s: text was removed because these are credits of subtitles"],
        {
            "removed": [
                {
                    "start": 12.0,
                    "end": 14.0,
                    "text": "Субтитры сделал DimaTorzok",
                    "why": "these are credits of subtitles",
                }
            ]
        },
    )


def test_text_in_a_pause_is_taken_out():
    said = decoded((0, "Да, слушаю вас.", 2), (4, "Ну вот.", 5))

    texts, warnings, _ = sifted(said, heard=(Span(10.0, 12.5), Span(18.0, 20.0)))

    assert texts == ["Да, слушаю вас."]
    assert warnings == ["14.00-15.00 s: text was removed because nobody speaks there"]


def test_of_a_loop_over_several_segments_the_first_round_stays():
    said = decoded((0, "Ну что.", 1), *((at, "Спасибо большое.", at + 0.5) for at in np_range(1, 9, 0.5)))

    texts, warnings, notes = sifted(said)

    assert texts == ["Ну что.", "Спасибо большое."]
    assert warnings == ["10.00-20.00 s: text was removed because it says the same 16 times in a row"]
    assert notes["removed"][0]["text"] == " ".join(["Спасибо большое."] * 15)


def np_range(start, end, step):
    return [start + step * index for index in range(round((end - start) / step))]


def test_text_that_fails_everywhere_is_kept_where_it_is_all_there_is():
    texts, warnings, _ = sifted(decoded((0, "Мгм.", 1), logprob=-1.4))

    assert texts == ["Мгм."]
    assert warnings == [
        "10.00-20.00 s: this text fails a threshold at every temperature and is kept "
        "(temperature 0, avg_logprob -1.40, no_speech_prob 0.00, compression_ratio 1.20)"
    ]


def test_text_that_the_model_is_not_sure_of_is_no_answer_to_a_second_question():
    texts, warnings, _ = sifted(decoded((0, "Мгм.", 1), logprob=-0.6), keep_unreliable=False)

    assert texts == []
    assert warnings == [
        "10.00-20.00 s: text was removed because the model is not sure of it "
        "(avg_logprob -0.60, no_speech_prob 0.00, compression_ratio 1.20)"
    ]


def test_silence_by_both_thresholds_is_taken_out_and_told():
    texts, warnings, _ = sifted(decoded((0, "Угу.", 1), logprob=-1.4, no_speech=0.8))

    assert texts == []
    assert warnings == [
        "10.00-20.00 s: text was removed because both thresholds take it for silence "
        "(avg_logprob -1.40, no_speech_prob 0.80, compression_ratio 1.20)"
    ]


def test_segments_keep_everything_but_the_words_that_go():
    segments = [Segment(0, 1, "а б", avg_logprob=-0.5), Segment(1, 2, "в г"), Segment(2, 3, "д")]

    left = list(filtering._drop_words(segments, range(1, 4)))

    assert left == [Segment(0, 1, "а", avg_logprob=-0.5), Segment(2, 3, "д")]
