"""What a detector found is compared with the words and turns of a recording, by literals."""

from dataclasses import replace

import numpy as np
import pytest

from bench.detectors import Found, compare, framed, run, table, threshold
from bench.real_conditions import RealRecording, Turn, as_piece, record, row
from bench.real_voices import read_voices
from bench.recordings import TimedWord
from bench.word_times import trim, with_times
from whisperx_worker import SAMPLE_RATE_HZ, Span

RECORDING = RealRecording(
    "call",
    np.zeros(10 * SAMPLE_RATE_HZ, np.float32),
    (TimedWord("да", 1.0, 2.0), TimedWord("нет", 2.0, 3.0), TimedWord("да", 6.0, 7.0)),
    (Turn("Да, нет.", "ru", "one", 1.0, 3.0), Turn("Да.", "ru", "two", 6.0, 7.0)),
)


@pytest.fixture(scope="module")
def voices():
    return read_voices()


def test_words_and_seconds_are_counted():
    found = compare(RECORDING, [Span(0.5, 2.0), Span(4.0, 4.5), Span(6.0, 7.2)], cpu_s=0.25)
    assert found == Found(3, 1, 3.0, pytest.approx(1.0), pytest.approx(3.2), pytest.approx(0.7), 10.0, 0.25)


@pytest.mark.parametrize(("end", "missed"), [(1.45, 2), (1.3, 3)])
def test_a_word_is_missed_a_tenth_of_a_second_from_all_found_speech(end, missed):
    assert compare(RECORDING, [Span(0.0, end)]).missed_words == missed


def test_nothing_found_misses_everything_and_overlaps_count_once():
    assert compare(RECORDING, []).missed_words == 3
    assert compare(RECORDING, [Span(0.0, 8.0), Span(2.0, 10.0)]).found_s == 10.0


def test_probabilities_become_intervals_by_hysteresis():
    probabilities = np.array([0.0, 0.6, 0.4, 0.4, 0.3, 0.4, 0.9, 0.9])
    assert threshold(probabilities, 0.5) == [Span(0.5, 2.0), Span(3.0, 4.0)]
    assert threshold(probabilities, 0.04) == [Span(0.04, 0.32)]  # a pause of 0.08 s
    assert threshold(np.array([0.0, 0.9, 0.0]), 0.05) == []


def test_every_frame_stands_behind_the_end_of_the_one_before_it():
    frames = framed(np.arange(1, 1_101, dtype=np.float32), 16_000)
    assert frames.shape == (3, 576)
    assert frames[0, :64].max() == 0
    assert frames[1, 62:66].tolist() == [511, 512, 513, 514]
    assert frames[2, -1] == 0


def test_a_detector_of_everything_misses_no_word_and_is_wrong_in_all_pauses(voices):
    recordings = row(voices)
    found = run(lambda sound: [Span(0.0, len(sound) / SAMPLE_RATE_HZ)], recordings)
    assert (found.missed_words, found.missed_s) == (0, pytest.approx(0.0, abs=1e-6))
    assert found.false_s == pytest.approx(found.audio_s - found.speech_s - 2 * 0.3 * 27, abs=12.0)


def test_a_table_has_a_line_for_each_condition_and_the_sum():
    rows = {"calls": {"one": compare(RECORDING, [Span(1.0, 3.0)])}, "hum": {"one": Found(false_s=2.0, audio_s=60.0)}}
    assert list(table(rows, ["one"]))[3:5] == ["| calls (3 words, 10 s) | 1 (33.3; 0.0) |", "| hum (60 s) | 2.0 |"]


def test_words_of_a_clip_are_spread_over_its_speech(voices):
    for clip in voices.russian:
        assert all(word.start < word.end for word in clip.words)
        assert [word.start for word in clip.words] == sorted(word.start for word in clip.words)
        assert clip.words[-1].end <= clip.duration_s + 1e-6


def test_aligned_words_keep_their_place_in_a_recording(voices):
    clip = voices.russian[0]
    piece = replace(as_piece(clip), words=tuple(replace(w, start=w.start + 9, end=w.end + 9) for w in clip.words))
    key = (clip.speaker, clip.text)
    aligned = with_times(record("call", [clip], piece), {key: (TimedWord("мы", 0.9, 1.1),)}, {key: clip.speech})
    assert [(word.text, round(word.start, 6), round(word.end, 6)) for word in aligned.words] == [("мы", 9.9, 10.1)]


def test_a_word_does_not_begin_in_the_pause_before_it(voices):
    clip = voices.russian[0]
    (word,) = trim([TimedWord("Мы", 0.12, 1.12)], clip)
    assert word.end - word.start <= 0.1 + 0.08 * 2 + 0.021
    assert word.end == pytest.approx(1.12, abs=0.021)
