"""How exact the shipped model's word times are, on recordings whose true times are known."""

from __future__ import annotations

import json
import re
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from whisperx_worker import SAMPLE_RATE_HZ, Audio, Segment, Span, Transcript, spans
from whisperx_worker.stages import engine
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins import wav2vec2_alignment

pytestmark = pytest.mark.models

NAME = "wav2vec2_alignment"
SPEECH = Path(__file__).parent / "speech"
MAX_ERROR_S = 0.040


@pytest.fixture(scope="module")
def known():
    """New sentences of voices that the model knows: the recording, and what is said in it."""
    import soundfile

    samples, rate_hz = soundfile.read(SPEECH / "heldout.flac", dtype="float32")
    assert rate_hz == SAMPLE_RATE_HZ
    index = json.loads((SPEECH / "index.json").read_text(encoding="utf-8"))
    return Audio(samples), [spoken for spoken in index if spoken["file"] == "heldout.flac"]


@pytest.fixture(scope="module")
def align():
    """Words of segments in a recording, in order."""
    host = load_plugin(wav2vec2_alignment, name=NAME)
    job = make_job(host, plugins={NAME: {"model": "demo-wav2vec2-ru"}})

    def words(audio, *segments):
        aligned = engine(host, "align", Transcript, job, audio=audio, transcript=Transcript(segments, "ru"))
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
def test_a_sentence_that_the_text_leaves_out_is_told(known, left_out):
    audio, spoken = known
    three = spoken[:3]
    said = " ".join(one["text"] for number, one in enumerate(three) if number != left_out)
    segment = Segment(three[0]["start"], three[-1]["end"], said)
    heard = tuple(Span(one["start"] - 0.2, one["end"] + 0.2) for one in three)
    host = load_plugin(wav2vec2_alignment, name=NAME)

    def warned(segment):
        job = make_job(host, plugins={NAME: {"model": "demo-wav2vec2-ru"}})
        engine(host, "align", Transcript, job, audio=audio, transcript=Transcript((segment,), "ru", speech=heard))
        return job.warnings

    assert warned(replace(segment, text=" ".join(one["text"] for one in three))) == ()
    (told,) = warned(segment)
    assert told.message == "speech was heard here, but no word of the text is"
    # Where exactly is for the aligner to say: it may take one sentence's sound for another's.
    assert any(spans.within([told.span], one["start"], one["end"]) == [told.span] for one in three)
    assert told.span.duration_s > (three[left_out]["end"] - three[left_out]["start"]) / 2


def test_several_places_without_words_are_one_warning(known):
    audio, _ = known
    host = load_plugin(wav2vec2_alignment, name=NAME)
    job = make_job(host, plugins={NAME: {"model": "demo-wav2vec2-ru"}})
    segments = tuple(Segment(start, start + 10.0, "да") for start in (0.0, 20.0))
    heard = (Span(0.0, 10.0), Span(20.0, 30.0))

    engine(host, "align", Transcript, job, audio=audio, transcript=Transcript(segments, "ru", speech=heard))

    (told,) = job.warnings
    assert told.span is None
    assert re.fullmatch(
        r"speech was heard in \d places, but no word of the text is there: \d+\.\d\d-.*, 2\d\.\d\d-29\.80 s",
        told.message,
    )
