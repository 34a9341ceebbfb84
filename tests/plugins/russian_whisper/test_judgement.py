"""Signs against a text: none leaves it, one makes it doubtful, two remove it."""

import pytest

from tests.plugins.russian_whisper.letter_tokens import LetterWhisper, decoded_chunk
from whisperx_worker import Segment, Settings, Span
from whisperx_worker_plugins.russian_whisper import judgement
from whisperx_worker_plugins.russian_whisper.chunking import Chunk
from whisperx_worker_plugins.russian_whisper.judgement import Sign

CHUNK = Chunk((Span(10.0, 20.0),))
SENTENCE = "Добрый день, я звоню по поводу заказа."


def judge(decoded, speech=(CHUNK,)):
    readings = judgement.judge_chunks([(CHUNK, decoded)], speech, LetterWhisper(), Settings())
    return [
        (one.segment.text, "removed" if one.is_removed else "doubtful" if one.segment.doubtful else "kept", one.signs)
        for one in readings
    ]


@pytest.mark.parametrize(
    ("text", "end_s", "scores", "fate", "signs"),
    [
        (SENTENCE, 3, {}, "kept", ()),
        (SENTENCE, 3, {"no_speech": 0.9}, "kept", (Sign.NO_SPEECH,)),
        (SENTENCE, 3, {"logprob": -0.9}, "kept", (Sign.UNSURE,)),
        (SENTENCE, 3, {"logprob": -0.9, "no_speech": 0.9}, "kept", (Sign.UNSURE, Sign.NO_SPEECH)),
        (SENTENCE, 3, {"logprob": -1.1}, "doubtful", (Sign.UNSURE,)),
        (SENTENCE, 3, {"logprob": -1.1, "no_speech": 0.9}, "removed", (Sign.SILENT, Sign.UNSURE, Sign.NO_SPEECH)),
        (SENTENCE, 3, {"ratio": 2.5}, "doubtful", (Sign.REPEATED,)),
        (SENTENCE, 3, {"ratio": 2.5, "logprob": -0.6}, "removed", (Sign.REPEATED, Sign.UNSURE)),
        ("Субтитры сделал DimaTorzok", 3, {}, "doubtful", (Sign.INVENTED,)),
        ("Субтитры сделал DimaTorzok", 3, {"no_speech": 0.9}, "removed", (Sign.INVENTED, Sign.NO_SPEECH)),
        ("Субтитры сделал DimaTorzok", 3, {"logprob": -0.6}, "removed", (Sign.INVENTED, Sign.UNSURE)),
    ],
)
def test_signs_are_counted(text, end_s, scores, fate, signs):
    assert judge(decoded_chunk((0, text, end_s), **scores)) == [(text, fate, signs)]


def test_a_credit_after_speech_is_removed_and_the_speech_stays():
    decoded = decoded_chunk((0, "Да, слушаю вас.", 2), (4, "Субтитры сделал DimaTorzok", 9))

    found = judge(decoded, speech=(Span(10.0, 12.5), Span(18.9, 19.2)))

    assert found == [
        ("Да, слушаю вас.", "kept", ()),
        ("Субтитры сделал DimaTorzok", "removed", (Sign.INVENTED, Sign.TOO_FAST)),
    ]


def test_text_away_from_speech_is_removed():
    decoded = decoded_chunk((0, "Да, слушаю вас.", 2), (4, "Ну вот.", 5))

    found = judge(decoded, speech=(Span(10.0, 12.5), Span(18.0, 20.0)))

    assert found[1] == ("Ну вот.", "removed", (Sign.AWAY_FROM_SPEECH,))


def test_text_that_is_too_dense_only_by_its_own_times_stays():
    decoded = decoded_chunk((0, SENTENCE, 0.5), (0.5, "Да.", 5))

    assert [fate for _, fate, _ in judge(decoded)] == ["kept", "kept"]


def test_text_without_enough_speech_in_the_whole_chunk_is_doubtful():
    assert judge(decoded_chunk((0, SENTENCE, 5)), speech=(Span(11.0, 11.5),)) == [
        (SENTENCE, "doubtful", (Sign.TOO_FAST,))
    ]


def test_of_an_endless_loop_over_several_segments_the_first_unit_is_kept():
    decoded = decoded_chunk((0, "Ну что.", 1), *((at, "Спасибо большое.", at + 0.5) for at in steps(1, 9, 0.5)))

    found = judge(decoded)

    assert [text for text, fate, _ in found if fate == "kept"] == ["Ну что.", "Спасибо большое."]
    assert [text for text, fate, _ in found if fate == "removed"] == ["Спасибо большое."] * 15


def steps(start, end, step):
    return [start + step * index for index in range(round((end - start) / step))]


def test_segments_keep_everything_but_the_words_that_do_not_stay():
    segments = [Segment(0, 1, "а б", avg_logprob=-0.5), Segment(1, 2, "в г"), Segment(2, 3, "д")]

    left = list(judgement._shorten(segments, [True, False, False, False, True]))

    assert left == [
        (Segment(0, 1, "а", avg_logprob=-0.5), "б"),
        (Segment(1, 2, ""), "в г"),
        (Segment(2, 3, "д"), ""),
    ]
