"""The diarization plugin: what it makes of a pipeline's answer, how it shares one, and the shipped folder on real sound."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from dialogues import ALEKSANDR, ANNA, CASTS, ELENA, IRINA, LOW_ELENA, STAFF, Voice, make_dialogue
from hub import TOKEN, reach, serving

from whisperx_worker import (
    Audio,
    BadInputError,
    Diarization,
    JobCancelledError,
    ModelCache,
    PluginError,
    Settings,
    SpeakerTurn,
    WorkerError,
)
from whisperx_worker.audio.decode import decode
from whisperx_worker.hooks.job import Observers
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.testing import load_plugin, make_audio, make_job, run_engine
from whisperx_worker_plugins import pyannote_diarization
from whisperx_worker_plugins.pyannote_diarization import inference
from whisperx_worker_plugins.pyannote_diarization.inference import diarization_of, run_pipeline
from whisperx_worker_plugins.pyannote_diarization.pinned_model import PINNED_MODEL
from whisperx_worker_plugins.pyannote_diarization.pipeline import (
    LoadedPipeline,
    _locate_parts,
    load_pipeline,
    silence_pyannote,
)

NAME = "pyannote_diarization"
ROOT = Path(__file__).parents[3]
FOLDER = shipped_models() / "demo-diarization"
AMI = ROOT.parent / "shared" / "audio" / "ami"

models = pytest.mark.models


class Turns:
    """As much of a `pyannote.core.Annotation` as the plugin reads."""

    def __init__(self, *turns):
        self.turns = turns

    def itertracks(self, *, yield_label):
        assert yield_label
        for number, (start, end, label) in enumerate(self.turns):
            yield SimpleNamespace(start=start, end=end), number, label

    def labels(self):
        return sorted({label for *_, label in self.turns})


def output(regular, exclusive, embeddings):
    return SimpleNamespace(
        speaker_diarization=Turns(*regular),
        exclusive_speaker_diarization=Turns(*exclusive),
        speaker_embeddings=embeddings,
    )


# --- what a pipeline answers


def test_speakers_are_named_in_the_order_in_which_they_first_speak():
    first = [(1.00049, 2.0, "B"), (0.5, 0.9, "C"), (1.5, 3.0, "A")]
    vectors = np.array([[1, 0], [0, 1], [1, 1]], np.float32)

    found = diarization_of(output(first, [(0.5, 0.9, "C"), (1.0, 1.5, "B"), (1.5, 3.0, "A")], vectors))

    assert found.turns == (
        SpeakerTurn(0.5, 0.9, "SPEAKER_00"), SpeakerTurn(1.0, 2.0, "SPEAKER_01"), SpeakerTurn(1.5, 3.0, "SPEAKER_02"),
    )  # fmt: skip
    assert found.exclusive == (
        SpeakerTurn(0.5, 0.9, "SPEAKER_00"), SpeakerTurn(1.0, 1.5, "SPEAKER_01"), SpeakerTurn(1.5, 3.0, "SPEAKER_02"),
    )  # fmt: skip
    assert {name: vector.tolist() for name, vector in found.embeddings.items()} == {
        "SPEAKER_00": [1, 1], "SPEAKER_01": [0, 1], "SPEAKER_02": [1, 0],
    }  # fmt: skip
    assert list(found.embeddings) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]


def test_an_embedding_that_tells_no_voice_is_left_out():
    turns = [(0, 1, "A"), (1, 2, "B"), (2, 3, "C")]

    found = diarization_of(output(turns, turns, np.array([[np.nan, 1], [0, 0], [0, 1]], np.float32)))

    assert list(found.embeddings) == ["SPEAKER_02"]
    assert diarization_of(output(turns, turns, None)).embeddings == {}


def test_turns_of_no_length_and_before_the_beginning_are_no_turns():
    turns = [(-0.01, 0.5, "A"), (1.0, 1.0002, "B")]

    assert diarization_of(output(turns, turns, None)).turns == (SpeakerTurn(0.0, 0.5, "SPEAKER_00"),)


def test_a_pipeline_without_exclusive_turns_is_one_sentence():
    with pytest.raises(WorkerError, match=r"gives no exclusive turns; it is none of pyannote\.audio 4"):
        diarization_of(Turns((0, 1, "A")))


# --- what a folder names


def locate(name):
    return Path("/found") / name


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("$model/embedding", {"checkpoint": "/folder", "subfolder": "embedding"}),
        ("pyannote/wespeaker", {"checkpoint": "/found/pyannote/wespeaker"}),
        ("/a/path", "/a/path"),
        ({"checkpoint": "x"}, {"checkpoint": "x"}),
    ],
)
def test_models_that_a_configuration_names_are_found_by_the_worker(value, part):
    pipeline = {"name": "ours.Pipeline", "params": {"embedding": value, "step": 0.1}}

    assert _locate_parts(pipeline, Path("/folder"), locate) == {"embedding": part, "step": 0.1}


def test_what_pyannote_would_download_by_default_is_found_by_the_worker():
    pipeline = {"name": "pyannote.audio.pipelines.SpeakerDiarization", "params": {"segmentation": "$model/s"}}

    assert _locate_parts(pipeline, Path("/folder"), locate) == {
        "segmentation": {"checkpoint": "/folder", "subfolder": "s"},
        "embedding": {"checkpoint": f"/found/{PINNED_MODEL.name}", "subfolder": "embedding"},
        "plda": {"checkpoint": f"/found/{PINNED_MODEL.name}", "subfolder": "plda"},
    }


def test_a_folder_without_a_configuration_is_one_sentence(tmp_path):
    with pytest.raises(WorkerError, match=r"^the folder of the diarization model 'mine' has no config\.yaml$"):
        load_pipeline("mine", tmp_path, "cpu", locate)


@pytest.mark.parametrize("name", ["/etc", "../secret", "a/b/c", ""])
def test_a_job_cannot_point_at_folders_of_the_machine(name):
    with pytest.raises(BadInputError, match="must be a model's name, such as demo-whisper-ru or org/name, not a path"):
        make_job(load_plugin(pyannote_diarization, NAME), plugins={NAME: {"model": name}})


# --- how a pipeline runs


class Pipeline:
    """Answers nothing, after `during` has run; remembers how many used it at once."""

    def __init__(self, during=lambda _hook: None):
        self.during, self.inside, self.most, self.asked = during, 0, 0, []

    def __call__(self, file, hook, **counts):
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.asked.append((file["waveform"].shape, file["sample_rate"], counts))
        self.during(hook)
        self.inside -= 1
        return output([], [], None)


@models
def test_a_pipeline_gets_the_decoded_sound_and_the_numbers_of_speakers():
    pipeline = Pipeline()

    run_pipeline(LoadedPipeline(pipeline), make_audio(1.0), make_job(min_speakers=2, max_speakers=3))

    counts = {"num_speakers": None, "min_speakers": 2, "max_speakers": 3}
    assert [(tuple(shape), rate, asked) for shape, rate, asked in pipeline.asked] == [((1, 16_000), 16_000, counts)]


@models
def test_one_job_at_a_time_uses_a_pipeline(monkeypatch):
    monkeypatch.setattr(inference, "CANCEL_POLL_S", 0.001)
    waiting, all_wait = set(), threading.Event()

    def wait(*_progress):
        waiting.add(threading.get_ident())
        if len(waiting) == len(jobs) - 1:
            all_wait.set()

    jobs = [make_job(observers=Observers(progress=wait)) for _ in range(4)]
    pipeline = Pipeline(lambda _hook: all_wait.wait(20))
    loaded = LoadedPipeline(pipeline)
    threads = [threading.Thread(target=run_pipeline, args=(loaded, make_audio(), job)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)

    assert (len(pipeline.asked), pipeline.most, all_wait.is_set()) == (4, 1, True)


@models
def test_a_job_that_is_cancelled_while_it_waits_or_runs_stops(monkeypatch):
    monkeypatch.setattr(inference, "CANCEL_POLL_S", 0.01)
    waiting, running = make_job(), make_job()
    waiting.cancel()
    loaded = LoadedPipeline(Pipeline(lambda hook: hook("segmentation", None, completed=1, total=2)))

    with loaded.turn, pytest.raises(JobCancelledError):
        run_pipeline(loaded, make_audio(), waiting)
    running.cancel()
    with pytest.raises(JobCancelledError):
        run_pipeline(loaded, make_audio(), running)
    assert not loaded.turn.locked()


@models
def test_progress_never_goes_back():
    told = []
    observers = Observers(progress=lambda stage, fraction: told.append((stage, round(fraction, 3))))
    job = make_job(observers=observers)

    def steps(hook):
        for step, completed, total in [
            ("segmentation", 0, 2), ("segmentation", 4, 2), ("speaker_counting", None, None),
            ("embeddings", 1, 2), ("segmentation", 1, 2), ("unknown", None, None), ("embeddings", 0, 0),
        ]:  # fmt: skip
            hook(step, None, file=None, total=total, completed=completed)

    run_pipeline(LoadedPipeline(Pipeline(steps)), make_audio(), job)

    assert told == [("diarize", fraction) for fraction in (0.0, 0.4, 0.4, 0.675, 0.675, 0.675, 0.95)]


@models
def test_a_recording_that_does_not_fit_into_memory_is_one_sentence():
    def full(_hook):
        raise MemoryError

    with pytest.raises(WorkerError, match=r"^diarize ran out of memory, with a batch of one even$"):
        run_pipeline(LoadedPipeline(Pipeline(full)), make_audio(), make_job())


# --- the shipped folder


@pytest.fixture(scope="module")
def loaded_models():
    import torch

    # Its threads wait for each other by spinning, which is slow where tests share a processor.
    torch.set_num_threads(1)
    return ModelCache()


@pytest.fixture(scope="module")
def diarize(loaded_models):
    """What the plugin makes of a recording with the shipped folder."""
    host = load_plugin(pyannote_diarization, name=NAME)

    def run(audio, warned=None, **fields):
        job = make_job(host, plugins={NAME: {"model": "demo-diarization"}}, **fields)
        job.models = loaded_models
        found = run_engine(host, "diarize", Diarization, job, audio=audio)
        if warned is not None:
            warned += map(str, job.warnings)
        return found

    return run


@pytest.fixture(scope="module")
def dialogue():
    """The shipped dialogue and who truly speaks in it."""
    audio = decode(ROOT / "demo" / "dialogue.flac", Settings())[0]
    turns = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["turns"]
    return audio, [(turn["start"], turn["end"], turn["speaker"]) for turn in turns]


@pytest.fixture(scope="module")
def told(diarize, dialogue):
    return diarize(dialogue[0])


def error_rate(truth, found, duration_s):
    """Diarization error rate, no collar, overlap scored."""
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    annotations = []
    for turns in (truth, [(turn.start, turn.end, turn.speaker) for turn in found.turns]):
        annotation = Annotation()
        for number, (start, end, speaker) in enumerate(turns):
            annotation[Segment(start, end), number] = speaker
        annotations.append(annotation)
    return DiarizationErrorRate(collar=0.0)(*annotations, uem=Timeline([Segment(0, duration_s)]))


def speakers_of(found):
    return sorted({turn.speaker for turn in found.turns})


@models
def test_the_shipped_dialogue_is_told_apart(told, dialogue):
    audio, truth = dialogue

    assert speakers_of(told) == ["SPEAKER_00", "SPEAKER_01"]
    assert error_rate(truth, told, audio.duration_s) <= 0.05


@models
def test_windows_that_do_not_fit_into_memory_together_go_through_in_smaller_batches(
    loaded_models, diarize, told, dialogue
):
    import torch

    (pipeline,) = [kept.model.pipeline for kept in loaded_models._entries.values()]
    sizes = []

    def with_little_memory(_model, given):
        sizes.append(len(given[0]))
        if len(given[0]) > 12:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    warned = []
    refused = pipeline._segmentation.model.register_forward_pre_hook(with_little_memory)
    try:
        found = diarize(dialogue[0], warned=warned)
    finally:
        refused.remove()
    assert found.turns == told.turns
    assert sizes[:4] == [32, 32, 16, 8]
    assert warned == [
        "diarize ran out of memory with a batch of 32, and went on with 16",
        "diarize ran out of memory with a batch of 16, and went on with 8",
    ]
    assert pipeline.segmentation_batch_size == 32


@models
def test_exclusive_turns_do_not_overlap_and_cover_what_the_turns_cover(told):
    assert all(before.end <= after.start for before, after in pairwise(told.exclusive))
    grid = np.arange(0, 62, 0.1)
    covered = [
        [any(turn.start <= second < turn.end for turn in turns) for second in grid]
        for turns in (told.turns, told.exclusive)
    ]
    assert covered[0] == covered[1]


@models
def test_every_speaker_of_the_dialogue_has_an_embedding(told):
    assert list(told.embeddings) == speakers_of(told)
    assert [float(np.linalg.norm(vector)) for vector in told.embeddings.values()] == pytest.approx([1, 1], abs=1e-5)


@models
def test_a_second_run_gives_the_same(diarize, dialogue, loaded_models):
    audio = Audio(dialogue[0].between(0, 8).copy())

    one, other = diarize(audio), diarize(audio)

    assert (one.turns, one.exclusive) == (other.turns, other.exclusive)
    assert len(loaded_models.loaded()) == 1


@models
@pytest.mark.parametrize(
    ("asked", "found"),
    [({"num_speakers": 1}, 1), ({"max_speakers": 1}, 1), ({"num_speakers": 3}, 3), ({"min_speakers": 3}, 3)],
)
def test_the_number_of_speakers_is_honoured(diarize, dialogue, asked, found):
    audio = Audio(dialogue[0].between(0, 20).copy())

    assert len(speakers_of(diarize(audio, **asked))) == found


@models
@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(1_000), np.zeros(16_000 * 3), 1e-4 * np.random.default_rng(0).standard_normal(16_000 * 3)],
    ids=["nothing", "60 ms", "silence", "noise"],
)
def test_where_nobody_speaks_there_are_no_turns(diarize, samples):
    found = diarize(Audio(samples.astype(np.float32)))

    assert (found.turns, found.exclusive, found.embeddings) == ((), (), {})


@models
def test_a_fifth_of_a_second_is_at_most_one_speaker(diarize, dialogue):
    found = diarize(Audio(dialogue[0].between(1.0, 1.2).copy()))

    assert len(speakers_of(found)) <= 1
    assert all(turn.end <= 0.25 for turn in found.turns)


@models
def test_one_voice_is_one_speaker(diarize):
    monologue = make_dialogue([ELENA], seed=1, duration_s=20.0)

    assert speakers_of(diarize(monologue.audio)) == ["SPEAKER_00"]


@models
def test_twelve_voices_are_no_more_than_was_said(diarize):
    cast = [ANNA, IRINA, ELENA, ALEKSANDR, STAFF, LOW_ELENA, *(Voice(voice.name, 1.25) for voice in (ANNA, STAFF))]
    cast += [Voice(voice.name, 0.75) for voice in (IRINA, ALEKSANDR, ELENA, STAFF)]
    crowd = make_dialogue(cast, seed=12, duration_s=70.0)
    assert len({turn.speaker for turn in crowd.turns}) == 12

    found = diarize(crowd.audio, max_speakers=6)

    assert 3 <= len(speakers_of(found)) <= 6


@models
def test_pyannotes_own_sample_is_told_apart(diarize):
    import pyannote.audio
    from pyannote.database.util import load_rttm

    folder = Path(pyannote.audio.__file__).parent / "sample"
    truth = load_rttm(folder / "sample.rttm")["sample"]
    audio = decode(folder / "sample.wav", Settings())[0]

    found = diarize(audio)

    assert len(speakers_of(found)) == 2
    turns = [(segment.start, segment.end, label) for segment, _, label in truth.itertracks(yield_label=True)]
    assert error_rate(turns, found, audio.duration_s) <= 0.12


@models
@pytest.mark.skipif(not AMI.is_dir(), reason="the half-minutes of real meetings are not beside this repository")
def test_real_meetings_are_told_apart_as_far_as_it_is_known(diarize):
    from pyannote.database.util import load_rttm

    rates = []
    for name in ("trn05", "trn06", "trn09"):
        truth = load_rttm(AMI / "ami.rttm")[name]
        turns = [(segment.start, segment.end, label) for segment, _, label in truth.itertracks(yield_label=True)]
        audio = decode(AMI / f"{name}.flac", Settings())[0]
        rates.append(error_rate(turns, diarize(audio), audio.duration_s))

    assert np.mean(rates) <= 0.2


@models
@pytest.mark.parametrize("seed", [1, 3, 9], ids=["two", "three", "five"])
def test_synthetic_dialogues_are_told_apart(diarize, seed):
    mixed = make_dialogue(CASTS[seed], seed)
    truth = [(turn.start, turn.end, turn.speaker) for turn in mixed.turns]

    assert error_rate(truth, diarize(mixed.audio), mixed.audio.duration_s) <= 0.12


IN_A_PROCESS_OF_ITS_OWN = """
import os, sys
from pathlib import Path
from whisperx_worker.testing import make_audio, make_job
from whisperx_worker_plugins.pyannote_diarization.inference import run_pipeline
from whisperx_worker_plugins.pyannote_diarization.pipeline import load_pipeline

loaded = load_pipeline("shipped", Path(sys.argv[1]), "cpu", Path)
run_pipeline(loaded, make_audio(2.0), make_job())
from pyannote.audio.telemetry.metrics import is_metrics_enabled
print(is_metrics_enabled())
"""


@models
def test_it_says_nothing_on_stderr_and_reports_to_nobody():
    command = [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, str(FOLDER)]

    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)

    assert (done.stdout, done.stderr) == ("False\n", "")


@models
def test_pyannotes_own_call_loads_the_folder():
    silence_pyannote()
    from pyannote.audio import Pipeline as PyannotePipeline

    loaded = PyannotePipeline.from_pretrained(FOLDER)

    assert type(loaded).__name__ == "LinkedSpeakerDiarization"
    assert [path.name for path in FOLDER.iterdir() if path.stat().st_size > 10_000] == []


@models
def test_a_folder_that_names_the_class_by_its_former_path_loads_with_a_warning(tmp_path):
    sys.modules.pop("whisperx_worker_plugins.pyannote_diarization.linking", None)
    config = (FOLDER / "config.yaml").read_text(encoding="utf-8")
    former = "whisperx_worker_plugins.pyannote_diarization.linking."
    config = config.replace("whisperx_worker_plugins.linked_diarization.pipeline.", former)
    config = config.replace("$model/..", str(FOLDER.parent))
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    assert former in config

    with pytest.warns(
        DeprecationWarning, match=r"name whisperx_worker_plugins\.linked_diarization\.pipeline in config"
    ):
        loaded = load_pipeline("mine", tmp_path, "cpu", locate)

    assert type(loaded.pipeline).__module__ == "whisperx_worker_plugins.linked_diarization.pipeline"


# --- a folder as production has it, from a gated hub


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """The layout of pyannote's community pipeline, its weights random and small."""
    silence_pyannote()
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import XVectorMFCC
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("production")
    segmentation = PyanNet(lstm={"hidden_size": 16, "num_layers": 1}, linear={"hidden_size": 16, "num_layers": 1})
    segmentation.specifications = Specifications(
        Problem.MONO_LABEL_CLASSIFICATION, Resolution.FRAME, duration=10.0, classes=["A", "B", "C"],
        powerset_max_classes=2, permutation_invariant=True,
    )  # fmt: skip
    segmentation.build()
    # Whoever speaks alone is always the first, so that there is something to find.
    segmentation.classifier.bias.data[1] = 10.0
    embedding = XVectorMFCC(dimension=32)
    embedding.specifications = Specifications(Problem.REPRESENTATION, Resolution.CHUNK, duration=5.0, classes=["A"])

    def save(model, name):
        checkpoint = {
            "state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams), "pytorch-lightning_version": "2.5.0",
        }  # fmt: skip
        model.on_save_checkpoint(checkpoint)
        (folder / name).mkdir()
        torch.save(checkpoint, folder / name / "pytorch_model.bin")

    save(segmentation, "segmentation")
    save(embedding, "embedding")
    draw = np.random.default_rng(0)
    (folder / "plda").mkdir()
    np.savez(
        folder / "plda" / "xvec_transform.npz", mean1=np.zeros(32), mean2=np.zeros(16), lda=draw.normal(size=(32, 16))
    )
    np.savez(folder / "plda" / "plda.npz", mu=np.zeros(16), tr=np.eye(16), psi=np.linspace(2, 1, 16))
    (folder / "config.yaml").write_text(
        "dependencies:\n  pyannote.audio: 4.0.0\n"
        "pipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n  params:\n"
        "    clustering: VBxClustering\n    segmentation: $model/segmentation\n    segmentation_batch_size: 32\n"
        "    embedding: $model/embedding\n    embedding_batch_size: 32\n    embedding_exclude_overlap: true\n"
        "    plda: $model/plda\n"
        "params:\n  clustering:\n    threshold: 0.6\n    Fa: 0.07\n    Fb: 0.8\n  segmentation:\n    min_duration_off: 0.0\n",
        encoding="utf-8",
    )
    return folder


GATED = "pyannote/speaker-diarization-community-1"


@pytest.fixture
def gated(production, monkeypatch, tmp_path):
    """The plugin with its default model, which a hub opens to one token; gives the function that diarizes."""
    host = load_plugin(pyannote_diarization, name=NAME)
    with serving({GATED: production}) as hub:
        reach(monkeypatch, hub, tmp_path / "cache")

        def run(audio, token, **fields):
            job = make_job(host, **({"huggingface_access_token": token} if token else {}), **fields)
            job.settings = Settings(hub_models=(GATED,), device="cpu")
            return run_engine(host, "diarize", Diarization, job, audio=audio)

        yield run


@models
@pytest.mark.parametrize("token", [None, "hf_SomebodyElsesToken"], ids=["no token", "refused token"])
def test_a_gated_pipeline_without_the_right_token_is_one_sentence(gated, caplog, token):
    caplog.set_level(0)
    with pytest.raises(PluginError) as refused:
        gated(make_audio(), token)

    assert (
        str(refused.value)
        == f"diarize failed in plugin {NAME}: the model {GATED!r} is gated, and the token does not open it"
    )
    assert not token or token not in caplog.text


@models
def test_a_folder_in_the_layout_of_production_is_downloaded_with_the_jobs_token_and_used(gated, dialogue, caplog):
    caplog.set_level(0)
    found = gated(Audio(dialogue[0].between(0, 12).copy()), TOKEN)

    assert speakers_of(found) == ["SPEAKER_00"]
    assert found.turns == found.exclusive
    assert {name: vector.shape for name, vector in found.embeddings.items()} == {"SPEAKER_00": (32,)}
    assert TOKEN not in caplog.text


@models
def test_the_pipeline_of_production_stands_a_fifth_of_a_second(gated, dialogue):
    found = gated(Audio(dialogue[0].between(1.0, 1.2).copy()), TOKEN)

    assert all(np.isfinite(vector).all() for vector in found.embeddings.values())


@models
def test_pyannotes_own_pipeline_hears_each_window_once_and_finds_the_same(production, dialogue):
    import torch
    from pyannote.audio import Pipeline as PyannotePipeline
    from pyannote.core import SlidingWindow, SlidingWindowFeature

    plain = PyannotePipeline.from_pretrained(production)
    ours = load_pipeline("mine", production, "cpu", locate).pipeline
    heard = {"plain": 0, "ours": 0}

    def count(whose):
        def hook(_model, arguments):
            heard[whose] += len(arguments[0])

        return hook

    plain._embedding.model_.register_forward_pre_hook(count("plain"))
    ours._embedding.model_.register_forward_pre_hook(count("ours"))
    file = {"waveform": torch.from_numpy(dialogue[0].between(0, 16).copy())[None], "sample_rate": 16_000}
    masks = np.random.default_rng(0).random((7, 589, 3)) < [0.6, 0.3, 0.0]
    windows = SlidingWindowFeature(masks.astype(np.float32), SlidingWindow(start=0, duration=10, step=1))

    expected, found = (pipeline.get_embeddings(file, windows, exclude_overlap=True) for pipeline in (plain, ours))

    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
    assert heard["plain"] - heard["ours"] == 21 - 7


@models
def test_pyannotes_own_pipeline_finds_the_same_turns_where_it_must_spare_memory(production, dialogue):
    def told(max_embeddings):
        loaded = load_pipeline("mine", production, "cpu", locate)
        loaded.pipeline.clustering.max_embeddings = max_embeddings
        return run_pipeline(loaded, Audio(dialogue[0].between(0, 16).copy()), make_job())

    plain, sparing = told(10**6), told(0)

    assert plain.turns
    assert (sparing.turns, sparing.exclusive) == (plain.turns, plain.exclusive)


@models
def test_a_job_is_cancelled_while_its_voices_are_told_apart(production, dialogue):
    loaded, job = load_pipeline("mine", production, "cpu", locate), make_job()
    loaded.pipeline.clustering.max_embeddings = 0
    own = loaded.pipeline.clustering.clustering
    choose = own.filter_embeddings

    def choose_and_cancel(*arguments, **named):
        job.cancel()
        return choose(*arguments, **named)

    own.filter_embeddings = choose_and_cancel

    with pytest.raises(JobCancelledError):
        run_pipeline(loaded, Audio(dialogue[0].between(0, 16).copy()), job)


@models
def test_a_model_that_is_warmed_up_is_there_for_the_first_job(loaded_models, diarize, dialogue):
    before = loaded_models.loaded()
    pyannote_diarization.warm_up(loaded_models, Settings(diarization_model="demo-diarization"))
    diarize(Audio(dialogue[0].between(0, 1).copy()))

    assert len({*before, *loaded_models.loaded()}) == 1


@models
def test_a_broken_folder_is_one_sentence(tmp_path):
    (tmp_path / "config.yaml").write_text("pipeline:\n  name: no.such.Pipeline\n", encoding="utf-8")

    with pytest.raises(WorkerError, match=r"^the diarization model 'mine' cannot be loaded \(ModuleNotFoundError\)$"):
        load_pipeline("mine", tmp_path, "cpu", locate)


def test_the_operator_names_the_model_and_the_default_is_pyannotes(monkeypatch):
    assert Settings().diarization_model == GATED
    monkeypatch.setenv("WHISPERX_WORKER_DIARIZATION_MODEL", "demo-diarization")
    assert Settings().diarization_model == "demo-diarization"
