"""Observers are told of every stage of a job, and nothing that they do changes the job."""

from __future__ import annotations

import base64
import logging
import threading
from dataclasses import dataclass

import pytest

from tests.clips import wav
from whisperx_worker import (
    Diarization,
    JobCancelledError,
    ModelCache,
    PluginError,
    Segment,
    Settings,
    StrictError,
    Transcript,
    hookimpl,
)
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.testing import load_plugin, make_job

AUDIO = base64.b64encode(wav(0.5)).decode()


class Engines:
    """Hears the same in everything, and knows nobody."""

    @hookimpl
    def transcribe(self, audio, job):
        if job.request.hotwords == "cancel":
            job.cancel()
        return Transcript((Segment(0.0, audio.duration_s, "Алло."),), "ru")

    @hookimpl
    def diarize(self):
        return Diarization((), exclusive=(), embeddings={})


@dataclass(frozen=True)
class Options:
    tag: str = "none"


class Watches:
    """Keeps what it is told; raises an error of that kind if it is given one."""

    def __init__(self, error=None):
        self.error = error
        self.told = []

    @hookimpl
    def stage_ended(self, ended, job):
        self.told.append((job.id, threading.current_thread().name.partition("_")[0], ended))
        if self.error:
            raise self.error


def answered(*plugins, **fields):
    candidates = [
        Candidate(f"plugin{number}", "test", "0", load=lambda plugin=plugin: plugin)
        for number, plugin in enumerate((Engines(), *plugins))
    ]
    worker = Worker(Settings(), load_host(Settings(), candidates), ModelCache())
    return answer(worker, "job-1", {"audio_base64": AUDIO, **fields})


def without_logs(response):
    return {name: value for name, value in response.items() if name != "logs"}


def test_each_stage_is_told_when_it_ends_and_the_job_last():
    watching = Watches()
    response = answered(watching, debug=True)
    stages = [ended.stage for _, _, ended in watching.told]
    assert stages == ["fetch", "decode", "pre_audio", "transcribe", "post_align", "finalize", "job"]
    assert {f"{ended.stage}_s": ended.seconds for _, _, ended in watching.told} == response["timings"]
    assert {(job_id, ended.error) for job_id, _, ended in watching.told} == {("job-1", None)}
    began = [ended.began_at for _, _, ended in watching.told]
    assert began == [*sorted(began[:-1]), min(began)]


def test_a_stage_is_told_in_its_own_thread():
    watching = Watches()
    answered(watching, diarization=True)
    threads = {ended.stage: thread for _, thread, ended in watching.told}
    assert threads["diarize"] == "aside"
    assert threads["transcribe"] == threads["job"] == threading.current_thread().name.partition("_")[0]


def test_a_stage_that_fails_in_a_job_that_goes_on_is_told_with_its_error():
    watching = Watches()
    response = answered(watching, align_output=True)
    errors = {ended.stage: ended.error for _, _, ended in watching.told}
    assert str(errors.pop("align")) == "align: no active plugin does this step"
    assert set(errors.values()) == {None}
    assert response["segments"][0]["text"] == "Алло."


@pytest.mark.parametrize(
    ("fields", "stage", "kind"),
    [
        ({"audio_base64": base64.b64encode(b"no recording").decode()}, "decode", "BadInputError"),
        ({"align_output": True, "strict": True}, "job", "StrictError"),
    ],
)
def test_a_job_that_fails_is_told_with_what_ended_it(fields, stage, kind):
    watching = Watches()
    assert "error" in answered(watching, **fields)
    errors = {ended.stage: type(ended.error).__name__ for _, _, ended in watching.told}
    assert (errors[stage], errors["job"]) == (kind, kind)


def test_a_cancelled_job_ends_too():
    watching = Watches()
    with pytest.raises(JobCancelledError):
        answered(watching, hotwords="cancel")
    assert isinstance(watching.told[-1][2].error, JobCancelledError)


def test_a_request_that_is_refused_has_no_stages():
    watching = Watches()
    assert answered(watching, beam_size=0) == {"error": "beam_size must be a whole number from 1 to 100, not 0"}
    assert watching.told == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [ValueError("broken"), SystemExit(1), PluginError("no"), StrictError("strict"), JobCancelledError("cancelled")],
)
@pytest.mark.parametrize("strict", [False, True])
def test_an_observer_that_raises_is_logged_and_the_job_and_the_others_know_nothing(error, strict, caplog):
    after = Watches()
    response = answered(Watches(error), after, strict=strict)
    assert without_logs(response) == without_logs(answered(strict=strict))
    assert response["warnings"] == []
    assert len(after.told) == 7
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["plugin plugin1 failed in stage_ended"] * 7


def test_keyboard_interrupt_goes_through_an_observer():
    with pytest.raises(KeyboardInterrupt):
        answered(Watches(KeyboardInterrupt()))


class Tags:
    """Keeps the options that it gets."""

    @hookimpl
    def register_options(self):
        return Options

    @hookimpl
    def stage_ended(self, options):
        self.options = options


def test_an_observer_gets_its_own_options():
    tags = Tags()
    assert answered(tags, plugins={"plugin1": {"tag": "night"}})["warnings"] == []
    assert tags.options == Options("night")


def test_the_stages_of_a_job_of_the_testing_kit_are_told_to_its_host():
    watching = Watches()
    job = make_job(load_plugin(watching))
    with pytest.raises(ValueError, match="broken"), job.stage("transcribe"):
        raise ValueError("broken")
    ((job_id, _, ended),) = watching.told
    assert (job_id, ended.stage, str(ended.error)) == ("test", "transcribe", "broken")
