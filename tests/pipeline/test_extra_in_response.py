"""Extra data of plugins goes through a whole job into its response."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

import pytest

from tests.clips import wav
from whisperx_worker import (
    Diarization,
    ExtraSchema,
    ModelCache,
    Segment,
    Settings,
    SpeakerMatch,
    SpeakerTurn,
    Transcript,
    Word,
    hookimpl,
    with_extra,
)
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker

AUDIO = base64.b64encode(wav(1.0)).decode()


class Engines:
    @hookimpl
    def transcribe(self):
        words = Word("да", 0.0, 0.4), Word("нет", 0.6, 1.0)
        return Transcript((Segment(0.0, 1.0, "да нет", words),), "ru")

    @hookimpl
    def diarize(self):
        turns = SpeakerTurn(0.0, 0.5, "A"), SpeakerTurn(0.5, 1.0, "B")
        return Diarization(turns, exclusive=turns, embeddings={})


@dataclass(frozen=True)
class Joy:
    joy: float


@dataclass(frozen=True)
class Options:
    value: float | str = 0.5


class Mood:
    """Puts its option's value on everything."""

    @hookimpl
    def register_options(self):
        return Options

    @hookimpl
    def register_extra(self):
        return ExtraSchema(word=Joy, segment=Joy, speaker=Joy, result=Joy, keep_when_cut=False)

    @hookimpl
    def post_align(self, transcript, options):
        (segment,) = transcript.segments
        first, *others = segment.words
        words = with_extra(first, "mood", joy=options.value), *others
        return replace(transcript, segments=(with_extra(replace(segment, words=words), "mood", joy=options.value),))

    @hookimpl
    def finalize(self, result, options):
        speakers = with_extra(SpeakerMatch("B"), "mood", joy=options.value), *result.speakers
        return with_extra(replace(result, speakers=speakers), "mood", joy=options.value)


@pytest.fixture(scope="module")
def worker():
    plugins = {"engines": Engines(), "mood": Mood()}
    candidates = [Candidate(name, "test", "1", load=lambda one=one: one) for name, one in plugins.items()]
    return Worker(settings := Settings(), load_host(settings, candidates), ModelCache())


def run(worker, **fields):
    return answer(worker, "job", {"audio_base64": AUDIO, **fields})


def test_the_response_has_the_data_of_word_segment_speaker_and_recording(worker):
    response = run(worker)
    assert response["segments"] == [
        {
            "start": 0.0, "end": 1.0, "text": "да нет", "extra": {"mood": {"joy": 0.5}},
            "words": [
                {"word": "да", "start": 0.0, "end": 0.4, "extra": {"mood": {"joy": 0.5}}},
                {"word": "нет", "start": 0.6, "end": 1.0},
            ],
        }
    ]  # fmt: skip
    assert response["speakers"] == [{"speaker": "B", "speech_s": 0.0, "extra": {"mood": {"joy": 0.5}}}]
    assert (response["extra"], response["warnings"]) == ({"mood": {"joy": 0.5}}, [])


def test_with_diarization_words_keep_their_data_and_pieces_what_the_schema_lets_them(worker):
    response = run(worker, diarization=True)
    assert [(piece["speaker"], piece.get("extra")) for piece in response["segments"]] == [("A", None), ("B", None)]
    assert response["segments"][0]["words"][0]["extra"] == {"mood": {"joy": 0.5}}
    assert response["speakers"] == [
        {"speaker": "A", "speech_s": 0.5},
        {"speaker": "B", "speech_s": 0.5, "extra": {"mood": {"joy": 0.5}}},
    ]


def test_wrong_data_is_left_out_with_a_warning_and_the_rest_of_the_job_goes_on(worker):
    response = run(worker, plugins={"mood": {"value": "high"}})
    refused = "plugin mood put data that its schema refuses (joy: input should be a valid number) into extra of a"
    assert response["segments"][0]["text"] == "да нет"
    assert "extra" not in response
    assert response["warnings"] == [
        f"{refused} {kind}, which is left out" for kind in ("segment", "word", "speaker", "result")
    ]


def test_in_a_strict_job_wrong_data_is_the_answer(worker):
    assert run(worker, plugins={"mood": {"value": "high"}}, strict=True)["error"].startswith("strict: plugin mood put")


def test_the_host_lists_the_schemas(worker):
    assert worker.host.extra == {
        "mood": ExtraSchema(word=Joy, segment=Joy, speaker=Joy, result=Joy, keep_when_cut=False)
    }
