"""Text that the filter removes or keeps, and the warnings about it."""

from tests.plugins.russian_whisper.letter_tokens import LetterWhisper, decoded_chunk
from whisperx_worker import Segment, Span
from whisperx_worker.testing import make_job
from whisperx_worker_plugins.russian_whisper import filtering

CHUNK = Span(10.0, 20.0)


def filtered(decoded, *, keep_unreliable=True, speech=(CHUNK,), **fields):
    job = make_job(**fields)
    result = filtering.filter_chunks([(CHUNK, decoded)], speech, LetterWhisper(), job, keep_unreliable=keep_unreliable)
    filtering.report_removed(result.removed, job)
    return [segment.text for segment in result.segments], [str(warned) for warned in job.warnings], job.notes


def test_subtitle_credits_are_removed_and_the_rest_of_the_chunk_is_kept():
    decoded = decoded_chunk((0, "Да, слушаю вас.", 2), (2, "Субтитры сделал DimaTorzok", 4))

    assert filtered(decoded) == (
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


def test_text_in_a_pause_is_removed():
    decoded = decoded_chunk((0, "Да, слушаю вас.", 2), (4, "Ну вот.", 5))

    texts, warnings, _ = filtered(decoded, speech=(Span(10.0, 12.5), Span(18.0, 20.0)))

    assert texts == ["Да, слушаю вас."]
    assert warnings == ["14.00-15.00 s: text was removed because nobody speaks there"]


def test_of_a_loop_over_several_segments_the_first_unit_is_kept():
    decoded = decoded_chunk((0, "Ну что.", 1), *((at, "Спасибо большое.", at + 0.5) for at in steps(1, 9, 0.5)))

    texts, warnings, notes = filtered(decoded)

    assert texts == ["Ну что.", "Спасибо большое."]
    assert warnings == ["10.00-20.00 s: text was removed because it says the same 16 times in a row"]
    assert notes["removed"][0]["text"] == " ".join(["Спасибо большое."] * 15)


def steps(start, end, step):
    return [start + step * index for index in range(round((end - start) / step))]


def test_text_that_fails_at_every_temperature_is_kept_in_the_first_pass():
    texts, warnings, _ = filtered(decoded_chunk((0, "Мгм.", 1), logprob=-1.4))

    assert texts == ["Мгм."]
    assert warnings == [
        "10.00-20.00 s: this text fails a threshold at every temperature and is kept "
        "(temperature 0, avg_logprob -1.40, no_speech_prob 0.00, compression_ratio 1.20)"
    ]


def test_text_of_low_confidence_is_removed_in_a_retry():
    texts, warnings, _ = filtered(decoded_chunk((0, "Мгм.", 1), logprob=-0.6), keep_unreliable=False)

    assert texts == []
    assert warnings == [
        "10.00-20.00 s: text was removed because the model is not sure of it "
        "(avg_logprob -0.60, no_speech_prob 0.00, compression_ratio 1.20)"
    ]


def test_silence_by_both_thresholds_is_removed_and_reported():
    texts, warnings, _ = filtered(decoded_chunk((0, "Угу.", 1), logprob=-1.4, no_speech=0.8))

    assert texts == []
    assert warnings == [
        "10.00-20.00 s: text was removed because both thresholds take it for silence "
        "(avg_logprob -1.40, no_speech_prob 0.80, compression_ratio 1.20)"
    ]


def test_segments_keep_everything_but_the_removed_words():
    segments = [Segment(0, 1, "а б", avg_logprob=-0.5), Segment(1, 2, "в г"), Segment(2, 3, "д")]

    left = list(filtering._drop_words(segments, range(1, 4)))

    assert left == [Segment(0, 1, "а", avg_logprob=-0.5), Segment(2, 3, "д")]
