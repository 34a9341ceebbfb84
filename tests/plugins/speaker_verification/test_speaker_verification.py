"""The speaker verification plugin with real encoders: the shipped one, and a random one in the production layout."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from whisperx_worker import (
    SAMPLE_RATE_HZ,
    Audio,
    BadInputError,
    Diarization,
    JobCancelledError,
    ModelCache,
    OomBackoff,
    PluginError,
    Segment,
    Settings,
    SpeakerTurn,
    StrictError,
    Transcript,
    WorkerError,
)
from whisperx_worker.hooks.dispatch import run_engine
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.testing import load_plugin, make_audio, make_job
from whisperx_worker_plugins import speaker_verification
from whisperx_worker_plugins.speaker_verification.bandwidth import is_wideband
from whisperx_worker_plugins.speaker_verification.cache import LruCache
from whisperx_worker_plugins.speaker_verification.encoder import load_encoder
from whisperx_worker_plugins.speaker_verification.enrolment import is_clipped
from whisperx_worker_plugins.speaker_verification.threshold import Threshold

pytestmark = pytest.mark.models

NAME = "speaker_verification"
SHIPPED = "demo-speaker-embedding"
DEMO = Path(__file__).parents[3] / "demo"
SHELF = ModelCache()
"""The tests share the loaded encoder."""


@cache
def sound(name):
    import soundfile

    samples, rate_hz = soundfile.read(DEMO / f"{name}.flac", dtype="float32")
    assert rate_hz == SAMPLE_RATE_HZ
    return samples


def inline(samples):
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode()


def sample(name, samples):
    return {"name": name, "audio_base64": inline(samples)}


ANNA = [sample("Anna", sound("anna")), sample("Anna", sound("anna-2"))]
IVAN = [sample("Ivan", sound("ivan")), sample("Ivan", sound("ivan-2"))]
OLGA = [sample("Olga", sound("olga"))]


@pytest.fixture
def job_of():
    """A job with the shipped encoder."""
    host = load_plugin(speaker_verification, name=NAME)

    def make(*samples, loaded_models=SHELF, settings=None, **fields):
        job = make_job(host, speaker_samples=list(samples), **fields)
        job.settings = settings or Settings(speaker_model=SHIPPED, device="cpu")
        job.models = loaded_models
        return job

    return make


@pytest.fixture
def call():
    """The demo's telephone call: its sound, its text cut by speaker, and who speaks when."""
    reference = json.loads((DEMO / "dialogue.json").read_text(encoding="utf-8"))
    labels = {"Анна": "SPEAKER_00", "Иван": "SPEAKER_01"}
    turns = tuple(SpeakerTurn(turn["start"], turn["end"], labels[turn["speaker"]]) for turn in reference["turns"])
    segments = tuple(Segment(turn.start, turn.end, "Да.", speaker=turn.speaker) for turn in turns)
    return Audio(sound("dialogue")), Transcript(segments, "ru"), Diarization(turns, turns, {})


def verify(job, audio, transcript, diarization):
    host = load_plugin(speaker_verification, name=NAME)
    return run_engine(host, "verify_speakers", list, job, audio=audio, transcript=transcript, diarization=diarization)


def names(matches):
    return {match.speaker: match.speaker_id for match in matches if match.segment is None}


def warnings(job):
    return [str(warned) for warned in job.warnings]


# --- who is who


def test_both_callers_are_named_and_who_is_not_in_the_call_is_not_found_in_it(job_of, call):
    job = job_of(*ANNA, *IVAN, *OLGA)
    matches = verify(job, *call)

    assert names(matches) == {"SPEAKER_00": "Anna", "SPEAKER_01": "Ivan"}
    assert {match.speaker_id for match in matches} <= {"Anna", "Ivan", "unknown"}
    assert job.warnings == ()


def test_a_match_says_how_sure_it_is(job_of, call):
    anna, ivan = verify(job_of(*ANNA, *IVAN, *OLGA), *call)[:2]

    assert anna.similarity > 0.9
    assert anna.runner_up < 0.8
    assert ivan.similarity > 0.9
    assert ivan.runner_up < 0.5
    assert (anna.speech_s, ivan.speech_s) == (28.38, 25.495)


def test_every_segment_is_compared_by_its_own_speech(job_of, call):
    matches = [match for match in verify(job_of(*ANNA, *IVAN), *call) if match.segment is not None]

    assert [match.segment for match in matches] == list(range(18))
    assert [match.speech_s for match in matches[:3]] == [1.73, 4.23, 3.285]
    right = {"SPEAKER_00": "Anna", "SPEAKER_01": "Ivan"}
    given = [(match.speaker_id, right[match.speaker]) for match in matches if match.speaker_id != "unknown"]
    assert len(given) > len(matches) / 2
    assert all(name == expected for name, expected in given)


def test_without_diarization_segments_are_named(job_of, call):
    audio, transcript, _ = call
    segments = tuple(replace(segment, speaker=None) for segment in transcript.segments)
    matches = verify(job_of(*ANNA, *IVAN), audio, replace(transcript, segments=segments), None)

    assert {match.speaker for match in matches} == {None}
    lengths_s = [segment.end - segment.start for segment in segments[1:5]]
    assert [match.speaker_id for match in matches[1:5]] == [
        name if length_s >= 3 else "unknown"
        for name, length_s in zip(["Ivan", "Anna", "Ivan", "Anna"], lengths_s, strict=True)
    ]
    assert min(lengths_s) < 3 < max(lengths_s)


def test_strangers_are_not_named(job_of, call):
    assert names(verify(job_of(*OLGA), *call)) == {"SPEAKER_00": "unknown", "SPEAKER_01": "unknown"}


def test_the_jobs_threshold_wins(job_of, call):
    assert names(verify(job_of(*ANNA, *IVAN, speaker_threshold=0.999), *call)) == {
        "SPEAKER_00": "unknown",
        "SPEAKER_01": "unknown",
    }
    assert names(verify(job_of(*OLGA, speaker_threshold=-1.0), *call))["SPEAKER_00"] == "Olga"


# --- what a client can act upon


def over_a_telephone(samples):
    """Sound as a line of 8 kHz carries it."""
    import soxr

    line = soxr.resample(samples, SAMPLE_RATE_HZ, 8_000)
    return soxr.resample(line, 8_000, SAMPLE_RATE_HZ).astype(np.float32)


ADVICE = "samples from the same kind of recording, or another speaker_threshold, may help"


@pytest.mark.parametrize("narrow", ["recording", "samples"])
def test_where_a_telephone_hides_all_voices_the_answer_says_so(job_of, call, narrow):
    audio, transcript, diarization = call
    samples = [sample(name.title(), sound(name)) for name in ("anna", "ivan")]
    if narrow == "recording":
        audio = Audio(over_a_telephone(audio.samples))
    else:
        samples = [sample(name.title(), over_a_telephone(sound(name))) for name in ("anna", "ivan")]
    job = job_of(*samples, speaker_threshold=0.98)

    found = verify(job, audio, transcript, diarization)

    assert names(found) == {"SPEAKER_00": "unknown", "SPEAKER_01": "unknown"}
    best = max(match.similarity for match in found if match.segment is None)
    narrow_one, wide_one = ("the recording has", "the samples have")
    if narrow == "samples":
        narrow_one, wide_one = wide_one, narrow_one
    assert warnings(job) == [
        f"no voice was recognised: the highest similarity is {best:.2f}, and a name needs 0.98; {narrow_one} no sound above "
        f"4.5 kHz, as over a telephone, and {wide_one}, which makes one voice less similar; {ADVICE}"
    ]


def test_strangers_in_a_recording_of_the_same_kind_are_no_warning_but_are_explained_in_the_log(job_of, call, caplog):
    caplog.set_level("INFO")
    job = job_of(*OLGA)

    verify(job, *call)

    assert job.warnings == ()
    (line,) = (line for line in caplog.messages if "no voice was recognised" in line)
    best, needed = re.search(r"the highest score by the calibration is (\S+), and a name needs (\S+) ", line).groups()
    assert float(best) < float(needed) == job.notes["speakers"]["threshold"].__round__(2)
    assert line.endswith(f" (calibration); {ADVICE}")


@pytest.mark.parametrize(
    ("fields", "threshold", "source"),
    [({}, None, "calibration"), ({"speaker_threshold": 0.999}, 0.999, "job")],
)
def test_debug_names_the_threshold_and_the_nearest_people_of_each_speaker(job_of, call, fields, threshold, source):
    job = job_of(*ANNA, *OLGA, *IVAN, **fields)

    anna, ivan = verify(job, *call)[:2]

    told = json.loads(json.dumps(job.notes))["speakers"]
    assert told["threshold_from"] == source
    assert threshold in {None, told["threshold"]}
    assert [(one["speaker"], one["name"], one["similarity"]) for one in told["nearest"]] == [
        ("SPEAKER_00", "Anna", anna.similarity), ("SPEAKER_01", "Ivan", ivan.similarity)
    ]  # fmt: skip
    assert [one["runner_up_similarity"] for one in told["nearest"]] == [anna.runner_up, ivan.runner_up]
    assert told["nearest"][0]["runner_up"] == "Olga"


def test_debug_names_the_nearest_person_of_each_segment_where_no_speaker_is_known(job_of, call):
    audio, transcript, _ = call
    segments = tuple(replace(segment, speaker=None) for segment in transcript.segments[:3])
    job = job_of(*IVAN, speaker_threshold=0.999)

    matches = verify(job, audio, replace(transcript, segments=segments), None)

    assert job.notes["speakers"]["nearest"] == [
        {"segment": match.segment, "name": "Ivan", "similarity": match.similarity} for match in matches
    ]


def test_a_folder_without_a_threshold_has_the_librarys(tmp_path):
    import shutil

    shutil.copytree(shipped_models() / SHIPPED, tmp_path / "own", ignore=shutil.ignore_patterns("verification.json"))

    loaded = load_encoder(tmp_path / "own", "own", "cpu")

    assert loaded.threshold == Threshold(0.25, "default")


@pytest.mark.parametrize("name", ["anna", "ivan", "olga", "dialogue"])
def test_the_band_of_speech_is_told_from_that_of_a_telephone(name):
    quiet = np.round(over_a_telephone(sound(name)) * 0.1 * 2**15) / 2**15

    assert is_wideband(sound(name)) is True
    assert is_wideband(over_a_telephone(sound(name))) is False
    assert is_wideband(quiet.astype(np.float32)) is not True
    assert is_wideband(np.zeros(16_000, np.float32)) is None


def test_a_segment_of_two_voices_that_gets_one_name_is_told(job_of):
    two = Audio(np.concatenate([sound("anna")[: 12 * SAMPLE_RATE_HZ], sound("ivan")[: 4 * SAMPLE_RATE_HZ]]))
    length = two.duration_s
    job = job_of(*ANNA, *IVAN, speaker_threshold=0.5)

    (match,) = verify(job, two, Transcript((Segment(0.0, length, "Да? Нет."),), "ru"), None)

    assert match.speaker_id == "Anna"
    assert warnings(job) == [
        f"a segment has one name, but sounds like two people (0.00-{length:.2f} s); diarization would part them"
    ]


@pytest.mark.parametrize("name", ["anna", "ivan", "olga"])
def test_a_long_segment_of_one_voice_is_no_warning(job_of, name):
    job = job_of(*ANNA, *IVAN, *OLGA, speaker_threshold=0.5)
    audio = Audio(sound(name))

    verify(job, audio, Transcript((Segment(0.0, audio.duration_s, "Да."),), "ru"), None)

    assert job.warnings == ()


def split_in_two(diarization, label):
    """A diarization that takes one speaker for two."""
    turns = []
    for number, turn in enumerate(diarization.turns):
        speaker = f"{label}-{number % 4 // 2}" if turn.speaker == label else turn.speaker
        turns.append(replace(turn, speaker=speaker))
    return Diarization(tuple(turns), tuple(turns), {})


def test_one_person_is_not_two_speakers(job_of, call):
    audio, transcript, diarization = call
    job = job_of(*ANNA, *IVAN)
    found = names(verify(job, audio, transcript, split_in_two(diarization, "SPEAKER_00")))

    assert sorted(found.values()) == ["Anna", "Ivan", "unknown"]
    (warning,) = warnings(job)
    assert "sounds like Anna too, who is already SPEAKER_00-" in warning


def test_one_person_may_be_two_speakers_where_the_job_allows_it(job_of, call):
    audio, transcript, diarization = call
    job = job_of(*ANNA, *IVAN, plugins={NAME: {"allow_same_person": True}})
    found = names(verify(job, audio, transcript, split_in_two(diarization, "SPEAKER_00")))

    assert sorted(found.values()) == ["Anna", "Anna", "Ivan"]
    assert job.warnings == ()


def test_an_option_that_is_none_is_refused(job_of):
    with pytest.raises(BadInputError, match="allow_same_person"):
        job_of(*ANNA, plugins={NAME: {"allow_same_persons": True}})


def test_overlapped_speech_is_not_compared(job_of, call):
    audio, transcript, diarization = call
    first = diarization.turns[0]
    overlapping = (*diarization.turns, SpeakerTurn(first.start, first.end, "SPEAKER_01"))
    matches = verify(job_of(*ANNA, *IVAN), audio, transcript, Diarization(overlapping, diarization.turns, {}))

    assert matches[0].speech_s == pytest.approx(28.38 - first.end + first.start, abs=0.002)
    assert 0 not in [match.segment for match in matches]


def test_a_recording_with_one_speaker(job_of, call):
    audio, transcript, diarization = call
    mine = tuple(turn for turn in diarization.turns if turn.speaker == "SPEAKER_01")
    spoken = replace(transcript, segments=tuple(s for s in transcript.segments if s.speaker == "SPEAKER_01"))

    assert names(verify(job_of(*ANNA, *IVAN), audio, spoken, Diarization(mine, mine, {}))) == {"SPEAKER_01": "Ivan"}


def test_a_recording_with_nobody_has_no_matches(job_of):
    assert verify(job_of(*ANNA), make_audio(2.0), Transcript((), "ru"), None) == []


def test_what_is_too_short_to_compare_has_no_match_and_a_speaker_of_it_a_warning(job_of):
    turns = (SpeakerTurn(0.0, 0.3, "SPEAKER_00"), SpeakerTurn(1.0, 6.0, "SPEAKER_01"))
    transcript = Transcript((Segment(0.0, 0.3, "Да.", speaker="SPEAKER_00"), Segment(3.0, 3.2, "Нет.")), "ru")
    job = job_of(*ANNA)
    matches = verify(job, Audio(sound("anna")), transcript, Diarization(turns, turns, {}))

    assert [(match.speaker, match.speaker_id, match.segment) for match in matches] == [("SPEAKER_01", "Anna", None)]
    assert warnings(job) == ["SPEAKER_00 has 0.3 s of clean speech, too little to compare"]


def test_silence_has_no_match(job_of):
    silence = Audio(np.zeros(5 * SAMPLE_RATE_HZ, np.float32))
    assert verify(job_of(*ANNA), silence, Transcript((Segment(0.0, 5.0, "Да."),), "ru"), None) == []


# --- samples


BAD_SAMPLES = {
    "silence": (
        np.zeros(3 * SAMPLE_RATE_HZ),
        "the sample of X has 0.0 s of speech, and 1.0 s are needed; it is left out",
    ),
    "short": (sound("olga")[8_000:11_200], "the sample of X has 0.2 s of speech, and 1.0 s are needed; it is left out"),
    "two": (np.concatenate([sound("anna"), sound("ivan")]), "the sample of X has a second voice in it; it is left out"),
}


@pytest.mark.parametrize("kind", BAD_SAMPLES)
def test_a_bad_sample_is_left_out_and_named_with_the_reason(kind, job_of, call):
    bad, warning = BAD_SAMPLES[kind]
    job = job_of(sample("X", bad), *IVAN)

    assert names(verify(job, *call)) == {"SPEAKER_00": "unknown", "SPEAKER_01": "Ivan"}
    assert warnings(job) == [warning]


def test_samples_that_cannot_be_read_are_left_out_and_named(job_of, call):
    undecodable = {"name": "X", "audio_base64": base64.b64encode(b"<!DOCTYPE html><html></html>").decode()}
    refused = {"name": "Y", "url": "http://127.0.0.1:9009/voice.wav"}
    job = job_of(undecodable, refused, *IVAN)

    assert names(verify(job, *call))["SPEAKER_01"] == "Ivan"
    first, second = warnings(job)
    assert first.startswith("the sample of X: ")
    assert first.endswith("; it is left out")
    assert second.startswith("the sample of Y: ")
    assert second.endswith("the address is not public; it is left out")


def test_a_clipped_sample_is_used_with_a_warning(job_of, call):
    job = job_of(sample("Ivan", np.clip(sound("ivan") * 30, -1, 1)))

    assert names(verify(job, *call))["SPEAKER_00"] == "unknown"
    assert warnings(job) == ["the sample of Ivan is clipped: it was recorded too loud"]


def test_speech_at_its_loudest_is_not_clipped():
    assert not is_clipped(sound("anna") / np.abs(sound("anna")).max())


def test_samples_of_one_name_that_are_two_people_are_told(job_of, call):
    job = job_of(sample("Ivan", sound("ivan")), sample("Ivan", sound("olga")))
    verify(job, *call)

    assert warnings(job) == ["the samples of Ivan do not sound like one person"]


def test_a_bad_sample_among_good_ones_of_the_same_name_is_told_by_its_number(job_of, call):
    job = job_of(*IVAN, sample("Ivan", np.zeros(16_000)))

    assert names(verify(job, *call))["SPEAKER_01"] == "Ivan"
    assert warnings(job) == ["sample 3 of Ivan has 0.0 s of speech, and 1.0 s are needed; it is left out"]


def test_where_no_sample_can_be_used_the_step_fails_with_one_sentence(job_of, call):
    job = job_of(sample("X", np.zeros(16_000)))
    with pytest.raises(WorkerError, match="none of the speaker samples can be used"):
        verify(job, *call)


def test_a_strict_job_fails_on_a_bad_sample(job_of, call):
    job = job_of(sample("X", np.zeros(16_000)), *IVAN, strict=True)
    with pytest.raises(StrictError, match="the sample of X has"):
        verify(job, *call)


def test_fifty_people_are_enrolled_and_the_right_ones_are_found(job_of, call):
    rng = np.random.default_rng(0)
    pieces = [np.roll(sound("olga"), int(rng.integers(80_000)))[:40_000] for _ in range(48)]
    job = job_of(*[sample(f"Olga {number}", piece) for number, piece in enumerate(pieces)], *ANNA[:1], *IVAN[:1])

    assert names(verify(job, *call)) == {"SPEAKER_00": "Anna", "SPEAKER_01": "Ivan"}


# --- what is remembered


@pytest.fixture
def counted(monkeypatch):
    """How often the encoder listens to a sample."""
    heard = []
    real = speaker_verification.enrolment.analyse_sample
    monkeypatch.setattr(speaker_verification.enrolment, "_analyses", LruCache(9))
    monkeypatch.setattr(
        speaker_verification.enrolment, "analyse_sample", lambda audio, job: heard.append(1) or real(audio, job)
    )
    return heard


def test_a_sample_is_remembered_by_its_sound_and_not_by_its_name(job_of, call, counted):
    loaded_models = ModelCache()
    first = job_of(sample("Ivan", sound("ivan")), loaded_models=loaded_models)
    second = job_of(sample("Pyotr", sound("ivan")), loaded_models=loaded_models)
    third = job_of(sample("Ivan", sound("olga")), loaded_models=loaded_models)

    assert names(verify(first, *call))["SPEAKER_01"] == "Ivan"
    assert names(verify(second, *call))["SPEAKER_01"] == "Pyotr"
    assert names(verify(third, *call))["SPEAKER_01"] == "unknown"
    assert len(counted) == 2


def test_a_sample_is_remembered_for_weights_of_one_revision(job_of, call, counted, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(shipped_models() / SHIPPED, other)
    (other / "calibration.json").unlink()
    with (other / "hyperparams.yaml").open("a") as file:
        file.write("# another revision\n")
    for folder in (SHIPPED, SHIPPED, str(other)):
        verify(job_of(*OLGA, settings=Settings(speaker_model=folder, device="cpu"), loaded_models=ModelCache()), *call)
    assert len(counted) == 2


# --- the encoder


@pytest.fixture(scope="module")
def shipped():
    return load_encoder(shipped_models() / SHIPPED, SHIPPED, "cpu")


def test_the_shipped_folder_brings_its_own_threshold(shipped):
    described = json.loads((shipped_models() / SHIPPED / "verification.json").read_text(encoding="utf-8"))
    assert shipped.threshold == Threshold(described["threshold"], "model")
    assert "synthetic people" in described["measured_on"]


def test_the_shipped_folder_loads_through_speechbrains_own_call():
    import torch
    from speechbrain.inference.speaker import EncoderClassifier

    classifier = EncoderClassifier.from_hparams(source=str(shipped_models() / SHIPPED), run_opts={"device": "cpu"})
    assert classifier.encode_batch(torch.from_numpy(sound("anna")[None].copy())).shape == (1, 1, 64)


def test_an_embedding_does_not_depend_on_what_else_is_embedded(shipped):
    pieces = [sound("anna")[:40_000], sound("ivan"), sound("olga")[:12_345]]
    together = shipped.embed(pieces)
    alone = np.concatenate([shipped.embed([piece]) for piece in pieces])

    assert np.abs(together - alone).max() < 1e-5
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_windows_of_one_length_may_share_a_batch(shipped):
    gpu_like = replace(shipped, device="cuda")
    pieces = [sound("anna"), sound("ivan"), sound("olga")[:20_000], sound("olga")[:20_500]]
    assert np.abs(gpu_like.embed(pieces, batch_size=3) - shipped.embed(pieces)).max() < 1e-4


def test_a_batch_that_does_not_fit_into_memory_is_halved(shipped, monkeypatch):
    import torch

    encode, sizes = shipped.classifier.encode_batch, []

    def encode_two_at_most(sound):
        sizes.append(len(sound))
        if len(sound) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return encode(sound)

    pieces, job = [sound("olga")[start : start + 20_000] for start in range(0, 50_000, 10_000)], make_job()
    whole = shipped.embed(pieces)
    monkeypatch.setattr(shipped.classifier, "encode_batch", encode_two_at_most)
    halved = replace(shipped, device="cuda").embed(pieces, 4, OomBackoff(job, "verify_speakers"))

    assert sizes == [4, 4, 2, 2, 1]
    assert np.abs(halved - whole).max() < 1e-4
    assert [str(warned) for warned in job.warnings] == [
        "verify_speakers ran out of memory with a batch of 4, and went on with 2"
    ]


@pytest.mark.parametrize("samples", [0, 1, 400, 7_999])
def test_what_is_too_short_is_not_a_number(shipped, samples):
    embeddings = shipped.embed([sound("anna")[20_000 : 20_000 + samples], sound("anna")])
    assert np.isnan(embeddings[0]).all()
    assert np.isfinite(embeddings[1]).all()


def test_nothing_to_embed_is_no_embedding(shipped):
    assert shipped.embed([]).shape[0] == 0


def test_loudness_does_not_matter(shipped):
    quiet, loud = shipped.embed([sound("anna") * 0.05, sound("anna")])
    assert quiet @ loud > 0.999


def test_a_cancelled_job_stops(job_of, call):
    job = job_of(*ANNA)
    job.cancel()
    with pytest.raises(JobCancelledError):
        verify(job, *call)


def test_warming_up_loads_the_encoder():
    loaded_models = ModelCache()
    speaker_verification.warm_up(loaded_models, Settings(speaker_model=SHIPPED, device="cpu"))
    assert [key[0] for key in loaded_models.loaded()] == [NAME]


def test_a_model_that_is_nowhere_is_a_clear_error(job_of, call):
    with pytest.raises(PluginError, match="'speechbrain/spkrec-ecapa-voxceleb' is not on this worker"):
        verify(job_of(*ANNA, settings=Settings(device="cpu")), *call)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"other.txt": ""}, "has no hyperparams.yaml"),
        ({"hyperparams.yaml": "modules: {}"}, r"cannot be loaded \(KeyError\)"),
        ({"hyperparams.yaml": "", "verification.json": '{"threshold": 7}'}, "has no threshold from -1 to 1"),
        ({"hyperparams.yaml": "", "verification.json": "no json"}, "has no threshold from -1 to 1"),
    ],
)
def test_a_folder_that_is_no_encoder_is_a_clear_error(files, why, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(WorkerError, match=f"speaker model 'mine' .*{why}"):
        load_encoder(tmp_path, "mine", "cpu")


# --- the production layout


def test_a_folder_in_the_production_layout_goes_through_the_same_plugin(tmp_path, job_of, call):
    from tools.random_models.ecapa import make_ecapa

    make_ecapa(tmp_path / "speechbrain" / "spkrec-ecapa-voxceleb")

    audio, transcript, diarization = call
    job = job_of(*ANNA[:1], settings=Settings(models=tmp_path, device="cpu"), loaded_models=ModelCache())
    with speaker_verification.use_encoder(job.settings.speaker_model, job.models, job.settings, None) as encoder:
        assert encoder.threshold == Threshold(0.25, "default")
        assert encoder.embed([sound("anna")]).shape == (1, 192)
    short = replace(transcript, segments=transcript.segments[:2])
    turns = diarization.turns[:2]
    matches = verify(job, audio, short, Diarization(turns, turns, {}))
    assert [(match.speaker, match.segment) for match in matches] == [
        ("SPEAKER_00", None),
        ("SPEAKER_01", None),
        ("SPEAKER_00", 0),
        ("SPEAKER_01", 1),
    ]
    assert not Path("None").exists()
