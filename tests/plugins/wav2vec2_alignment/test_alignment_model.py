"""The alignment plugin with real acoustic models: small random ones and the shipped one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.plugins.wav2vec2_alignment.alignment_emissions import best_path
from whisperx_worker import (
    SAMPLE_RATE_HZ,
    Audio,
    JobCancelledError,
    OomBackoff,
    Segment,
    Settings,
    StrictError,
    Transcript,
    Word,
    WorkerError,
    with_extra,
)
from whisperx_worker.hooks.dispatch import run_engine
from whisperx_worker.hooks.job import Observers
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins import wav2vec2_alignment
from whisperx_worker_plugins.wav2vec2_alignment import checkpoints
from whisperx_worker_plugins.wav2vec2_alignment.emissions import iter_emissions

pytestmark = pytest.mark.models

NAME = "wav2vec2_alignment"
SHIPPED = "demo-wav2vec2-ru"
SPEECH = Path(__file__).parents[2] / "speech"
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


def save_model(folder, *, norm="group", normalises=False, seed=0):
    """Save a small random model in the production format."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    folder.mkdir(parents=True)
    labels = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
    (folder / "vocab.json").write_text(json.dumps({label: column for column, label in enumerate(labels)}))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=normalises).save_pretrained(folder)
    torch.manual_seed(seed)
    config = Wav2Vec2Config(
        vocab_size=len(labels), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=[16] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer", conv_bias=norm == "layer", initializer_range=0.5, pad_token_id=0,
    )  # fmt: skip
    network = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        network.lm_head.weight.mul_(3)
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A models folder with one model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    save_model(folder / "group")
    save_model(folder / "layer", norm="layer")
    save_model(folder / "normalising", normalises=True)
    return folder


@pytest.fixture
def sound():
    """Twelve seconds of noise with changing colour and loudness."""
    rng = np.random.default_rng(1)
    parts = [np.convolve(rng.normal(0, 0.02 * (1 + k % 4), 8_000), np.ones(1 + 3 * (k % 5)), "same") for k in range(24)]
    return Audio(np.concatenate(parts).astype(np.float32))


@pytest.fixture
def run(models):
    host = load_plugin(wav2vec2_alignment, name=NAME)

    def align(audio, transcript, model="group", job=None):
        job = job or make_job(host, plugins={NAME: {"model": model}} if model else {})
        job.settings = Settings(models=models, device="cpu")
        return run_engine(host, "align", Transcript, job, audio=audio, transcript=transcript), job

    align.host = host
    return align


def load(folder, name):
    return checkpoints.load(checkpoints.Checkpoint(name, folder / name), "cpu")


def backoff():
    return OomBackoff(make_job(), "align")


def all_emissions(model, recordings, batch_size=8):
    return dict(pair for batch in iter_emissions(model, recordings, batch_size, backoff()) for pair in batch)


def recordings_of(audio, *lengths_s):
    return [audio.between(0.5 * number, 0.5 * number + length) for number, length in enumerate(lengths_s)]


# --- the same as whisperX


@pytest.mark.parametrize("seed", range(20))
def test_the_path_is_that_of_whisperx(seed):
    import torch
    from whisperx.alignment import backtrack, get_trellis, merge_repeats

    rng = np.random.default_rng(seed)
    frames, count = int(rng.integers(20, 600)), int(rng.integers(1, 20))
    logits = torch.from_numpy(rng.normal(0, 3, (frames, 12)).astype(np.float32))
    logits[:, 0] += float(rng.choice([0, 5, 15]))  # flat emissions are where implementations differ
    emission = torch.log_softmax(logits, dim=-1)
    tokens = rng.integers(1, 12, count).tolist()
    theirs = merge_repeats(backtrack(get_trellis(emission, tokens, 0), emission, tokens, 0), "x" * count)

    ours = best_path(emission.numpy(), tokens, blank=0)

    assert ours.starts.tolist() == [segment.start for segment in theirs]
    assert ours.ends.tolist() == [segment.end for segment in theirs]
    assert ours.scores == pytest.approx([segment.score for segment in theirs], abs=1e-5)


def aligned_by_whisperx(monkeypatch, folder, audio, segments):
    import whisperx.alignment

    whole = SimpleNamespace(span_tokenize=lambda text: [(0, len(text))])
    monkeypatch.setattr(whisperx.alignment, "nltk_load", lambda _: whole)
    model, metadata = whisperx.alignment.load_align_model("ru", "cpu", model_name=str(folder), model_cache_only=True)
    plain = [{"start": segment.start, "end": segment.end, "text": segment.text} for segment in segments]
    return whisperx.alignment.align(plain, model, metadata, audio.samples, "cpu")["word_segments"]


@pytest.mark.parametrize("number", range(6))
def test_word_times_are_those_of_whisperx(run, monkeypatch, number):
    """Except at the end: whisperX's path may end before the audio."""
    import soundfile

    spoken = json.loads((SPEECH / "index.json").read_text(encoding="utf-8"))[number]
    recording, _ = soundfile.read(SPEECH / spoken["file"], dtype="float32")
    first, last = round(spoken["start"] * SAMPLE_RATE_HZ), round(spoken["end"] * SAMPLE_RATE_HZ)
    audio = Audio(recording[first:last].copy())
    segment = Segment(0.0, audio.duration_s, re.sub(r"[^\w ]", "", spoken["text"]))
    theirs = aligned_by_whisperx(monkeypatch, shipped_models() / SHIPPED, audio, [segment])

    transcript, _ = run(audio, Transcript((segment,), "ru"), SHIPPED)
    ours = [word for segment in transcript.segments for word in segment.words]

    assert [(word.word, word.start) for word in ours] == [(w["word"], w["start"]) for w in theirs]
    assert [word.end for word in ours[:-1]] == [w["end"] for w in theirs[:-1]]
    assert [word.score for word in ours[:-1]] == pytest.approx([w["score"] for w in theirs[:-1]], abs=2e-3)


# --- emissions


def test_a_model_that_was_trained_on_normalised_audio_gets_it(models, sound):
    import torch
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    folder, samples = models / "normalising", 0.3 * sound.samples[:32_000] + 0.1
    inputs = Wav2Vec2Processor.from_pretrained(folder)(samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
    with torch.inference_mode():
        expected = Wav2Vec2ForCTC.from_pretrained(folder).eval()(inputs.input_values).logits.log_softmax(-1)[0].numpy()

    found = all_emissions(load(models, "normalising"), [samples])[0]

    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "batching", "lengths_s"), [("layer", "padded", (1.0, 3.0, 0.4, 2.0)), ("group", "equal", (1.0, 2.0, 1.0))]
)
def test_a_batch_has_the_same_emissions_as_each_recording_alone(models, sound, kind, batching, lengths_s):
    model = load(models, kind)
    recordings = recordings_of(sound, *lengths_s)

    alone = all_emissions(model, recordings)
    together = all_emissions(replace(model, batching=batching), recordings)

    assert sorted(together) == sorted(alone)
    for number, emission in alone.items():
        # Float32 sums differ by 2e-5 on processors that add in another order, and by tenths where padding leaks in.
        assert np.exp(together[number]) == pytest.approx(np.exp(emission), abs=1e-4)


def test_batches_have_at_most_the_batch_size_and_are_sorted_by_length(models, sound):
    model = replace(load(models, "layer"), batching="padded")
    recordings = recordings_of(sound, 1.0, 3.0, 0.4, 2.0, 2.5)
    batches = [[number for number, _ in batch] for batch in iter_emissions(model, recordings, 2, backoff())]
    assert batches == [[1, 4], [3, 0], [2]]


def test_equal_batches_never_mix_lengths(models, sound):
    model = replace(load(models, "group"), batching="equal")
    recordings = recordings_of(sound, 1.0, 3.0, 1.0, 2.0)
    batches = [[number for number, _ in batch] for batch in iter_emissions(model, recordings, 8, backoff())]
    assert batches == [[1], [3], [0, 2]]


def test_a_long_recording_goes_through_in_windows_and_has_all_of_its_frames(models, sound):
    model = load(models, "layer")
    long = np.tile(sound.samples, 6)
    lengths = []
    network = model.network

    def recorded(waves, **more):
        lengths.append(waves.shape[1])
        return network(waves, **more)

    emission = all_emissions(replace(model, network=recorded), [long])[0]

    assert len(emission) == model.frames(len(long)) == 3_599
    assert len(lengths) == 3
    assert max(lengths) <= 34 * SAMPLE_RATE_HZ


def test_the_frames_of_windows_equal_those_of_the_whole(models):
    import torch

    model = load(models, "layer")
    loudness = np.abs(np.random.default_rng(0).normal(0, 1, 70 * SAMPLE_RATE_HZ)).astype(np.float32)
    weights = torch.tensor([0.0, 1.0, 2.0])

    def local(waves):
        """Return the mean of each frame's samples, as a model without attention."""
        frames = waves.unfold(1, model.receptive_field, model.stride).mean(2, keepdim=True)
        return SimpleNamespace(logits=frames * weights)

    emission = all_emissions(replace(model, network=local), [loudness])[0]
    expected = local(torch.from_numpy(loudness)[None]).logits.log_softmax(-1)[0].numpy()
    assert emission == pytest.approx(expected, abs=1e-5)


def test_a_recording_shorter_than_a_frame_is_padded_to_one(models, sound):
    assert all_emissions(load(models, "group"), [sound.samples[:100]])[0].shape == (1, 5 + len(LETTERS))


def test_a_batch_that_does_not_fit_into_memory_is_halved(models, sound):
    import torch

    model = replace(load(models, "layer"), batching="padded")
    recordings = recordings_of(sound, 1.0, 1.0, 1.0, 1.0, 1.0)
    sizes = []

    def small(waves, **more):
        sizes.append(len(waves))
        if len(waves) > 2:
            raise torch.cuda.OutOfMemoryError
        return model.network(waves, **more)

    found = all_emissions(replace(model, network=small), recordings)

    assert sorted(found) == [0, 1, 2, 3, 4]
    assert sizes == [5, 5, 2, 2, 1]


def test_a_window_that_does_not_fit_into_memory_is_an_error(models, sound):
    import torch

    def none(*_args, **_more):
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(WorkerError, match=r"^align ran out of memory, with a batch of one even$"):
        all_emissions(replace(load(models, "layer"), network=none), recordings_of(sound, 1.0))


# --- the engine


def test_unalignable_segments_have_their_former_times_and_a_warning(run, sound):
    bad = [
        (Segment(0.0, 1.0, "— …"), "nothing in its text is spoken"),
        (Segment(11.0, 11.0, "да"), "it has no length"),
        (Segment(50.0, 60.0, "да"), "it lies outside the recording"),
        (Segment(60.0, 61.0, ""), "it has no text"),
    ]
    good = Segment(2.0, 4.0, "да нет")

    transcript, job = run(sound, Transcript((bad[0][0], good, *(s for s, _ in bad[1:])), "ru"))

    unaligned = [segment for segment in transcript.segments if not segment.words]
    assert unaligned == [segment for segment, _ in bad]
    assert [word.word for word in transcript.segments[1].words] == ["да", "нет"]
    assert sorted(map(str, job.warnings)) == sorted(
        f"{segment.start:.2f}-{segment.end:.2f} s: could not be aligned: {why}; it keeps its times"
        for segment, why in bad
    )


def test_a_text_that_is_longer_than_its_audio_has_a_warning(run, sound):
    segment = Segment(1.0, 1.1, "очень длинное предложение")
    transcript, job = run(
        Audio(sound.samples[: SAMPLE_RATE_HZ * 3 // 10]), Transcript((replace(segment, start=0.1, end=0.2),), "ru")
    )
    assert transcript.segments[0].words == ()
    assert [warned.message for warned in job.warnings] == [
        "could not be aligned: its 25 characters do not fit into 14 frames of sound; it keeps its times"
    ]


def test_in_a_strict_job_a_segment_that_cannot_be_aligned_is_an_error(run, sound):
    job = make_job(run.host, plugins={NAME: {"model": "group"}}, strict=True)
    with pytest.raises(StrictError, match="nothing in its text is spoken"):
        run(sound, Transcript((Segment(0.0, 1.0, "…"),), "ru"), job=job)


def test_a_cancelled_job_stops(run, sound):
    job = make_job(run.host, plugins={NAME: {"model": "group"}})
    job.cancel()
    with pytest.raises(JobCancelledError):
        run(sound, Transcript((Segment(0.0, 1.0, "да"),), "ru"), job=job)


def test_progress_grows_to_one(run, sound):
    seen = []
    observers = Observers(progress=lambda stage, fraction: seen.append((stage, fraction)))
    job = make_job(run.host, observers=observers, plugins={NAME: {"model": "group"}})
    long = Audio(np.tile(sound.samples, 3))
    run(long, Transcript((Segment(0.3, 0.7, "да"), Segment(20.3, 22.7, "нет")), "ru"), job=job)
    assert seen == [("align", 0.25), ("align", 1.0)]


def test_sentences_follow_each_other_in_the_order_of_the_segments(run, sound):
    before = Transcript((Segment(0.0, 4.0, "Да. Нет."), Segment(4.0, 8.0, "Кто? Это я.")), "ru", 0.9)
    transcript, job = run(sound, before)
    assert [segment.text for segment in transcript.segments] == ["Да.", "Нет.", "Кто?", "Это я."]
    assert transcript.text == before.text
    assert (transcript.language, transcript.language_probability, job.warnings) == ("ru", 0.9, ())


@pytest.mark.parametrize(("words", "tags"), [("Да. Нет.", ["Да.", "Нет."]), ("Да нет", [None, None])])
def test_sentences_and_the_same_words_keep_their_extra_data(run, sound, words, tags):
    recognised = tuple(with_extra(Word(word, 0.0, 0.5), "tags", tag=word) for word in words.split())
    transcript, _ = run(
        sound, Transcript((with_extra(Segment(0.0, 4.0, "Да. Нет.", recognised), "mood", joy=1),), "ru")
    )
    assert [segment.extra for segment in transcript.segments] == [{"mood": {"joy": 1}}] * 2
    assert [word.extra.get("tags", {}).get("tag") for segment in transcript.segments for word in segment.words] == tags


def test_a_translation_is_not_aligned_with_the_sound_of_another_language(run, sound):
    job = make_job(run.host, task="translate")
    with pytest.raises(WorkerError, match="a translation cannot be aligned, since its words are not in the recording"):
        run(sound, Transcript((Segment(0.0, 1.0, "Hello"),), "ru"), job=job)


def test_a_transcript_without_segments_needs_no_model(run, sound):
    empty = Transcript((), None)
    transcript, _ = run(sound, empty, "absent")
    assert transcript is empty


def test_several_jobs_share_a_loaded_model(run, models, sound):
    transcript = Transcript((Segment(0.0, 1.0, "да"),), "ru")
    _, job = run(sound, transcript)
    loaded = job.models.loaded()
    run(sound, transcript, job=job)
    assert loaded == job.models.loaded() == [("wav2vec2_alignment", "group", str(models / "group"), "cpu")]


def test_warming_up_loads_the_operators_model(models):
    from whisperx_worker import ModelCache

    cache = ModelCache()
    wav2vec2_alignment.warm_up(cache, Settings(models=models, align_model="layer", device="cpu"))
    assert cache.loaded() == [("wav2vec2_alignment", "layer", str(models / "layer"), "cpu")]
