"""Names of a job's speakers from a library of voices."""

from __future__ import annotations

import numpy as np
import pytest

from tests.voices.libraries import THRESHOLD, embedding, leaning, sample, voiceprint
from whisperx_worker.contract.request import Request
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.job import Job, PluginCalls
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.known_voices import KnownVoices
from whisperx_worker.types import Audio, SpeakerMatch, SpeakerTurn
from whisperx_worker.voices.embeddings import VoiceEmbeddings
from whisperx_worker.voices.enrolling import enrol_voices
from whisperx_worker.voices.library import open_library, people
from whisperx_worker.voices.voiceprint import write_voiceprint

MODEL = VoiceEmbeddings(np.zeros((0, 64), np.float32), "encoder", "r1", THRESHOLD)
TURNS = (SpeakerTurn(0.0, 2.0, "SPEAKER_00"), SpeakerTurn(3.0, 9.0, "SPEAKER_00"), SpeakerTurn(9.5, 12.0, "SPEAKER_01"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "voices.sqlite"
    with open_library(path, create=True) as library:
        enrol_voices(library, "Anna", [sample(embedding(1, spread=0), "anna")], THRESHOLD)
    return path


def job(**request):
    calls = PluginCalls(embed_voices=lambda _sounds, _job: MODEL)
    return Job("x", Request(audio_file="call.wav", **request), Settings(), ModelCache(), local=True, plugins=calls)


def match(number, vector, **fields):
    return SpeakerMatch(f"SPEAKER_{number:02}", voiceprint=write_voiceprint(voiceprint(vector)), speech_s=9.0, **fields)


def recording(seed=1):
    return Audio(np.random.default_rng(seed).normal(size=1600).astype(np.float32))


def test_speakers_get_names_and_lose_their_voiceprints(path):
    known = KnownVoices(path)
    first, second = known.name_speakers(job(), recording(), [match(0, embedding(1, 3)), match(1, embedding(5))], TURNS)
    assert (first.speaker_id, second.speaker_id) == ("Anna", "unknown")
    assert (first.voiceprint, second.voiceprint) == (None, None)


def test_voiceprints_stay_where_the_answer_is_to_have_them(path):
    given = match(0, embedding(1, 3))
    (named,) = KnownVoices(path, keeps_voiceprints=True).name_speakers(job(), recording(), [given], TURNS)
    assert (named.speaker_id, named.voiceprint) == ("Anna", given.voiceprint)


def test_a_learnt_voice_is_kept_with_its_longest_turn(path):
    (named,) = KnownVoices(path, learn=True).name_speakers(job(), recording(), [match(0, embedding(5))], TURNS)
    assert (named.speaker_id, named.similarity) == ("person_0001", None)
    with open_library(path) as library:
        assert library.connection.execute("SELECT start_s FROM voices WHERE label IS NOT NULL").fetchall() == [(3.0,)]


def test_the_threshold_of_the_job_holds(path):
    strict = job(speaker_threshold=0.99)
    (named,) = KnownVoices(path).name_speakers(strict, recording(), [match(0, embedding(1, 3))], TURNS)
    assert named.speaker_id == "unknown"


def test_a_speaker_whom_verification_named_keeps_the_name_and_is_not_kept(path):
    given = match(0, embedding(5), speaker_id="Vera", similarity=0.8)
    (named,) = KnownVoices(path, learn=True).name_speakers(job(), recording(), [given], TURNS)
    assert named.speaker_id == "Vera"
    with open_library(path) as library:
        assert [person.name for person in people(library)] == ["Anna"]


def test_an_uncertain_speaker_is_unknown_with_a_warning_that_has_no_voiceprint(path):
    asked = job()
    given = match(0, leaning({1: 0.58}, direction=96))
    (named,) = KnownVoices(path).name_speakers(asked, recording(), [given], TURNS)
    assert named.speaker_id == "unknown"
    (uncalibrated, warned) = asked.warnings
    assert "no calibration" in str(uncalibrated)
    assert str(warned).startswith("SPEAKER_00 may be Anna (0.50)")
