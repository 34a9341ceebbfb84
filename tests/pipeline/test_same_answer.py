"""Reproducible answers: after other jobs, beside them, in smaller batches and in a GPU's precision."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.plugins.russian_whisper.test_decoding_rules import LONG_PAUSE, between, transcribe
from tests.plugins.russian_whisper.test_decoding_rules import dialogue as dialogue  # noqa: PLC0414  a fixture
from whisperx_worker import Settings
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker_plugins.russian_whisper import text_generation

pytestmark = pytest.mark.models


@pytest.fixture
def picky():
    """A worker with thresholds that every chunk fails at every temperature."""
    return open_worker(Settings(compression_ratio_threshold=0.1, chunk_s=8.0))


@pytest.fixture
def babble(dialogue):
    """Several voices backwards at once, then one forwards."""
    voices = [between(dialogue, start, start + 6)[::-1] for start in (0, 9, 20, 31)]
    return np.concatenate([sum(voices) / 2, LONG_PAUSE, between(dialogue, 0, 4)]).astype(np.float32)


def answer_of(response):
    return response["segments"], response["warnings"]


def test_after_another_job_and_beside_it(picky, babble, dialogue):
    first = answer_of(transcribe(picky, babble))
    transcribe(picky, between(dialogue, 9, 14))
    again = answer_of(transcribe(picky, babble))
    with ThreadPoolExecutor() as pool:
        beside = pool.submit(transcribe, picky, between(dialogue, 9, 14))
        third = answer_of(transcribe(picky, babble))
        beside.result()

    assert first == again == third
    assert max(segment["temperature"] for segment in first[0]) > 0


@pytest.fixture
def several(babble):
    """So many chunks that a batch is retried in parts."""
    return np.concatenate([babble, *[LONG_PAUSE, between(babble, 0, 4)] * 4])


def test_in_smaller_batches_when_memory_ends_while_a_chunk_is_tried_again(picky, several, monkeypatch):
    generate = text_generation.TextGenerator._run_model
    plenty = transcribe(picky, several)
    batch = 0

    def little(self, encoded, speech_s, prompt, temperature, beam_size):
        nonlocal batch
        if not temperature:
            batch = encoded.shape[0]
        elif batch > 3:
            raise RuntimeError("CUDA failed with error out of memory")
        return generate(self, encoded, speech_s, prompt, temperature, beam_size)

    monkeypatch.setattr(text_generation.TextGenerator, "_run_model", little)
    response = transcribe(picky, several)

    assert response["segments"] == plenty["segments"]
    assert response["warnings"] == [
        "transcribe ran out of memory with a batch of 6, and went on with 3",
        *plenty["warnings"],
    ]


def test_in_a_precision_that_numpy_does_not_know(picky, several, monkeypatch):
    """As with int8_bfloat16 and bfloat16 on a GPU."""
    import ctranslate2
    from faster_whisper import WhisperModel

    encode = WhisperModel.encode
    monkeypatch.setattr(WhisperModel, "encode", lambda self, mels: encode(self, mels).to(ctranslate2.DataType.bfloat16))
    generate = text_generation.TextGenerator._run_model
    temperatures = []

    def watched(self, encoded, speech_s, prompt, temperature, beam_size):
        temperatures.append(temperature)
        return generate(self, encoded, speech_s, prompt, temperature, beam_size)

    monkeypatch.setattr(text_generation.TextGenerator, "_run_model", watched)

    response = transcribe(picky, several)

    assert response["segments"]
    assert max(temperatures) == 1.0
