"""Two customers of one worker: whatever happens to the one's jobs, nothing of them is seen by the other, or stays."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
import re
import threading
from pathlib import Path

import pytest

from tests.clips import wav
from tests.runpod_server import TWO_AT_ONCE, RunpodServer, start_worker
from tests.watch import Watch
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.hooks.job import Observers
from whisperx_worker.logs import job_log, redaction
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker.serving import runpod_handler as handler_module
from whisperx_worker.serving.runpod_handler import handler

DEMO = Path(__file__).parents[2] / "demo"
FORMATS = ["json", "srt", "vtt", "txt", "tsv", "rttm"]

CUSTOMER = '''
"""Engines that hear nothing, and say in every place that they have what their job's mark is."""

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from time import sleep

from whisperx_worker import (
    Diarization, Segment, Span, SpeakerMatch, SpeakerTurn, Transcript, hookimpl, read_sample, sample_name
)

log = logging.getLogger("customer")
meetings = defaultdict(lambda: threading.Barrier(2, timeout=30))


@dataclass(frozen=True)
class Options:
    mark: str = ""
    meets: str = ""
    """Be at each step together with the other job that says the same."""
    fails: str = ""
    """The hook that raises."""
    clings: bool = False
    """Fail with an exception that a frame of its own traceback holds, as many a library does."""
    waits: bool = False
    """Work on until the job is cancelled."""


@hookimpl
def register_options():
    return Options


def at(step, job, options):
    log.info("%s is at %s", options.mark, step)
    if options.meets:
        meetings[options.meets, step].wait()
    job.warn(f"{options.mark} is at {step}", Span(0.0, 0.1))
    job.notes[step] = {options.mark: [options.mark]}
    if options.meets:
        meetings[options.meets, step, "after"].wait()
    if options.fails == step:
        failure = ValueError(f"{options.mark} failed")
        try:
            raise failure
        finally:
            if not options.clings:
                del failure


@hookimpl
def pre_audio(audio, job, options):
    at("pre_audio", job, options)


@hookimpl
def transcribe(audio, job, options):
    at("transcribe", job, options)
    while options.waits:
        job.progress("transcribe", 0.5)
        sleep(0.02)
    job.recognised([Segment(0.0, 0.1, f"{options.mark} perhaps")])
    with job.models.use(("a model",), load=object):
        said = f"{options.mark} {job.request.initial_prompt} {job.request.hotwords}"
        return Transcript((Segment(0.0, round(audio.duration_s, 3), said),), "ru")


@hookimpl
def diarize(audio, job, options):
    log.info("%s is aside", options.mark)
    turns = (SpeakerTurn(0.0, audio.duration_s, "SPEAKER_00"),)
    return Diarization(turns, exclusive=turns, embeddings={})


@hookimpl
def verify_speakers(job, options):
    at("verify_speakers", job, options)
    sample = job.request.speaker_samples[0]
    return [SpeakerMatch("SPEAKER_00", sample_name(sample), read_sample(sample, job).duration_s / 10)]


@hookimpl
def finalize(result, job, options):
    at("finalize", job, options)
'''


def customers_environment(folder):
    """Puts the plugin into a folder, and says where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "customer.py").write_text(CUSTOMER, encoding="utf-8")
    hooks = ("TRANSCRIBE", "DIARIZE", "VERIFY_SPEAKERS")
    return {
        "WHISPERX_WORKER_PLUGINS_DIR": str(folder),
        "WHISPERX_WORKER_PLUGINS_ALLOW": "customer",
        **{f"WHISPERX_WORKER_{hook}_ENGINE": "customer" for hook in hooks},
    }


def mark_of(name):
    """What stands wherever something of a job can stand, and nowhere else."""
    return f"m4rk-{name}-m4rk"


def asked(name, recording, sample, **options):
    """A job that has its mark in every field that takes text."""
    mark = mark_of(name)
    return {
        **recording,
        "speaker_samples": [{"name": f"name-{mark}", **sample}],
        "initial_prompt": f"prompt-{mark}",
        "hotwords": f"hotwords-{mark}",
        "huggingface_access_token": f"token-{mark}",
        "diarization": True,
        "output_formats": FORMATS,
        "debug": True,
        "stream": True,
        "plugins": {"customer": {"mark": mark, **options}},
    }


# --- the real worker


@pytest.fixture(scope="module")
def evening(tmp_path_factory):
    """An evening of one worker with two customers, always two jobs at a time: posts, log and files by job."""
    server = RunpodServer()
    names = ["anna-1", "boris-1", "anna-2", "boris-2", "anna-3", "boris-3", "anna-4", "boris-4", "boris-5"]
    durations = {name: 0.5 + 0.1 * number for number, name in enumerate(names)}

    def job(name, **options):
        mark, seconds = mark_of(name), durations[name]
        recording = server.serve(f"/{mark}.wav", wav(seconds)) + f"?token=t0ken-{mark}"
        sample = server.serve(f"/voice-{mark}.wav", wav(seconds + 1)) + f"?token=t0ken-{mark}"
        return name, asked(name, {"audio_file": recording}, {"url": sample}, **options)

    folder = tmp_path_factory.mktemp("evening")
    worker = start_worker(
        folder / "home", {**server.environment(), **customers_environment(folder / "plugins")}, command=TWO_AT_ONCE
    )
    watch = Watch(worker.temporary, lambda content: b"m4rk" in content)
    watch.start()
    try:
        server.submit(job("anna-1", meets="1"), job("boris-1", meets="1"))
        server.result("boris-1", timeout_s=120)
        server.result("anna-1")
        server.submit(job("anna-2", meets="2", fails="finalize"), job("boris-2", meets="2"))
        server.result("boris-2")
        server.result("anna-2")
        server.submit(job("anna-3", fails="transcribe"), job("boris-3"))
        server.result("boris-3")
        server.result("anna-3")
        server.submit(job("anna-4", waits=True), job("boris-4"))
        server.result("boris-4")
        server.stop("anna-4")
        server.submit(job("boris-5"))
        server.result("boris-5")
        left = worker.left_behind()
    finally:
        worker.end()
        watch.end()
        server.close()
    lines = re.split(r"\n(?=\d{4}-\d\d-\d\d )", worker.said("container_log.txt"))
    return {
        "names": names,
        "durations": durations,
        "posts": {name: [post.body for post in server.posts_of(name)] for name in names},
        "log": {name: [line for line in lines if f"[{name}]" in line] for name in names},
        "rest": [line for line in lines if not any(f"[{name}]" in line for name in names)],
        "stdout": worker.said("stdout"),
        "watch": watch,
        "left": left,
    }


def of_others(name, names, text):
    """Marks in a text that belong to another job."""
    return {mark for mark in re.findall(r"m4rk-.+?-m4rk", text) if mark != mark_of(name)} & set(map(mark_of, names))


@pytest.mark.slow
def test_a_job_is_answered_with_its_own_words_and_nobody_elses(evening):
    for name in evening["names"]:
        text = json.dumps(evening["posts"][name])
        assert of_others(name, evening["names"], text) == set()
        assert (mark_of(name) in text) is (name not in {"anna-3", "anna-4"})
    for name in ("anna-1", "boris-1", "anna-2", "boris-2", "boris-3", "boris-4", "boris-5"):
        output, mark = evening["posts"][name][-1]["output"], mark_of(name)
        [segment] = output["segments"]
        assert segment["end"] == round(evening["durations"][name], 3)
        assert segment["text"] == f"{mark} prompt-{mark} hotwords-{mark}"
        assert output["speakers"][0]["speaker_id"] == f"name-{mark}"
        assert output["speakers"][0]["similarity"] == pytest.approx((evening["durations"][name] + 1) / 10)
        assert {"output": {"partial": [{"start": 0.0, "end": 0.1, "text": f"{mark} perhaps"}]}} in evening["posts"][
            name
        ]
        assert all(mark in output["outputs"][kind] for kind in ("srt", "vtt", "txt", "tsv"))
        steps = ["pre_audio", "transcribe", "verify_speakers", "finalize"]
        assert [warned for warned in output["warnings"] if " is at " in warned] == [
            f"0.00-0.10 s: {mark} is at {step}" for step in steps
        ]
        assert next(line for line in output["logs"].splitlines() if "is aside" in line).endswith(f"{mark} is aside")


@pytest.mark.slow
def test_a_failed_job_is_answered_with_one_sentence(evening):
    assert evening["posts"]["anna-3"][-1] == {"error": "transcribe failed in plugin customer: it raised ValueError"}
    assert all("error" not in post and "output" in post for post in evening["posts"]["anna-4"])


@pytest.mark.slow
def test_each_line_of_the_log_belongs_to_the_job_that_it_names(evening):
    for name in evening["names"]:
        assert of_others(name, evening["names"], "\n".join(evening["log"][name])) == set()
        assert any(mark_of(name) in line for line in evening["log"][name])
    assert not any("m4rk" in line for line in evening["rest"])
    assert "m4rk" not in evening["stdout"]


@pytest.mark.slow
def test_files_of_a_job_are_its_own_and_gone_with_it(evening):
    assert any(name.startswith("audio-") for name in evening["watch"].seen)
    assert (evening["watch"].wrong, evening["watch"].open, evening["left"]) == (set(), set(), [])


# --- what stays in memory

OF_A_JOB = {
    "Audio", "Diarization", "Job", "JobTail", "Options", "Person", "Request", "Result", "Segment", "SpeakerMatch",
    "SpeakerSample", "SpeakerTurn", "Transcript", "Warned", "Word",
}  # fmt: skip
OURS = ("whisperx_worker", "customer")


def alive():
    """Objects of jobs that something still holds, be it only each other."""
    return [
        thing
        for thing in gc.get_objects()
        if type(thing).__name__ in OF_A_JOB and (type(thing).__module__ or "").split(".")[0].startswith(OURS)
    ]


def texts_with(mark):
    """Texts with a mark that some container still holds."""
    gc.collect()
    found = set()
    for thing in gc.get_objects():
        if type(thing) is dict:
            found |= {item for item in (*thing.keys(), *thing.values()) if type(item) is str and mark in item}
        elif type(thing) in {list, tuple, set}:
            found |= {item for item in thing if type(item) is str and mark in item}
    return found


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """This process as the worker of a handler."""
    for name, value in customers_environment(tmp_path / "plugins").items():
        monkeypatch.setenv(name, value)
    settings = load_settings(log_file=tmp_path / "container_log.txt")
    job_log.start_logging(settings.log_file, console=False)
    worker = open_worker(settings)
    monkeypatch.setattr(handler_module, "worker", lambda: worker)
    yield worker
    job_log.stop_logging()
    logging.captureWarnings(capture=False)


def clip(seconds):
    return {"audio_base64": base64.b64encode(wav(seconds)).decode()}


async def ended(name, log_file, *, cancelled=False, **changes):
    """Let the handler do a job to its end, whatever that is; gives the keys of its response."""
    data = {**asked(name, clip(0.5), clip(1.0)), **changes}
    data["plugins"]["customer"].update(data.pop("options", {}))
    task = asyncio.create_task(handler({"id": name, "input": data}))
    if cancelled:
        await logged(f"{mark_of(name)} is at transcribe", log_file)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await logged(f"[{name}] whisperx_worker.pipeline.outcome: cancelled", log_file)
        return set()
    return set(await task)


async def logged(text, log_file):
    while text not in log_file.read_text(encoding="utf-8"):  # noqa: ASYNC110 - a file announces nothing
        await asyncio.sleep(0.01)


def let_pytest_remember_no_log():
    """Its handlers keep every record, and with it tracebacks and their variables."""
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if getattr(handler, "whisperx_worker", False)]


ENDS = {
    "well": ({}, "segments"),
    "with a plugin left out": ({"options": {"fails": "finalize"}}, "segments"),
    "without names": ({"options": {"fails": "verify_speakers"}}, "segments"),
    "with a failure": ({"options": {"fails": "transcribe"}}, "error"),
    "strictly": ({"strict": True}, "error"),
    "at the door": ({"beam_size": 0}, "error"),
    "at the decoder": ({"audio_base64": base64.b64encode(b"RIFF nonsense" * 9).decode()}, "error"),
    "with a failure that holds itself": ({"options": {"fails": "transcribe", "clings": True}}, "error"),
    "with a plugin left out that holds its failure": ({"options": {"fails": "finalize", "clings": True}}, "segments"),
    "cancelled": ({"cancelled": True, "options": {"waits": True}}, None),
}


@pytest.fixture
def no_collection():
    """Nobody comes by to collect what only holds itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.usefixtures("no_collection")
def test_nothing_of_a_job_is_in_memory_once_it_has_ended(worker, end):
    changes, key = ENDS[end]
    let_pytest_remember_no_log()
    before = set(map(id, alive()))
    keys = asyncio.run(ended("anna", worker.settings.log_file, **changes))
    for thread in threading.enumerate():
        if thread.name == "job":  # whose answer is there before it has left its last function
            thread.join()
    assert key is None or key in keys
    assert [thing for thing in alive() if id(thing) not in before] == []
    assert texts_with(mark_of("anna")) == set()
    assert redaction.mask(f"token-{mark_of('anna')}") == f"token-{mark_of('anna')}"


@pytest.mark.slow
def test_a_job_that_runs_is_seen_in_memory(worker):
    before = len(alive())
    data = asked("anna", clip(0.5), clip(1.0))
    seen = []
    answer(worker, "anna", data, observers=Observers(started=lambda _job: seen.append(len(alive()) - before)))
    assert seen[0] > 3
    assert texts_with(mark_of("anna")) != set()


# --- what the shipped speaker model remembers


@pytest.fixture(scope="module")
def whole_worker():
    return open_worker(load_settings(speaker_model="demo-speaker-embedding", device="cpu"))


def verified(worker, name, *files):
    """The answer to a call of the demo, and to samples that are called by their customer."""
    recording = {"audio_base64": base64.b64encode((DEMO / "dialogue.flac").read_bytes()).decode()}
    samples = [
        {
            "name": f"{who}-{mark_of(name)}",
            "audio_base64": base64.b64encode((DEMO / f"{who}.flac").read_bytes()).decode(),
        }
        for who in files
    ]
    data = {**recording, "model": "demo-whisper-ru", "language": "ru", "speaker_samples": samples, "debug": True}
    response = answer(worker, name, data)
    times = ("logs", "timings", "debug")
    return {key: value for key, value in response.items() if key not in times}, response


def names_in(response):
    return {segment.get("speaker_id") for segment in response["segments"]}


@pytest.mark.models
def test_what_is_remembered_of_one_customers_samples_changes_nothing_for_the_other(whole_worker):
    alone, _ = verified(open_worker(whole_worker.settings), "boris", "ivan", "olga")
    anna, _ = verified(whole_worker, "anna", "anna", "ivan")
    boris, whole = verified(whole_worker, "boris", "ivan", "olga")
    assert f"anna-{mark_of('anna')}" in names_in(anna)
    assert f"ivan-{mark_of('boris')}" in names_in(boris)
    assert boris == alone
    assert "anna" not in json.dumps(whole)


@pytest.mark.models
def test_of_samples_only_what_they_sound_like_is_remembered(whole_worker):
    let_pytest_remember_no_log()
    before = set(map(id, alive()))
    verified(whole_worker, "carl", "anna", "olga")
    assert [thing for thing in alive() if id(thing) not in before] == []
    assert texts_with(mark_of("carl")) == set()
