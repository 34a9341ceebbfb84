"""A voiceprint of the command line names its speaker on the endpoint, and the other way round, with real models."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from tests.cli.test_cli import run
from tests.voiceprints import seen_of
from whisperx_worker.logs import job_log
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.serving import runpod_handler

pytestmark = [pytest.mark.models, pytest.mark.slow]

DIALOGUE = Path(__file__).parents[2] / "demo" / "dialogue.flac"
SECONDS = 16
MODELS = {
    "WHISPERX_WORKER_MODEL": "demo-whisper-ru",
    "WHISPERX_WORKER_DIARIZATION_MODEL": "demo-diarization",
    "WHISPERX_WORKER_SPEAKER_MODEL": "demo-speaker-embedding",
    "WHISPERX_WORKER_DEVICE": "cpu",
}


@pytest.fixture
def recording(monkeypatch, tmp_path):
    """The beginning of the demo's call; the endpoint's log is in the same folder."""
    import soundfile

    for name, value in {**MODELS, "WHISPERX_WORKER_LOG_FILE": str(tmp_path / "log.txt")}.items():
        monkeypatch.setenv(name, value)
    samples, rate_hz = soundfile.read(DIALOGUE, frames=SECONDS * 16_000, dtype="int16")
    soundfile.write(tmp_path / "call.wav", samples, rate_hz)
    runpod_handler.worker.cache_clear()
    yield tmp_path / "call.wav"
    runpod_handler.worker.cache_clear()
    job_log.stop_logging()


def of_endpoint(recording, **fields):
    """The response of the endpoint's handler."""
    data = {
        "audio_base64": base64.b64encode(recording.read_bytes()).decode(),
        "language": "ru",
        "diarization": True,
        "num_speakers": 2,
        "beam_size": 1,
        **fields,
    }
    response = asyncio.run(runpod_handler.handler({"id": "job", "input": data}))
    assert "error" not in response, response
    return json.loads(json.dumps(response))


def people(response):
    """What a request says of the speakers of a response."""
    return [
        {"name": name, "voiceprints": [speaker["voiceprint"]]}
        for name, speaker in zip(("Anna", "Ivan"), response["speakers"], strict=True)
    ]


def test_a_voiceprint_of_the_command_line_names_its_speaker_on_the_endpoint(recording, tmp_path):
    options = ["--language", "ru", "--num-speakers", "2", "--beam-size", "1", "-q"]
    made = run("transcribe", str(recording), *options, "--voiceprints", "-f", "json", "-f", "srt", "-o", str(tmp_path))
    assert made.returncode == 0, made.stderr
    known = people(json.loads((tmp_path / "call.json").read_text("utf-8")))
    answered = of_endpoint(recording, speakers=known)

    assert [(one["speaker_id"], round(one["similarity"], 3)) for one in answered["speakers"]] == [
        ("Anna", 1.0),
        ("Ivan", 1.0),
    ]
    assert {one["speaker_id"] for one in answered["segments"]} <= {"Anna", "Ivan", "unknown"}
    assert not any("voiceprint" in one for one in answered["speakers"])
    for one in known:
        text = json.dumps(answered) + made.stdout + made.stderr + (tmp_path / "call.srt").read_text("utf-8")
        assert seen_of(one["voiceprints"][0], text + (tmp_path / "log.txt").read_text("utf-8")) == []


def test_a_voiceprint_of_the_endpoint_names_its_speaker_in_a_program(recording):
    made = of_endpoint(recording, return_voiceprints=True)
    assert [set(one) for one in made["speakers"]] == [{"speaker", "speech_s", "voiceprint"}] * 2
    data = {"audio_file": str(recording), "language": "ru", "diarization": True, "num_speakers": 2, "beam_size": 1}
    answered = answer(runpod_handler.worker(), "library", {**data, "speakers": people(made)}, local=True)

    assert [one["speaker_id"] for one in answered["speakers"]] == ["Anna", "Ivan"]


def test_a_json_file_has_voiceprints_only_where_asked(recording, tmp_path):
    made = run("transcribe", str(recording), "--language", "ru", "--diarize", "-q", "-f", "json", "-o", str(tmp_path))

    assert made.returncode == 0, made.stderr
    assert "voiceprint" not in (tmp_path / "call.json").read_text("utf-8")
