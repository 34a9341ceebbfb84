"""Real speech that the shipped models do not know goes through the whole job, in whatever file it comes."""

import base64
from pathlib import Path

import pytest

from tests.audio.test_decode import FORMATS
from tests.media import write
from whisperx_worker import SAMPLE_RATE_HZ, Settings
from whisperx_worker.audio.decode import decode
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "audio"

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the real recordings are not part of the project"),
]

ASKED = {
    "model": "demo-whisper-ru",
    "language": "ru",
    "align_output": True,
    "plugins": {"wav2vec2_alignment": {"model": "demo-wav2vec2-ru"}},
    # What the model makes of English is bad at every temperature; one try is enough here.
    "temperature_increment_on_fallback": None,
    "beam_size": 1,
}


@pytest.fixture(scope="module")
def worker():
    return open_worker(Settings())


@pytest.fixture(scope="module")
def six_seconds():
    audio, _ = decode(RECORDINGS / "jfk.flac", Settings())
    return audio.between(0.0, 6.0)


def check_answer(response, longest_s):
    """An answer that is as the contract has it; where it has no text it says why."""
    assert "error" not in response
    assert {"segments", "detected_language", "warnings", "logs"} <= set(response)
    for segment in response["segments"]:
        assert 0 <= segment["start"] < segment["end"] <= longest_s
        assert [word["word"] for word in segment.get("words", [])] in ([], segment["text"].split())
    assert response["segments"] or response["warnings"]


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_english_speech_in_any_file_ends_with_an_answer(worker, six_seconds, tmp_path, form):
    import soxr

    path = write(tmp_path / f"speech.{form.suffix}", form, soxr.resample(six_seconds, SAMPLE_RATE_HZ, form.rate_hz))

    response = answer(worker, str(form), {"audio_base64": base64.b64encode(path.read_bytes()).decode(), **ASKED})

    check_answer(response, longest_s=6.1)


@pytest.mark.parametrize("name", [f"ami/trn0{number}.flac" for number in range(10)])
def test_a_real_meeting_ends_with_an_answer(worker, name):
    data = (RECORDINGS / name).read_bytes()

    response = answer(worker, name, {"audio_base64": base64.b64encode(data).decode(), **ASKED})

    check_answer(response, longest_s=31.0)
