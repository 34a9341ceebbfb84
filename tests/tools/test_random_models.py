"""Models of every production shape load through the product's own code, and a whole job runs on all of them."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools import random_models
from tools.random_models import ALIGNER, DIARIZATION, SETTINGS, SPEAKERS, WHISPER, make_models
from whisperx_worker import SAMPLE_RATE_HZ, Audio, OomBackoff, Settings
from whisperx_worker.audio.decode_server import decode
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker.testing import make_job

DEMO = Path(__file__).parents[2] / "demo"
CLIP_S = 11.0


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The models folder, each model of one layer where that can be chosen."""
    folder = tmp_path_factory.mktemp("models")
    make_models(folder, layers=1)
    return folder


@pytest.fixture(scope="module")
def clip():
    audio, _ = decode(DEMO / "dialogue.flac", Settings())
    return audio.between(0.0, CLIP_S)


@pytest.fixture
def clip_file(clip, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "clip.wav", clip, SAMPLE_RATE_HZ)
    return tmp_path / "clip.wav"


@pytest.mark.models
def test_a_job_runs_on_models_of_every_production_shape(models, clip_file):
    samples = [{"name": name, "url": str(DEMO / f"{name}.flac")} for name in ("anna", "ivan")]
    asked = {
        "audio_file": str(clip_file), "beam_size": 1, "align_output": True, "diarization": True, "debug": True,
        "speaker_samples": samples, "speaker_threshold": -1,
    }  # fmt: skip
    response = answer(open_worker(Settings(models=models, **SETTINGS)), "job", asked, local=True)
    assert "error" not in response
    assert response["detected_language"] == "ru"
    assert {name.split()[1] for name in response["debug"]["models"]} == {WHISPER, ALIGNER, DIARIZATION, SPEAKERS}
    assert not [warning for warning in response["warnings"] if "failed" in warning or "without" in warning]
    words = [word for segment in response["segments"] for word in segment["words"]]
    assert len(words) >= 14
    assert all(0 <= word["start"] < word["end"] <= CLIP_S and 0 < word["score"] <= 1 for word in words)
    assert {speaker["speaker_id"] for speaker in response["speakers"]} <= {"anna", "ivan"}
    assert {segment["speaker"] for segment in response["segments"]} == {"SPEAKER_00"}


@pytest.mark.models
def test_whisper_hears_128_bands_and_says_its_script_whatever_it_hears(models):
    from whisperx_worker_plugins._shared.whisper import model_folder, spectrogram, whisper_model

    settings = Settings(models=models)
    folder = model_folder.find_model_folder(WHISPER, settings)
    with whisper_model.use_whisper(ModelCache(), settings, folder, compute_type=None) as whisper:
        noise = np.random.default_rng(0).normal(0, 0.1, 30 * SAMPLE_RATE_HZ).astype(np.float32)
        bands = spectrogram.log_mel_spectrogram(whisper, noise)
        encoded = whisper.encode(bands)
        assert (bands.shape, tuple(encoded.shape)) == ((128, 3000), (1, 1500, 1280))
        assert (whisper.model.n_mels, whisper.model.is_multilingual, whisper.model.num_languages) == (128, True, 100)
        start = [whisper.hf_tokenizer.token_to_id(f"<|{name}|>") for name in ("startoftranscript", "ru", "transcribe")]
        tokens = whisper.model.generate(encoded, [start], beam_size=1)[0].sequences_ids[0]
    parts = re.split(r"<\|([\d.]+)\|>", whisper.hf_tokenizer.decode(tokens))
    assert parts[1::2] == [
        "0.00", "4.00", "4.00", "8.00", "8.00", "12.00", "12.00", "16.00", "16.00", "20.00", "20.00", "24.00", "24.00", "28.00",
    ]  # fmt: skip
    assert len({word for text in parts[::2] for word in text.split()}) == 49


@pytest.mark.models
def test_a_padded_batch_of_the_large_aligner_gives_what_each_recording_gives_alone(models, clip):
    from whisperx_worker_plugins.wav2vec2_alignment import checkpoints
    from whisperx_worker_plugins.wav2vec2_alignment.emissions import iter_emissions

    found = checkpoints.find(ALIGNER, Settings(models=models), None)
    model = checkpoints.load(found, "cpu")
    assert (model.normalises, model.batching, model.stride, model.receptive_field) == (True, "single", 320, 400)
    recordings = [clip[: 2 * SAMPLE_RATE_HZ], clip[: 3 * SAMPLE_RATE_HZ], clip[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ]]

    def emissions(one):
        batches = iter_emissions(one, recordings, 4, OomBackoff(make_job(), "align"))
        return dict(pair for batch in batches for pair in batch)

    alone, padded = emissions(model), emissions(replace(model, batching="padded"))
    assert [alone[number].shape for number in range(3)] == [(99, 40), (149, 40), (49, 40)]
    for number in range(3):
        np.testing.assert_allclose(np.exp(padded[number]), np.exp(alone[number]), atol=1e-4)


@pytest.mark.models
def test_the_diarization_pipeline_clusters_embeddings_of_256_by_vbx(models, clip):
    from whisperx_worker_plugins.pyannote_diarization.inference import run_pipeline
    from whisperx_worker_plugins.pyannote_diarization.pipeline import load_pipeline

    loaded = load_pipeline(DIARIZATION, models / DIARIZATION, "cpu", Path)
    assert type(loaded.pipeline.clustering.clustering).__name__ == "VBxClustering"
    assert loaded.pipeline._segmentation.model.specifications.num_powerset_classes == 7
    found = run_pipeline(loaded, Audio(clip), make_job())
    assert found.turns
    assert {vector.shape for vector in found.embeddings.values()} == {(256,)}


@pytest.mark.models
def test_the_speaker_encoder_gives_192_numbers_of_length_one(models, clip):
    from whisperx_worker_plugins.speaker_verification.encoder import load_encoder

    loaded = load_encoder(models / SPEAKERS, SPEAKERS, "cpu")
    vectors = loaded.embed([clip[: 2 * SAMPLE_RATE_HZ], clip])
    assert vectors.shape == (2, 192)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_a_model_that_could_not_be_finished_is_not_there(monkeypatch, tmp_path):
    def make_half(folder):
        folder.mkdir()
        raise OSError("no room")

    monkeypatch.setattr(random_models, "makers", lambda _layers: {"first": Path.mkdir, "second": make_half})
    with pytest.raises(OSError, match="no room"):
        make_models(tmp_path)
    assert [(tmp_path / name).is_dir() for name in ("first", "second")] == [True, False]
