"""The echo of one channel in another appears once; two people who say the same stay two."""

from dataclasses import replace

import numpy as np
import pytest

from tests.pipeline.test_channels import SECOND, laid_out, noise, segment
from whisperx_worker import Segment, Transcript, Word
from whisperx_worker.audio.channel_coherence import MAX_DELAY, coherent_share, delay, level_db
from whisperx_worker.results.repeated_words import repeated_runs, spoken_words
from whisperx_worker.testing import Recording, run_job

VOICE, OTHER = noise(1), noise(2)
QUIET = noise(3, level=1e-5)


def late(sound, samples):
    return np.concatenate([np.zeros(samples, np.float32), sound[: len(sound) - samples]])


def texts(recording, **fields):
    answer = run_job({}, recording, channels="separate", **fields).response
    return [(one["channel"], one["text"]) for one in answer["segments"]], answer


def call(first, second, *segments):
    return Recording(laid_out(first, second), Transcript(tuple(sorted(segments, key=lambda one: one.start)), "ru"))


SOURCE = segment(1.0, "Слушаю", "вас.")
REPEATED = segment(SECOND + 1.1, "слушаю", "вас")


@pytest.mark.parametrize(
    "echo",
    [0.2 * late(VOICE, 500), -0.5 * late(VOICE, 3000), 0.3 * VOICE + 0.5 * late(VOICE, 160)],
    ids=["a headset", "a room of opposite phase", "two paths"],
)
def test_an_echo_appears_once_and_is_reported_and_listed(echo):
    found, answer = texts(call(VOICE, echo.astype(np.float32) + QUIET, SOURCE, REPEATED), debug=True)

    assert found == [(0, "Слушаю вас.")]
    assert answer["warnings"] == [
        "2 words are the echo of another channel, which has the same ones, and were removed "
        "(channel 1, 1.10-1.80 s)"
    ]  # fmt: skip
    why = "another channel has these words at the same time, and this is their echo"
    assert answer["debug"]["removed"] == [{"channel": 1, "start": 1.1, "end": 1.8, "text": "слушаю вас", "why": why}]


def test_an_echo_is_no_loss_so_a_strict_job_succeeds():
    assert texts(call(VOICE, 0.2 * late(VOICE, 500) + QUIET, SOURCE, REPEATED), strict=True)[0] == [(0, "Слушаю вас.")]


def test_the_stronger_channel_keeps_its_text_whichever_comes_first():
    weak = 0.2 * late(VOICE, 500) + QUIET
    assert texts(call(weak, VOICE, SOURCE, REPEATED))[0] == [(1, "слушаю вас")]


@pytest.mark.parametrize("level", [1.0, 0.3], ids=["equally loud", "one is quieter"])
def test_two_people_who_say_the_same_at_once_both_stay(level):
    found, answer = texts(call(VOICE, level * OTHER, SOURCE, REPEATED))
    assert found == [(0, "Слушаю вас."), (1, "слушаю вас")]
    assert answer["warnings"] == []


def test_a_voice_over_the_echo_stays():
    assert len(texts(call(VOICE, OTHER + 0.2 * late(VOICE, 500), SOURCE, REPEATED))[0]) == 2


def test_only_the_echoed_words_of_a_segment_are_removed():
    own = OTHER.copy()
    own[: round(1.7 * 16_000)] = 0.2 * late(VOICE, 500)[: round(1.7 * 16_000)] + QUIET[: round(1.7 * 16_000)]
    both = segment(SECOND + 0.9, "слушаю", "вас.", "Добрый", "день.")
    found, _ = texts(call(VOICE, own, SOURCE, both))
    assert found == [(0, "Слушаю вас."), (1, "Добрый день.")]


def test_the_rest_of_an_echoed_segment_that_was_recognised_otherwise_goes_too():
    misread = segment(SECOND + 1.1, "слушаю", "вас", "внимание")
    found, _ = texts(call(VOICE, 0.2 * late(VOICE, 500) + QUIET, SOURCE, misread))
    assert found == [(0, "Слушаю вас.")]


def test_segments_without_words_are_compared_by_their_text():
    bare = [replace(SOURCE, words=()), replace(REPEATED, words=())]
    assert texts(call(VOICE, 0.2 * late(VOICE, 500) + QUIET, *bare))[0] == [(0, "Слушаю вас.")]


def test_the_same_words_at_another_time_are_no_repetition():
    later = segment(SECOND + 2.0, "слушаю", "вас")
    assert len(texts(call(VOICE, 0.2 * late(VOICE, 500) + QUIET, SOURCE, later))[0]) == 2


def test_the_words_of_three_channels_are_compared_with_each_other():
    third = 2 * SECOND
    audio = laid_out(VOICE, OTHER, 0.2 * late(OTHER, 800) + QUIET)
    transcript = Transcript((SOURCE, REPEATED, segment(third + 1.15, "Слушаю", "вас")), "ru")
    assert texts(Recording(audio, transcript))[0] == [(0, "Слушаю вас."), (1, "слушаю вас")]


def test_a_delay_is_found_either_way():
    assert delay(VOICE, late(VOICE, 700)) == 700
    assert delay(late(VOICE, 700), VOICE) == -700
    assert abs(delay(VOICE, OTHER)) <= MAX_DELAY


def test_coherence_of_an_echo_is_near_one_and_of_two_sounds_near_none():
    assert coherent_share(VOICE, 0.1 * late(VOICE, 700)) > 0.9
    assert coherent_share(VOICE, OTHER) < 0.05
    assert coherent_share(VOICE[:100], VOICE[:100]) == 0.0
    assert coherent_share(VOICE, np.zeros_like(VOICE)) == 0.0


def test_silence_has_a_level():
    assert level_db(np.zeros(10, np.float32)) == level_db(VOICE[:0]) == -120.0


def test_words_match_by_letters_and_time_in_the_order_of_the_text():
    some = spoken_words([Segment(0.0, 3.0, "", (Word("Ещё", 0.0, 0.3), Word("раз!", 0.4, 0.8), Word("да", 2.0, 2.2)))])
    others = spoken_words([Segment(0.0, 3.0, "", (Word("еще", 0.1, 0.3), Word("раз", 0.5, 0.8), Word("да", 2.5, 2.7)))])
    assert [[one.plain for one, _ in run] for run in repeated_runs(some, others)] == [["еще", "раз"]]
