"""A library of voices from enrolment to oblivion, by the shipped models on the shipped recordings."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_cli import run

pytestmark = pytest.mark.models

DEMO = Path(__file__).parents[2] / "demo"
MODEL = ("--speaker-model", "demo-speaker-embedding")
MODELS = (*MODEL, "--model", "demo-whisper-ru", "--language", "ru", "--diarization-model", "demo-diarization")


@pytest.fixture
def library(tmp_path, monkeypatch):
    path = tmp_path / "voices.sqlite"
    monkeypatch.setenv("WHISPERX_WORKER_VOICES", str(path))
    return path


def sound(name):
    import soundfile

    return soundfile.read(DEMO / f"{name}.flac", dtype="float32")


def call(path, left, right, *, stereo=True):
    """Write a recording in which one speaks after the other, each on a channel or both on one."""
    (first, rate_hz), (second, _) = sound(left), sound(right)
    silence = np.zeros(rate_hz // 2, np.float32)
    rows = [
        np.concatenate([first, silence, np.zeros_like(second)]),
        np.concatenate([np.zeros_like(first), silence, second]),
    ]
    import soundfile

    soundfile.write(path, np.stack(rows, axis=1) if stereo else sum(rows), rate_hz)
    return str(path)


def names(recording, *options):
    """Return the names of a recording's speakers in the order in which they begin."""
    found = run("transcribe", recording, "--format", "json", "-q", *MODELS, *options)
    assert found.returncode == 0, found.stderr
    segments = json.loads(found.stdout)["segments"]
    return list(dict.fromkeys(segment["speaker_id"] for segment in segments))


def listed():
    return [person["name"] for person in json.loads(run("voices", "list", "--json").stdout)]


def test_a_voice_is_named_known_again_and_forgotten(library, tmp_path):
    first = call(tmp_path / "first.wav", "anna-2", "ivan-2", stereo=False)
    second = call(tmp_path / "second.wav", "olga", "ivan")
    assert run("voices", "enrol", "Anna", str(DEMO / "anna.flac"), *MODEL).returncode == 0

    assert names(first, "--voices", str(library)) == ["Anna", "unknown"]
    assert listed() == ["Anna"]
    assert names(first, "--voices", str(library), "--learn") == ["Anna", "person_0001"]
    assert names(second, "--learn", "--channels", "separate") == ["unknown", "person_0001"]
    assert listed() == ["Anna", "person_0001"]
    assert len(json.loads(run("voices", "pending", "--json").stdout)) == 1  # Olga's synthetic voice is much like Anna's

    with sqlite3.connect(library) as connection:
        kept = connection.execute(
            "SELECT v.embedding FROM voices v JOIN people p ON p.id = v.person WHERE p.name = 'person_0001'"
        ).fetchall()
    assert len(kept) == 2
    assert run("voices", "forget", "person_0001", "--yes").returncode == 0
    content = library.read_bytes()
    assert not any(embedding[:16] in content for (embedding,) in kept)
    assert names(second, "--voices", str(library), "--channels", "separate") == ["unknown"]


def test_channels_that_are_read_apart_are_not_diarized(library, tmp_path):
    recording = call(tmp_path / "call.wav", "anna", "ivan")
    found = run("transcribe", recording, "--format", "json", "-q", *MODELS, "--learn", "--channels", "separate")

    assert found.returncode == 0, found.stderr
    assert {one["speaker"] for one in json.loads(found.stdout)["speakers"]} == {"CHANNEL_0", "CHANNEL_1"}
    assert listed() == ["person_0001", "person_0002"]
    assert names(recording, "--voices", str(library), "--channels", "separate") == ["person_0001", "person_0002"]
