"""Thresholds on a chunk's scores, and the choice of the best attempt."""

import pytest

from whisperx_worker import Settings
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk, compression_ratio
from whisperx_worker_plugins.russian_whisper.thresholds import is_complete, is_silence, needs_retry, pick_best


def decoded(logprob=-0.2, no_speech=0.0, ratio=1.2, temperature=0.0):
    return DecodedChunk((1,), "да", logprob, no_speech, ratio, temperature)


@pytest.mark.parametrize(
    ("attempt", "retry", "silence"),
    [
        (decoded(), False, False),
        (decoded(logprob=-1.1), False, False),
        (decoded(ratio=2.5), True, False),
        (decoded(no_speech=0.9), False, False),
        (decoded(logprob=-1.1, no_speech=0.9), False, True),
        (decoded(logprob=-1.0, no_speech=0.6, ratio=2.4), False, False),
    ],
)
def test_thresholds_decide_what_is_retried_and_what_is_silence(attempt, retry, silence):
    settings = Settings()

    assert (needs_retry(attempt, settings), is_silence(attempt, settings)) == (retry, silence)


@pytest.mark.parametrize(
    ("text", "speech_s", "logprob", "complete"),
    [
        ("Позвоните нам завтра после обеда.", 3.0, -0.2, True),
        ("Позвоните нам завтра после обеда.", 3.0, -0.8, False),
        ("Позвоните нам завтра после обеда.", 12.0, -0.2, False),
        ("да " * 40, 12.0, -0.1, False),
        ("Да.", 1.2, -0.2, True),
        ("", 0.5, -0.2, True),
    ],
    ids=["complete", "not sure", "much more speech", "a loop", "short", "no speech"],
)
def test_a_text_is_complete_that_is_long_enough_and_fairly_sure(text, speech_s, logprob, complete):
    chunk = DecodedChunk((1,), text, logprob, 0.0, compression_ratio(text, speech_s), 0.0, speech_s)

    assert is_complete(chunk, Settings()) is complete


def test_when_all_attempts_fail_the_most_probable_one_without_repetition_is_kept():
    attempts = [decoded(-0.1, ratio=5, temperature=0), decoded(-1.5, temperature=0.2), decoded(-1.2, temperature=0.4)]

    assert pick_best(attempts, Settings()).temperature == 0.4


def test_the_last_attempt_is_kept_when_it_passes():
    assert pick_best([decoded(-1.5), decoded(-0.5, temperature=0.2)], Settings()).temperature == 0.2


def test_repetition_raises_the_compression_ratio():
    assert compression_ratio("", 1.0) == 0
    assert compression_ratio("да " * 100, 20.0) > 2.4
    assert compression_ratio("Здравствуйте, это Анна из отдела продаж.", 3.0) < 2.4


def test_what_a_person_can_repeat_in_that_time_raises_it_not():
    text = "Алло, алло, алло, алло, алло, алло, алло, алло, вы меня слышите?"
    assert compression_ratio(text, 5.0) < 1.2
    assert compression_ratio(text, 0.5) > 1.4


def test_the_compression_ratio_does_not_depend_on_the_script():
    russian = "Позвоните нам завтра после обеда, и мы расскажем вам о новых условиях договора. "
    latin = "".join(chr(ord("a") + (ord(letter) % 26)) if letter.isalpha() else letter for letter in russian)
    assert compression_ratio(russian, 6.0) == pytest.approx(compression_ratio(latin, 6.0), rel=0.05)


def test_when_all_attempts_repeat_themselves_the_one_that_does_so_least_is_kept():
    attempts = [decoded(-0.5, ratio=5), decoded(-0.05, ratio=25, temperature=0.8)]

    assert pick_best(attempts, Settings()).temperature == 0
