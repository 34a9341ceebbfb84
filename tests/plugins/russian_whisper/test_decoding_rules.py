"""Decoding rules on real audio with the shipped model."""

import base64
import io
import json
from pathlib import Path

import jiwer
import numpy as np
import pytest

from demo.demo import plain
from whisperx_worker import SAMPLE_RATE_HZ, Audio, Segment, Settings, Span, Transcript
from whisperx_worker.hooks.dispatch import run_engine
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins import wav2vec2_alignment
from whisperx_worker_plugins.russian_whisper import coverage, text_generation

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[3]
DIALOGUE = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))
LONG_PAUSE = np.zeros(7 * SAMPLE_RATE_HZ, np.float32)
"""Pause that is too long for the inside of a chunk."""


@pytest.fixture(scope="module")
def dialogue():
    import soundfile

    return soundfile.read(ROOT / "demo" / "dialogue.flac", dtype="float32")[0]


@pytest.fixture(scope="module")
def worker():
    return open_worker(Settings())


def transcribe(worker, samples, **fields):
    import soundfile

    written = io.BytesIO()
    soundfile.write(written, samples, SAMPLE_RATE_HZ, format="FLAC")
    data = {
        "audio_base64": base64.b64encode(written.getvalue()).decode(),
        "model": "demo-whisper-ru",
        "language": "ru",
        "debug": True,
        **fields,
    }
    response = answer(worker, "rules", data)
    assert "error" not in response
    return response


def between(samples, start, end):
    return samples[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)]


def text_of(response):
    return plain(" ".join(segment["text"] for segment in response["segments"]))


def noise(samples, snr_db, seed=0):
    hiss = np.random.default_rng(seed).normal(size=len(samples)).astype(np.float32)
    return hiss * np.float32(np.sqrt((samples**2).mean()) * 10 ** (-snr_db / 20))


def test_only_the_chunk_that_fails_gets_higher_temperatures(dialogue):
    clear = between(dialogue, 0, 9.4)
    buried = clear + noise(clear, snr_db=-3)
    picky = open_worker(Settings(logprob_threshold=-0.5, no_speech_threshold=1.0, chunk_s=10.0))

    response = transcribe(picky, np.concatenate([clear, LONG_PAUSE, buried]), vad_onset=0.3, vad_offset=0.2)

    middle = (len(clear) + len(LONG_PAUSE) / 2) / SAMPLE_RATE_HZ
    first = [segment for segment in response["segments"] if segment["end"] < middle]
    kept = [warning for warning in response["warnings"] if "this text is doubtful" in warning]
    climbed = [segment for segment in response["segments"] if segment["start"] > middle and segment["temperature"] > 0]
    assert {segment["temperature"] for segment in first} == {0.0}
    assert climbed or kept


def test_a_chunk_that_repeats_itself_is_decoded_at_each_temperature_and_the_best_is_kept(dialogue, monkeypatch):
    tried = []
    generate = text_generation.TextGenerator._run_model

    def watched(self, encoded, speech_s, prompt, temperature, beam_size):
        tried.append((temperature, encoded.shape[0], beam_size))
        return generate(self, encoded, speech_s, prompt, temperature, beam_size)

    monkeypatch.setattr(text_generation.TextGenerator, "_run_model", watched)
    picky = open_worker(Settings(compression_ratio_threshold=0.1))

    response = transcribe(picky, between(dialogue, 0, 9.4))

    assert tried[:6] == [(0.0, 1, 5), *((temperature, 3, 1) for temperature in (0.2, 0.4, 0.6, 0.8, 1.0))]
    kept = {segment["avg_logprob"] for segment in response["segments"]}
    assert len(kept) == 1
    assert text_of(response).startswith("доброе утро")


def test_noise_that_the_detector_accepts_has_no_words(worker):
    rng = np.random.default_rng(3)
    hiss = np.convolve(rng.normal(0, 0.1, 12 * SAMPLE_RATE_HZ), np.ones(9) / 3, "same").astype(np.float32)

    response = transcribe(worker, hiss, vad_onset=0.001, vad_offset=0.0)

    assert response["segments"] == []
    assert response["warnings"]
    for removed in response.get("debug", {}).get("removed", []):
        assert removed["why"]


def test_speech_without_text_is_decoded_again_in_chunks_of_its_own(worker, dialogue, monkeypatch):
    """In chunks of 30 s the small model skips sentences of the shipped dialogue."""
    found = transcribe(worker, dialogue)
    monkeypatch.setattr(coverage, "uncovered_speech", lambda *_: [])
    once = transcribe(worker, dialogue)

    reference = plain(DIALOGUE["text"])
    lost, left = (jiwer.process_words(reference, text_of(response)).deletions for response in (once, found))
    assert left < lost


def test_speech_that_stays_without_text_is_reported_with_its_times(worker, dialogue):
    backwards = between(dialogue, 19, 23)[::-1].copy()
    sound = np.concatenate([between(dialogue, 0, 9.4), LONG_PAUSE, backwards])

    response = transcribe(worker, sound)

    start = (len(sound) - len(backwards)) / SAMPLE_RATE_HZ
    inside = [segment for segment in response["segments"] if segment["end"] > start]
    reported = [warning for warning in response["warnings"] if float(warning.split("-")[0]) > start - 1]
    assert inside or reported


def test_a_chunk_with_little_speech_gets_no_prompt(worker, dialogue):
    prompt = "Водитель приедет в пятницу. Всего вам доброго."
    short = between(dialogue, 0, 2.1)

    assert transcribe(worker, short, initial_prompt=prompt)["segments"] == transcribe(worker, short)["segments"]
    assert transcribe(worker, short, hotwords="пятницу, водитель")["segments"] == transcribe(worker, short)["segments"]


def test_an_echo_of_the_prompt_is_decoded_again_without_it(worker, dialogue, monkeypatch):
    """The prompt contains the spoken words, so the correct text looks like an echo."""
    sound = between(dialogue, 2.2, 7.0)
    plainly = transcribe(worker, sound)
    spoken = " ".join(segment["text"] for segment in plainly["segments"])
    prompts = []
    prompt_of = text_generation.TextGenerator._prompt_tokens
    monkeypatch.setattr(
        text_generation.TextGenerator,
        "_prompt_tokens",
        lambda self, *, prompted: prompts.append(prompted) or prompt_of(self, prompted=prompted),
    )

    response = transcribe(worker, sound, initial_prompt=f"{spoken} {spoken}")

    assert prompts == [True, False]
    assert response["segments"] == plainly["segments"]


def test_words_do_not_span_a_pause(dialogue):
    host = load_plugin(wav2vec2_alignment, name="wav2vec2_alignment")
    job = make_job(host, plugins={"wav2vec2_alignment": {"model": "demo-wav2vec2-ru"}})
    spoken = [word for word in DIALOGUE["words"] if word["end"] < 5.0]
    edge = spoken[-1]["end"] + 0.05
    sound = np.concatenate([between(dialogue, 0, edge), LONG_PAUSE, between(dialogue, edge, edge + 2)])
    speech = (Span(0.0, edge + 0.2), Span(edge + 6.9, edge + 9.0))
    whole = Segment(0.0, edge + 8.9, " ".join(word["word"] for word in spoken))

    aligned = run_engine(
        host, "align", Transcript, job, audio=Audio(sound), transcript=Transcript((whole,), "ru", speech=speech)
    )

    words = [word for segment in aligned.segments for word in segment.words]
    assert [word.word for word in words] == [word["word"] for word in spoken]
    for word in words:
        assert any(span.start <= word.start and word.end <= span.end + 0.001 for span in speech)
        assert word.end - word.start < 2.0
