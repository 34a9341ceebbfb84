"""Loading of a Whisper folder: mel bands and CUDA libraries."""

import base64
import io
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tests.random_whisper import Shape, make_whisper
from whisperx_worker import SAMPLE_RATE_HZ, ModelCache, Settings, WorkerError
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker_plugins._shared.whisper import cuda_libraries, spectrogram, whisper_model

SMALL = {"width": 64, "heads": 2, "hidden": 64, "encoder_heads": 2}


def transcribe(worker, name):
    import soundfile

    hiss = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE_HZ)
    written = io.BytesIO()
    soundfile.write(written, hiss, SAMPLE_RATE_HZ, format="FLAC")
    recording = base64.b64encode(written.getvalue()).decode()
    data = {"audio_base64": recording, "model": name, "vad_onset": 0.001, "vad_offset": 0.0}
    return answer(worker, "loading", data)


@pytest.mark.models
@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("configured", [None, 80, 128])
def test_the_weights_decide_how_many_mel_bands_a_model_gets(tmp_path, caplog, mels, configured):
    folder = make_whisper(tmp_path / "random", Shape(**SMALL, mels=mels), ends_at_once=True)
    if configured:
        (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": configured}))

    response = transcribe(open_worker(Settings(models=tmp_path)), "random")

    assert "error" not in response
    assert response["detected_language"]
    disagreement = f"the model 'random' says {configured} mel bands, but its weights have {mels}, which are used"
    assert (disagreement in caplog.text) == (configured not in {None, mels})


@pytest.mark.models
def test_bands_that_agree_leave_the_feature_extractor_alone(tmp_path):
    folder = make_whisper(tmp_path / "random", Shape(**SMALL, mels=128))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128, "n_fft": 400}))

    with whisper_model.use_whisper(ModelCache(), Settings(), folder, "float32") as whisper:
        assert whisper.feat_kwargs == {"feature_size": 128, "n_fft": 400}
        assert spectrogram.log_mel_spectrogram(whisper, np.zeros(SAMPLE_RATE_HZ, np.float32)).shape == (128, 3000)


FOUND_BY_NAME = """
    import ctypes

    def is_found(name):
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    from whisperx_worker_plugins._shared.whisper.cuda_libraries import CUBLAS, preload_cuda_libraries
    before = is_found(CUBLAS)
    preload_cuda_libraries()
    print(before, is_found(CUBLAS))
"""


@pytest.mark.models
def test_cublas_of_a_pip_package_is_found_by_name_after_preloading():
    if not list(cuda_libraries._find_installed(cuda_libraries.CUBLAS)):
        pytest.skip("the package nvidia-cublas-cu12 is not installed")
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FOUND_BY_NAME)],
        capture_output=True, encoding="utf-8", env=environment, check=True,
    )  # fmt: skip

    assert ended.stdout.split()[1] == "True"


def test_a_gpu_without_cublas_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cuda_libraries, "CUBLAS", "libcublas.so.0")

    with pytest.raises(WorkerError, match=r"^cuBLAS \(libcublas\.so\.0\) is not installed, .* nvidia-cublas-cu12"):
        cuda_libraries.preload_cuda_libraries()


@pytest.mark.models
@pytest.mark.parametrize(("device", "preloads"), [("cuda", 1), ("cpu", 0)])
def test_only_a_gpu_needs_the_libraries_and_before_the_model_is_loaded(tmp_path, monkeypatch, device, preloads):
    folder = make_whisper(tmp_path / "random", Shape(**SMALL))
    order = []
    monkeypatch.setattr(whisper_model, "preload_cuda_libraries", lambda: order.append("libraries"))
    monkeypatch.setattr(whisper_model, "_check_compute_type", lambda *_: None)
    monkeypatch.setattr(whisper_model, "_device", lambda _settings: device)

    def watched(*arguments, **named):
        from faster_whisper.transcribe import WhisperModel

        order.append("model")
        return WhisperModel(*arguments, **{**named, "device": "cpu"})

    monkeypatch.setattr("faster_whisper.WhisperModel", watched)
    with whisper_model.use_whisper(ModelCache(), Settings(), folder, "float32") as loaded:
        assert loaded.model.n_mels == Shape().mels
    assert order == ["libraries"] * preloads + ["model"]
