"""Word times from the decoder's cross-attention."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.real_models import real_models
from tests.recognition import own_recognition, recognise
from tools.real_models import WHISPER
from whisperx_worker import (
    Audio,
    Diarization,
    ModelCache,
    Segment,
    Settings,
    Span,
    SpeakerTurn,
    Transcript,
    Word,
)
from whisperx_worker.results.speaker_assignment import assign_speakers
from whisperx_worker.testing import make_job
from whisperx_worker_plugins._shared.whisper import model_folder, spectrogram, whisper_model
from whisperx_worker_plugins._shared.whisper.encoder_states import encode_spectrograms
from whisperx_worker_plugins.russian_whisper import (
    attention_alignment,
    judgement,
)
from whisperx_worker_plugins.russian_whisper.attention_alignment import ChunkText, align_by_attention, drop_stale_words
from whisperx_worker_plugins.russian_whisper.chunking import Chunk
from whisperx_worker_plugins.russian_whisper.tokenizer import make_tokenizer
from whisperx_worker_plugins.silero_detection import speech_detection

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[3]
SHIPPED = "demo-whisper-ru"
SHELF = ModelCache()
MAX_CHUNK_S = 20.0


@pytest.fixture(scope="module")
def dialogue():
    """The shipped dialogue: its audio, its true words and its true turns."""
    import soundfile

    samples, _ = soundfile.read(ROOT / "demo" / "dialogue.flac", dtype="float32")
    truth = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))
    turns = tuple(SpeakerTurn(turn["start"], turn["end"], turn["speaker"]) for turn in truth["turns"])
    return SimpleNamespace(audio=Audio(samples), words=truth["words"], turns=turns)


def chunked(dialogue):
    """Yield the true text as one segment for each chunk, as without timestamps."""
    groups = []
    for word in dialogue.words:
        if not groups or word["end"] - groups[-1][0]["start"] > MAX_CHUNK_S:
            groups.append([])
        groups[-1].append(word)
    for group in groups:
        chunk = Chunk((Span(group[0]["start"] - 0.1, group[-1]["end"] + 0.1),))
        yield ChunkText(chunk, [Segment(chunk.start, chunk.end, " ".join(word["word"] for word in group))])


def aligned(dialogue, name):
    """Return segments of the true text with aligned words."""
    settings = Settings(model=name, device="cpu")
    found = speech_detection.detect_speech(dialogue.audio, onset=0.5, offset=0.363).spans
    texts = list(chunked(dialogue))
    with whisper_model.use_whisper(SHELF, settings, model_folder.find_model_folder(name, settings), None) as whisper:
        tokenizer = make_tokenizer(whisper, "ru", "transcribe")
        sound = [dialogue.audio.between(text.chunk.start, text.chunk.end) for text in texts]
        encoded = encode_spectrograms(
            whisper, np.stack([spectrogram.log_mel_spectrogram(whisper, samples) for samples in sound])
        )
        words = align_by_attention(whisper, tokenizer, encoded, texts, found)
    return [replace(text.segments[0], words=own[0]) for text, own in zip(texts, words, strict=True)]


@pytest.mark.parametrize(
    ("name", "median_s", "most_s"),
    [(SHIPPED, 0.1, 0.35), pytest.param(str(WHISPER), 0.06, 0.25, marks=real_models)],
    ids=["shipped", "real"],
)
def test_words_begin_where_they_are_spoken(dialogue, name, median_s, most_s):
    words = [word for segment in aligned(dialogue, name) for word in segment.words]

    assert [word.word for word in words] == [word["word"] for word in dialogue.words]
    errors = [abs(word.start - true["start"]) for word, true in zip(words, dialogue.words, strict=True)]
    assert np.median(errors) <= median_s
    assert np.percentile(errors, 95) <= most_s
    assert all(0 <= word.score <= 1 for word in words)


@pytest.mark.parametrize("name", [SHIPPED, pytest.param(str(WHISPER), marks=real_models)], ids=["shipped", "real"])
def test_a_chunk_of_questions_and_answers_is_cut_where_the_speaker_changes(dialogue, name):
    before = Transcript(tuple(aligned(dialogue, name)), "ru")

    after = assign_speakers(before, Diarization(dialogue.turns, dialogue.turns, {}))

    speakers = [word.speaker for segment in after.segments for word in segment.words]
    right = [found == true["speaker"] for found, true in zip(speakers, dialogue.words, strict=True)]
    assert sum(right) >= 0.97 * len(right)
    assert len(after.segments) >= len(dialogue.turns)
    assert after.text == before.text


# --- in a job


@pytest.fixture
def transcribe(dialogue):
    """A function that transcribes the first half of the dialogue and returns transcript and job."""
    host = own_recognition()

    def run(audio=None, **fields):
        job = make_job(host, language="ru", **fields)
        job.settings, job.models = Settings(model=SHIPPED, device="cpu"), SHELF
        audio = audio or Audio(dialogue.audio.between(0, 24).copy())
        return recognise(host, job, audio), job

    return run


def test_a_job_that_asks_who_speaks_has_words_that_are_its_text_in_order_and_inside(transcribe):
    transcript, job = transcribe(diarization=True)

    assert transcript.segments
    for segment in transcript.segments:
        assert " ".join(word.word for word in segment.words) == segment.text
        times = [segment.start, *(time for word in segment.words for time in (word.start, word.end)), segment.end]
        assert all(earlier <= later for earlier, later in pairwise(times))
    assert job.warnings == ()


def test_words_change_nothing_else(transcribe):
    with_words, without = transcribe(diarization=True)[0], transcribe()[0]

    assert tuple(replace(segment, words=()) for segment in with_words.segments) == without.segments


@pytest.mark.parametrize(
    "fields",
    [{}, {"diarization": True, "align_output": True}, {"diarization": True, "task": "translate"}],
    ids=["no diarization", "forced alignment follows", "translated"],
)
def test_words_are_not_looked_for_where_they_are_of_no_use(transcribe, fields):
    assert [segment.words for segment in transcribe(**fields)[0].segments if segment.words] == []


class Broken:
    """A Whisper model that cannot align."""

    def __init__(self, real, message="there are no alignment heads"):
        self.real, self.message = real, message

    def __getattr__(self, name):
        return getattr(self.real, name)

    def align(self, *_arguments, **_named):
        raise RuntimeError(self.message)


def test_where_the_model_cannot_align_the_job_goes_on_without_words(transcribe, monkeypatch, caplog):
    expected = transcribe()[0]
    settings = Settings(model=SHIPPED, device="cpu")
    with whisper_model.use_whisper(SHELF, settings, model_folder.find_model_folder(SHIPPED, settings), None) as whisper:
        monkeypatch.setattr(whisper, "model", Broken(whisper.model))
        transcript, job = transcribe(diarization=True)

    assert transcript.segments == expected.segments
    assert job.warnings == ()
    assert "no word times by attention: there are no alignment heads" in caplog.messages


def test_a_gpu_that_fails_while_words_are_looked_for_is_noted(transcribe, monkeypatch):
    settings = Settings(model=SHIPPED, device="cpu")
    with whisper_model.use_whisper(SHELF, settings, model_folder.find_model_folder(SHIPPED, settings), None) as whisper:
        broken = Broken(whisper.model, "CUDA failed with error an illegal memory access was encountered")
        monkeypatch.setattr(whisper, "model", broken)
        _, job = transcribe(diarization=True)

    assert job.health.fault.is_gpu


def test_a_text_that_is_longer_than_the_decoder_has_no_words_and_harms_no_other(dialogue):
    settings = Settings(model=SHIPPED, device="cpu")
    sound = dialogue.audio.between(0, 5)
    with whisper_model.use_whisper(SHELF, settings, model_folder.find_model_folder(SHIPPED, settings), None) as whisper:
        tokenizer = make_tokenizer(whisper, "ru", "transcribe")
        encoded = encode_spectrograms(whisper, np.stack([spectrogram.log_mel_spectrogram(whisper, sound)] * 3))
        long, none, short = (
            ChunkText(Chunk((Span(0, 5),)), [Segment(0, 5, text)])
            for text in ("номер " * (attention_alignment.MAX_TOKENS + 1), "", "да, номер")
        )
        found = align_by_attention(whisper, tokenizer, encoded, [long, none, short], [Span(0, 5)])

    assert found[:2] == [(), ()]
    assert [word.word for word in found[2][0]] == ["да,", "номер"]


@real_models
@pytest.mark.parametrize(
    ("language", "text"), [("zh", "你好,我是安娜。"), ("ja", "こんにちは 安娜です"), ("en", "Hi, I'm Ann.")]
)
def test_the_words_of_any_script_are_the_text(dialogue, language, text):
    settings = Settings(model=str(WHISPER), device="cpu")
    with whisper_model.use_whisper(
        SHELF, settings, model_folder.find_model_folder(str(WHISPER), settings), None
    ) as whisper:
        tokenizer = make_tokenizer(whisper, language, "transcribe")
        encoded = whisper.encode(spectrogram.log_mel_spectrogram(whisper, dialogue.audio.between(0, 5))[None])
        ((words,),) = align_by_attention(
            whisper, tokenizer, encoded, [ChunkText(Chunk((Span(0, 5),)), [Segment(0, 5, text)])], [Span(0, 5)]
        )

    assert "".join(word.word for word in words) == "".join(text.split())
    assert len(words) > 2


def test_a_loop_that_is_taken_out_takes_its_words_with_it():
    words = tuple(Word(text, float(place), place + 1.0) for place, text in enumerate(("да", "нет", "нет", "нет")))
    segments = [Segment(0, 2, "да нет", words[:2]), Segment(2, 4, "нет нет", words[2:])]

    (kept, _), (last, _) = judgement._shorten(segments, [True, False, False, True])

    assert (kept.text, kept.words) == ("да", words[:1])
    assert (last.text, last.words) == ("нет", words[3:])


def test_words_that_are_no_longer_the_text_are_left_out():
    words = (Word("да", 0.0, 1.0), Word("нет", 1.0, 2.0))
    changed, same = Segment(0, 2, "да", words), Segment(0, 2, "да  нет", words)

    assert drop_stale_words([changed, same]) == (replace(changed, words=()), same)
