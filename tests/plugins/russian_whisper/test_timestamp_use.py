"""Decoding with and without timestamps, and models that know none."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import jiwer
import pytest

from demo.demo import plain
from tests.plugins.russian_whisper.letter_tokens import LetterWhisper
from tests.real_models import real_models
from tests.recognition import own_recognition, recognise
from tests.timestampless_whisper import make_timestampless
from tools.real_models import WHISPER
from whisperx_worker import Audio, ModelCache, PluginError, Settings, intervals
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.testing import make_job
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk
from whisperx_worker_plugins.russian_whisper.text_generation import TextGenerator
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import closes_in_time

ROOT = Path(__file__).parents[3]
DIALOGUE = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))


# --- the sign


def chunk(text, *, first_s=None, last_s=None, speech_s=10.0):
    """Return a decoded text between two timestamps."""
    opening, closing = ((() if time is None else (5000 + round(time / 0.02),)) for time in (first_s, last_s))
    return DecodedChunk((*opening, *map(ord, text), *closing), text, -0.2, 0.0, 1.0, 0.0, speech_s)


@pytest.mark.parametrize(
    ("decoded", "closes"),
    [
        (chunk("да", first_s=0.0, last_s=9.8), True),
        (chunk("да", first_s=0.0, last_s=5.0), True),
        (chunk("да", first_s=0.0), False),
        (chunk("да"), False),
        (chunk("да", first_s=0.0, last_s=0.1), False),
        (chunk("", first_s=9.0), False),
    ],
    ids=["closed", "at half", "open", "no timestamps", "closed at once", "no text"],
)
def test_a_text_closes_in_time_when_a_timestamp_follows_it_after_half_of_the_speech(decoded, closes):
    assert closes_in_time(decoded, LetterWhisper()) is closes


# --- in a job


@pytest.fixture(scope="module")
def samples():
    import soundfile

    return soundfile.read(ROOT / "demo" / "dialogue.flac", dtype="float32")[0]


@pytest.fixture(scope="module")
def without_timestamps(tmp_path_factory):
    """The shipped model, made to know no timestamps."""
    return make_timestampless(shipped_models() / "demo-whisper-ru", tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture(scope="module")
def undeclared(tmp_path_factory):
    """The shipped model in a folder that does not ask for timestamps."""
    folder = tmp_path_factory.mktemp("models") / "undeclared"
    return shutil.copytree(shipped_models() / "demo-whisper-ru", folder, ignore=shutil.ignore_patterns("decoding.json"))


@pytest.fixture
def generated(monkeypatch):
    """Prompts of all calls of the decoder, by their last token being `<|notimestamps|>`."""
    calls = []
    prompt_of = TextGenerator._prompt_tokens

    def watched(self, *, prompted):
        prompt = prompt_of(self, prompted=prompted)
        calls.append(prompt[-1] == self.tokenizer.no_timestamps)
        return prompt

    monkeypatch.setattr(TextGenerator, "_prompt_tokens", watched)
    return calls


UNSURE = {"logprob_threshold": -0.001, "no_speech_threshold": 1.0}
"""Settings with which the model is sure of no text, so that each is read with timestamps too."""


def transcribe(folder, samples, *, models=None, settings=None, **fields):
    host = own_recognition()
    job = make_job(host, **{"language": "ru", **fields})
    job.settings = Settings(model=str(folder), device="cpu", **(settings or {}))
    job.models = models or ModelCache()
    return recognise(host, job, Audio(samples))


def text_of(transcript):
    return plain(" ".join(segment.text for segment in transcript.segments))


@pytest.mark.models
@pytest.mark.parametrize("settings", [{}, UNSURE])
def test_the_text_of_a_model_without_timestamps_is_undamaged(without_timestamps, samples, settings):
    models = ModelCache()

    first = transcribe(without_timestamps, samples, models=models, settings=settings)
    second = transcribe(without_timestamps, samples, models=models, settings=settings)

    assert jiwer.wer(plain(DIALOGUE["text"]), text_of(first)) <= 0.15
    assert second == first


@pytest.mark.models
def test_its_segments_are_cut_at_pauses_and_sentences(without_timestamps, samples):
    transcript = transcribe(without_timestamps, samples)

    pauses = intervals.gaps(transcript.speech, 0.0, len(samples) / 16_000)
    assert all(first.end <= second.start for first, second in pairwise(transcript.segments))
    for segment in transcript.segments:
        assert 0 < segment.end - segment.start <= 10
        assert intervals.seconds_within(pauses, segment.start, segment.end) < 0.5
        assert not any(mark in segment.text[:-1] for mark in ".!?")
    starts = [min(abs(word["start"] - segment.start) for word in DIALOGUE["words"]) for segment in transcript.segments]
    assert sorted(starts)[len(starts) // 2] < 0.2


@pytest.mark.models
def test_words_of_a_model_without_timestamps_change_nothing_else(without_timestamps, samples):
    samples = samples[: 20 * 16_000]
    with_words, without = (transcribe(without_timestamps, samples, diarization=value) for value in (True, False))

    assert [segment.text for segment in with_words.segments] == [segment.text for segment in without.segments]
    for segment, other in zip(with_words.segments, without.segments, strict=True):
        assert (segment.start, segment.end, other.words) == (other.start, other.end, ())
        assert " ".join(word.word for word in segment.words) == segment.text
        times = [segment.start, *(time for word in segment.words for time in (word.start, word.end)), segment.end]
        assert times == sorted(times)


@pytest.mark.models
def test_a_translation_is_cut_at_pauses_too(without_timestamps, samples):
    """The small model translates nothing, but its text is taken for English."""
    transcript = transcribe(without_timestamps, samples[: 20 * 16_000], task="translate")

    assert len(transcript.segments) > 3
    assert all(segment.end - segment.start <= 10 for segment in transcript.segments)


@pytest.mark.models
def test_a_model_that_cannot_align_has_its_text_cut_at_pauses_too(without_timestamps, samples, tmp_path, caplog):
    folder = shutil.copytree(without_timestamps, tmp_path / "headless")
    config = json.loads((folder / "config.json").read_text())
    del config["alignment_heads"]
    (folder / "config.json").write_text(json.dumps(config))

    transcript = transcribe(folder, samples[: 20 * 16_000], diarization=True)

    assert any("no word times by attention" in message for message in caplog.messages)
    assert len(transcript.segments) > 3
    assert all(segment.end - segment.start <= 10 and segment.words == () for segment in transcript.segments)


@pytest.mark.models
def test_a_complete_text_is_decoded_once_without_timestamps(undeclared, samples, generated):
    transcript = transcribe(undeclared, samples[: 9 * 16_000])

    assert text_of(transcript).startswith("доброе утро")
    assert generated == [True]


@pytest.mark.models
def test_an_incomplete_text_is_decoded_with_timestamps_too(undeclared, samples, generated):
    transcribe(undeclared, samples[: 9 * 16_000], settings=UNSURE)

    assert generated[:2] == [True, False]


@real_models
@pytest.mark.models
@pytest.mark.parametrize("settings", [{}, UNSURE])
def test_a_prompt_takes_no_segment_its_times(samples, settings):
    """After a prompt, which has no timestamps, Whisper base leaves them out."""
    prompt = "Разговор в отделе доставки, оператор и клиент обсуждают заказ."

    transcript = transcribe(WHISPER, samples[23 * 16_000 :], initial_prompt=prompt, settings=settings)

    assert max(segment.end - segment.start for segment in transcript.segments) < 12


@pytest.mark.models
@pytest.mark.parametrize("timestamps", [True, False])
def test_the_folder_decides_where_it_says_so(samples, tmp_path, generated, timestamps):
    folder = tmp_path / "declared"
    shutil.copytree(shipped_models() / "demo-whisper-ru", folder)
    (folder / "decoding.json").write_text(json.dumps({"timestamps": timestamps}))

    transcript = transcribe(folder, samples[: 9 * 16_000])

    assert text_of(transcript).startswith("доброе утро")
    assert generated == [not timestamps]


@real_models
@pytest.mark.models
def test_a_real_model_without_timestamps_reads_as_well_as_with_them(samples, tmp_path):
    with_timestamps = transcribe(WHISPER, samples)
    without = transcribe(make_timestampless(WHISPER, tmp_path / "plain"), samples)

    assert jiwer.wer(text_of(with_timestamps), text_of(without)) < 0.05
    assert len(without.segments) >= len(with_timestamps.segments)
    assert max(segment.end - segment.start for segment in without.segments) < 6


@pytest.mark.models
def test_a_folder_with_an_invalid_file_is_one_sentence(samples, tmp_path):
    folder = shutil.copytree(shipped_models() / "demo-whisper-ru", tmp_path / "wrong")
    (folder / "decoding.json").write_text('{"timestamps": "no"}')

    with pytest.raises(
        PluginError,
        match=r"the decoding\.json of the model 'wrong' cannot be used: it may have timestamps, true or false",
    ):
        transcribe(folder, samples[: 9 * 16_000])
