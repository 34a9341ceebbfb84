"""Checkpoints of acoustic models: their choice, location and refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_alignment_model import load, save_model

from whisperx_worker import ModelNotFoundError, Segment, Settings, Transcript, WorkerError
from whisperx_worker.testing import make_audio, make_job
from whisperx_worker_plugins import wav2vec2_alignment
from whisperx_worker_plugins.wav2vec2_alignment import checkpoints

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("language", "requested", "setting", "name"),
    [
        ("ru", None, None, "jonatasgrosman/wav2vec2-large-xlsr-53-russian"),
        ("en", None, None, "WAV2VEC2_ASR_BASE_960H"),
        ("ru", None, "house", "house"),
        ("ru", "mine", "house", "mine"),
        (None, "mine", None, "mine"),
    ],
)
def test_the_jobs_model_precedes_the_operators_and_that_the_table(language, requested, setting, name):
    assert checkpoints.choose_model_name(language, requested, Settings(align_model=setting)) == name


@pytest.mark.parametrize(
    ("language", "why"), [("yo", "there is no alignment model for the language 'yo'"), (None, "language is not known")]
)
def test_a_language_without_a_model_is_a_clear_error(language, why):
    with pytest.raises(WorkerError, match=why):
        checkpoints.choose_model_name(language, None, Settings())


def test_a_missing_model_is_a_clear_error(tmp_path):
    with pytest.raises(ModelNotFoundError, match="'nowhere' is not on this worker"):
        checkpoints.find("nowhere", Settings(models=tmp_path), None)


def test_a_folder_of_another_kind_of_model_is_a_clear_error(tmp_path):
    save_model(tmp_path / "other")
    (tmp_path / "other" / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(WorkerError, match="'other' is not a wav2vec2 model, so it cannot align"):
        load(tmp_path, "other")


@pytest.mark.parametrize("file", ["vocab.json", "preprocessor_config.json"])
def test_a_folder_that_lacks_a_file_is_a_clear_error(tmp_path, file):
    (save_model(tmp_path / "half") / file).unlink()
    with pytest.raises(WorkerError, match=f"the folder of the alignment model 'half' has no {file}"):
        load(tmp_path, "half")


def test_a_model_without_a_head_for_characters_is_a_clear_error(tmp_path):
    from transformers import Wav2Vec2ForCTC, Wav2Vec2ForPreTraining

    folder = save_model(tmp_path / "headless")
    config = Wav2Vec2ForCTC.from_pretrained(folder).config
    Wav2Vec2ForPreTraining(config).save_pretrained(folder)
    with pytest.raises(WorkerError, match="'headless' was never trained to tell characters"):
        load(tmp_path, "headless")


@pytest.fixture
def bundle(monkeypatch):
    """torchaudio's English bundle, made small."""
    import torchaudio.pipelines

    name = "WAV2VEC2_ASR_BASE_960H"
    real = getattr(torchaudio.pipelines, name)
    layers = [(16, kernel, stride) for _, kernel, stride in real._params["extractor_conv_layer_config"]]
    params = real._params | {
        "extractor_conv_layer_config": layers, "encoder_embed_dim": 16, "encoder_pos_conv_kernel": 16,
        "encoder_pos_conv_groups": 2, "encoder_num_layers": 1, "encoder_num_heads": 2, "encoder_ff_interm_features": 16,
    }  # fmt: skip
    monkeypatch.setattr(torchaudio.pipelines, name, replace(real, _params=params))
    return getattr(torchaudio.pipelines, name)


def test_a_torchaudio_bundle_aligns_from_the_models_folder(bundle, tmp_path):
    import torch
    from torchaudio.models import wav2vec2_model

    weights = wav2vec2_model(**bundle._params).state_dict()
    # The published files have three unused columns; torchaudio removes them.
    for key in ("aux.weight", "aux.bias"):
        value = weights[key]
        weights[key] = torch.cat([value[:1], torch.zeros(3, *value.shape[1:]), value[1:]])
    torch.save(weights, tmp_path / bundle._path)

    job = make_job()
    job.settings = Settings(models=tmp_path, device="cpu")
    before = Transcript((Segment(0.0, 4.0, "It's well-known. Really?"),), "en")
    transcript = wav2vec2_alignment.align(make_audio(4.0), before, job, None)

    assert [[word.word for word in segment.words] for segment in transcript.segments] == [
        ["It's", "well-known."],
        ["Really?"],
    ]
    assert job.warnings == ()


def test_a_torchaudio_bundle_that_is_not_here_is_not_downloaded(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ModelNotFoundError, match="'WAV2VEC2_ASR_BASE_960H' is not on this worker"):
        checkpoints.find("WAV2VEC2_ASR_BASE_960H", Settings(models=tmp_path), None)
    allowed = Settings(models=tmp_path, hub_models="WAV2VEC2_ASR_BASE_960H")
    assert checkpoints.find("WAV2VEC2_ASR_BASE_960H", allowed, None).folder is None
