"""The shipped models, loaded by the libraries' own calls and by the worker, on real sound."""

import base64
import io
import json
import wave
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import pytest

from demo.demo import plain
from whisperx_worker import Settings
from whisperx_worker.audio.decode import decode
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[2]
WHISPER = shipped_models() / "demo-whisper-ru"
ALIGNER = shipped_models() / "demo-wav2vec2-ru"
STAGES = (
    "fetch",
    "decode",
    "pre_audio",
    "detect_speech",
    "identify_language",
    "transcribe",
    "align",
    "post_align",
    "finalize",
)
DIALOGUE = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))
TURNS = DIALOGUE["turns"][:6]


def job(audio: bytes, **fields):
    return {"audio_base64": base64.b64encode(audio).decode(), "model": "demo-whisper-ru", **fields}


def dialogue(**fields):
    return job((ROOT / "demo" / "dialogue.flac").read_bytes(), **fields)


def aligned(**fields):
    return {"align_output": True, "plugins": {"wav2vec2_alignment": {"model": "demo-wav2vec2-ru"}}, **fields}


def text(response):
    return " ".join(segment["text"] for segment in response["segments"])


@pytest.fixture(scope="module")
def worker():
    return open_worker(Settings())


@pytest.fixture(scope="module")
def samples():
    return decode(ROOT / "demo" / "dialogue.flac", Settings())[0].samples


def test_faster_whisper_loads_the_folder_unchanged(samples):
    from faster_whisper import WhisperModel

    model = WhisperModel(str(WHISPER), device="cpu", compute_type="int8")
    segments, info = model.transcribe(samples[: 20 * 16_000], language="ru")

    assert "утро" in plain(" ".join(segment.text for segment in segments))
    assert model.model.is_multilingual
    assert info.language == "ru"


def test_whisperx_loads_both_folders_unchanged(samples):
    import whisperx

    model = whisperx.load_model(str(WHISPER), "cpu", compute_type="int8", language="ru")
    transcript = model.transcribe(samples[: 20 * 16_000])
    aligner, metadata = whisperx.load_align_model("ru", "cpu", model_name=str(ALIGNER))

    assert "утро" in plain(" ".join(segment["text"] for segment in transcript["segments"]))
    assert metadata["type"] == "huggingface"
    assert {"а", "я", "|"} <= set(metadata["dictionary"])
    assert aligner.config.vocab_size == len(metadata["dictionary"])


def test_the_demo_dialogue_has_few_wrong_words(worker):
    assert jiwer.wer(plain(DIALOGUE["text"]), plain(text(answer(worker, "dialogue", dialogue())))) <= 0.05


def test_every_word_of_the_demo_dialogue_is_timed(worker):
    response = answer(worker, "dialogue", dialogue(**aligned(debug=True)))

    assert response["detected_language"] == "ru"
    untimed = [segment for segment in response["segments"] if "words" not in segment]
    assert len(untimed) == sum("could not be aligned" in warning for warning in response["warnings"])
    for segment in response["segments"]:
        words = segment.get("words", [])
        assert [word["word"] for word in words] in ([], segment["text"].split())
        assert all(a["start"] < a["end"] <= b["start"] + 1e-9 for a, b in pairwise(words))
    assert {f"{stage}_s" for stage in (*STAGES, "job")} == set(response["timings"])


def test_the_batch_size_changes_nothing_but_speed(worker):
    one, many = (answer(worker, "b", dialogue(language="ru", batch_size=size))["segments"] for size in (1, 8))

    assert one == many


def test_chunks_that_fail_a_threshold_climb_the_ladder_and_are_doubtful():
    strict = open_worker(Settings(compression_ratio_threshold=0.01))

    response = answer(strict, "c", dialogue(language="ru", temperature_increment_on_fallback=0.5))

    assert {segment["temperature"] for segment in response["segments"]} <= {0.0, 0.5, 1.0}
    assert all(segment["doubtful"] for segment in response["segments"])
    assert any("this text is doubtful because it repeats itself" in warning for warning in response["warnings"])


def test_without_an_increment_there_is_no_second_try():
    strict = open_worker(Settings(compression_ratio_threshold=0.01))

    response = answer(strict, "d", dialogue(language="ru", temperature_increment_on_fallback=None))

    assert {segment["temperature"] for segment in response["segments"]} == {0.0}
    assert any("this text is doubtful because it repeats itself" in warning for warning in response["warnings"])


def test_text_that_both_thresholds_take_for_silence_is_removed_and_listed():
    deaf = open_worker(Settings(no_speech_threshold=0.0, logprob_threshold=0.0))

    response = answer(deaf, "e", dialogue(language="ru", debug=True))

    assert response["segments"] == []
    assert all("both thresholds take it for silence" in warning for warning in response["warnings"])
    assert len(response["debug"]["removed"]) == len(response["warnings"])
    assert "утро" in plain(" ".join(removed["text"] for removed in response["debug"]["removed"]))


def test_a_recording_without_speech_has_no_segments_and_says_so(worker, tmp_path):
    import soundfile

    noise = np.random.default_rng(0).normal(0, 0.001, 16_000 * 5)
    soundfile.write(tmp_path / "noise.wav", noise, 16_000)

    response = answer(worker, "f", job((tmp_path / "noise.wav").read_bytes()))

    assert response["segments"] == []
    assert response["detected_language"] is None
    assert response["warnings"] == ["0.00-5.00 s: no speech was found"]


def test_models_are_loaded_once_and_kept(worker):
    answer(worker, "h", dialogue(**aligned(language="ru")))
    before = worker.models.loaded()
    response = answer(worker, "i", dialogue(**aligned(language="ru")))

    assert worker.models.loaded() == before
    assert "loaded" not in response["logs"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": "no-such-model"}, "transcribe failed in plugin russian_whisper: the model 'no-such-model' is not on this worker, and it is not among the models that it may download (WHISPERX_WORKER_HUB_MODELS)"),
        ({"model": "demo-wav2vec2-ru"}, "transcribe failed in plugin russian_whisper: the model 'demo-wav2vec2-ru' is no CTranslate2 Whisper: it has no model.bin and no tokenizer.json"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_used_is_one_sentence(worker, fields, sentence):
    response = answer(worker, "j", {**dialogue(language="ru"), **fields})

    assert response["error"] == sentence


def test_a_precision_that_does_not_work_is_refused_with_those_that_do(worker):
    import ctranslate2

    response = answer(worker, "j", dialogue(language="ru", compute_type="int8_float16"))

    known = ", ".join(sorted({"auto", "default", *ctranslate2.get_supported_compute_types("cpu")}))
    assert response["error"] == f"compute_type 'int8_float16' does not work on cpu here; it may be {known}"


def test_an_aligner_that_is_not_there_leaves_text_and_times_and_says_so(worker):
    response = answer(worker, "k", dialogue(language="ru", align_output=True))

    assert "words" not in response["segments"][0]
    (warning,) = [warning for warning in response["warnings"] if warning.startswith("align failed")]
    assert "the model 'jonatasgrosman/wav2vec2-large-xlsr-53-russian' is not on this worker" in warning
    assert warning.endswith("; segments keep their times and words have none")


@pytest.fixture(scope="module")
def stereo(samples):
    """The dialogue's first turns as WAV with a person on each channel, each speaking over the end of the other's turn."""
    cut = [samples[round(turn["start"] * 16_000) : round(turn["end"] * 16_000)] for turn in TURNS]
    people = list(dict.fromkeys(turn["speaker"] for turn in TURNS))
    starts = np.cumsum([8_000] + [len(one) - min(8_000, len(one) // 2) for one in cut])
    channels = np.zeros((2, starts[-1] + 24_000), np.float32)
    for turn, first, sound in zip(TURNS, starts, cut, strict=False):
        channels[people.index(turn["speaker"]), first : first + len(sound)] += sound
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((2, 2, 16_000, 0, "NONE", ""))
        written.writeframes((channels.T * 32_767).astype("<i2").tobytes())
    return file.getvalue()


def test_channels_of_a_call_are_recognised_apart_and_joined_in_time(worker, stereo):
    response = answer(
        worker, "channels", job(stereo, **aligned(channels="separate", channel_names=["Анна", "Иван"], language="ru"))
    )

    for channel, name in enumerate(("Анна", "Иван")):
        own = [one for one in response["segments"] if one["channel"] == channel]
        spoken = " ".join(turn["text"] for turn in TURNS if turn["speaker"] == name)
        assert jiwer.wer(plain(spoken), plain(" ".join(one["text"] for one in own))) <= 0.1
        assert {one["speaker"] for one in own} == {name}
        assert {word["speaker"] for one in own for word in one.get("words", ())} == {name}
    starts = [one["start"] for one in response["segments"]]
    assert starts == sorted(starts)
    assert [one["speaker"] for one in response["speakers"]] == ["Анна", "Иван"]
