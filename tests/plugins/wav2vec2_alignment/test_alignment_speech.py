"""Accuracy of the shipped model's word times on recordings with known times."""

from __future__ import annotations

import json
import re
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Segment, Span, Transcript, intervals
from whisperx_worker.hooks.dispatch import run_engine
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins import wav2vec2_alignment

pytestmark = pytest.mark.models

NAME = "wav2vec2_alignment"
SPEECH = Path(__file__).parents[2] / "speech"
MAX_ERROR_S = 0.040
MAX_NUMBER_ERROR_S = 0.150


@pytest.fixture(scope="module")
def known():
    """Recording of new sentences by voices from the training, and its utterances."""
    import soundfile

    samples, rate_hz = soundfile.read(SPEECH / "heldout.flac", dtype="float32")
    assert rate_hz == SAMPLE_RATE_HZ
    index = json.loads((SPEECH / "index.json").read_text(encoding="utf-8"))
    return Audio(samples), [spoken for spoken in index if spoken["file"] == "heldout.flac"]


@pytest.fixture(scope="module")
def align():
    """Function that aligns segments with a recording and returns their words."""
    host = load_plugin(wav2vec2_alignment, name=NAME)
    job = make_job(host, plugins={NAME: {"model": "demo-wav2vec2-ru"}})

    def words(audio, *segments, speech=()):
        before = Transcript(segments, "ru", speech=speech)
        aligned = run_engine(host, "align", Transcript, job, audio=audio, transcript=before)
        return [word for segment in aligned.segments for word in segment.words]

    return words


def median_error_s(words, spoken):
    truth = [(word, one["start"] + start, one["start"] + end) for one in spoken for word, start, end in one["words"]]
    assert [word.word for word in words] == [word for word, _, _ in truth]
    pairs = zip(words, truth, strict=True)
    return statistics.median(
        error for w, (_, start, end) in pairs for error in (abs(w.start - start), abs(w.end - end))
    )


def test_half_of_the_word_boundaries_of_known_voices_are_within_40_ms(align, known):
    audio, spoken = known
    words = align(audio, *(Segment(one["start"], one["end"], one["text"]) for one in spoken))
    assert median_error_s(words, spoken) <= MAX_ERROR_S


def test_a_segment_of_more_than_a_minute_is_as_exact_as_short_ones(align, known):
    audio, spoken = known
    spoken = [one for one in spoken if one["end"] <= 70.0]
    whole = Segment(0.0, spoken[-1]["end"], " ".join(one["text"] for one in spoken))

    assert whole.end > 60.0
    assert median_error_s(align(audio, whole), spoken) <= MAX_ERROR_S


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_sentence_that_is_missing_in_the_text_has_a_warning(known, left_out):
    audio, spoken = known
    three = spoken[:3]
    text = " ".join(one["text"] for number, one in enumerate(three) if number != left_out)
    segment = Segment(three[0]["start"], three[-1]["end"], text)
    speech = tuple(Span(one["start"] - 0.2, one["end"] + 0.2) for one in three)
    host = load_plugin(wav2vec2_alignment, name=NAME)

    def warned(segment):
        job = make_job(host, plugins={NAME: {"model": "demo-wav2vec2-ru"}})
        run_engine(host, "align", Transcript, job, audio=audio, transcript=Transcript((segment,), "ru", speech=speech))
        return job.warnings

    assert warned(replace(segment, text=" ".join(one["text"] for one in three))) == ()
    (warning,) = warned(segment)
    # The exact place is open: one sentence may be aligned with the audio of another, and a word with one of the next.
    places = [Span(float(a), float(b)) for a, b in re.findall(r"(\d+\.\d\d)-(\d+\.\d\d)", str(warning))]
    sentences = [Span(one["start"], one["end"]) for one in three]
    assert any(
        intervals.total_s(intervals.within(places, one.start, one.end)) > one.duration_s / 2 for one in sentences
    )


def row_of(spoken, audio, gap_s=0.15):
    """Join utterances with short pauses, and return them with their new times."""
    parts, moved, at = [np.zeros(round(0.4 * SAMPLE_RATE_HZ), np.float32)], [], 0.4
    for one in spoken:
        part = audio.between(one["start"], one["end"])
        moved.append({**one, "start": at, "end": at + len(part) / SAMPLE_RATE_HZ})
        parts += [part, np.zeros(round(gap_s * SAMPLE_RATE_HZ), np.float32)]
        at = moved[-1]["end"] + round(gap_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return Audio(np.concatenate(parts)), moved


@pytest.fixture(scope="module")
def row(known):
    audio, spoken = known
    return row_of(spoken[:16], audio)


def test_times_of_segments_that_are_off_by_a_second_do_not_move_the_words(align, row):
    audio, spoken = row
    draw = np.random.default_rng(0)
    edges = [(one["start"] + draw.uniform(-0.8, 0.8), one["end"] + draw.uniform(-0.8, 0.8)) for one in spoken]
    rough = [Segment(max(0.0, a), max(a + 0.3, b), one["text"]) for (a, b), one in zip(edges, spoken, strict=True)]

    words = align(audio, *rough, speech=(Span(0.2, audio.duration_s),))

    exact = align(audio, *(Segment(one["start"], one["end"], one["text"]) for one in spoken))
    assert median_error_s(words, spoken) <= MAX_ERROR_S
    assert [(word.start, word.end) for word in words] == [
        (pytest.approx(word.start, abs=0.15), pytest.approx(word.end, abs=0.15)) for word in exact
    ]


def test_the_same_words_spoken_three_times_are_found_three_times(align, known):
    audio, spoken = known
    one = next(one for one in spoken if one["text"].startswith("Привет"))
    audio, thrice = row_of([one] * 3, audio)

    words = align(
        audio,
        *(Segment(each["start"] - 0.3, each["end"] - 0.9, each["text"]) for each in thrice),
        speech=(Span(0.2, 6.0),),
    )

    truth = [each["start"] + start for each in thrice for _, start, _ in each["words"]]
    assert [word.start for word in words] == pytest.approx(truth, abs=0.1)


WRITTEN = [
    ("восемьсот семьдесят семьдесят.", "8007070."),
    ("десять пятнадцать.", "10:15."),
    ("десять пятнадцать.", "1015."),
    ("восемь девятьсот шестьдесят четыре один ноль.", "896410."),
    ("один миллион", "1000000"),
    ("один миллион", "1 000 000"),
    ("пять восемь три четыре два.", "58342."),
    ("восемьсот девяносто девяносто.", "89090."),
    ("одна тысяча восемьсот", "1800"),
    ("одна тысяча восемьсот", "1 800"),
    ("сто девятнадцать двадцать шесть.", "11926."),
    ("шестьдесят один.", "61."),
    ("три тысячи рублей.", "3000₽."),
    ("восемьдесят семь процентов.", "87%."),
    ("двадцать один.", "21."),
    ("пятого", "5"),
]


@pytest.mark.parametrize(("form", "written"), WRITTEN)
def test_numbers_in_digits_have_the_times_of_their_spoken_form(align, form, written):
    import soundfile

    index = json.loads((SPEECH / "index.json").read_text(encoding="utf-8"))
    one = next(one for one in index if form in one["text"])
    first, last = round(one["start"] * SAMPLE_RATE_HZ), round(one["end"] * SAMPLE_RATE_HZ)
    samples, _ = soundfile.read(SPEECH / one["file"], start=first, stop=last, dtype="float32")
    before = len(one["text"].partition(form)[0].split())
    spoken = one["words"][before : before + len(form.split())]

    words = align(Audio(samples), Segment(0.0, len(samples) / SAMPLE_RATE_HZ, one["text"].replace(form, written)))

    number = words[before : before + len(written.split())]
    assert " ".join(word.word for word in number) == written
    assert number[0].start == pytest.approx(spoken[0][1], abs=MAX_NUMBER_ERROR_S)
    # Groups of zeros are silent, and have times beside the number.
    assert number[-1].end == pytest.approx(spoken[-1][2], abs=MAX_NUMBER_ERROR_S)


def test_several_places_without_words_have_one_warning(known):
    audio, _ = known
    host = load_plugin(wav2vec2_alignment, name=NAME)
    job = make_job(host, plugins={NAME: {"model": "demo-wav2vec2-ru"}})
    segments = tuple(Segment(start, start + 10.0, "да") for start in (0.0, 20.0))
    speech = (Span(0.0, 10.0), Span(20.0, 30.0))

    run_engine(host, "align", Transcript, job, audio=audio, transcript=Transcript(segments, "ru", speech=speech))

    (warning,) = job.warnings
    assert warning.span is None
    assert re.fullmatch(
        r"speech was heard in \d places, but no word of the text is there: \d+\.\d\d-.*, 2\d\.\d\d-2\d\.\d\d s",
        warning.message,
    )
