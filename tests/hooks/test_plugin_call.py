"""What a plugin prints goes to the log, and one that does not end costs its own change or one job."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace

import pytest

from tests.hooks.whole_jobs import SAID, open_host, response_to, second_of_silence
from whisperx_worker import ModelCache, hookimpl
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.serving.worker_refresh import reason_to_refresh

LIMIT = {"plugins_limit_s": 0.2}


class Hangs:
    """Never ends by itself."""

    def __init__(self):
        self.end = threading.Event()

    @hookimpl
    def post_align(self):
        self.end.wait(60)


class HangsAsEngine(Hangs):
    @hookimpl
    def transcribe(self):
        self.end.wait(60)


@pytest.fixture
def hangs():
    plugin = Hangs()
    yield plugin
    plugin.end.set()


def test_a_chain_that_does_not_end_is_left_out_and_named(hangs):
    response = response_to(slow=hangs, settings=LIMIT)

    assert response["segments"][0]["text"] == SAID
    assert response["warnings"] == [
        "plugin slow failed in post_align: it did not end in 0.2 s, which is all the time that it has; "
        "its change is left out"
    ]


def test_the_worker_that_has_its_thread_wants_to_be_replaced(hangs):
    settings, host = open_host(LIMIT, slow=hangs)
    worker = Worker(settings, host, ModelCache())
    answer(worker, "test", {"audio_base64": second_of_silence()})

    assert reason_to_refresh(settings, [], worker.health) == "a plugin that did not end in its time has not stopped"
    hangs.end.set()
    worker.health.left_behind[0].join(5)
    assert reason_to_refresh(settings, [], worker.health) is None


def test_an_engine_that_does_not_end_fails_the_job():
    plugin = HangsAsEngine()
    response = response_to(slow=plugin, plugins={"slow": {}}, settings=LIMIT)
    plugin.end.set()
    assert response["error"] == (
        "transcribe failed in plugin slow: it did not end in 0.2 s, which is all the time that it has"
    )


def test_the_time_of_the_job_ends_a_plugin_too(hangs):
    settings, host = open_host({}, slow=hangs)
    worker = Worker(settings, host, ModelCache())
    began_s = time.monotonic()

    response = answer(worker, "test", {"audio_base64": second_of_silence()}, time_limit_s=1.0)

    assert time.monotonic() - began_s < 10
    assert response["error"].startswith("the job is not done in the 1 s that it has")


def test_in_its_own_thread_a_plugin_logs_and_warns_as_in_the_jobs():
    class Quick:
        @hookimpl
        def post_align(self, transcript, job):
            job.warn("it was me")
            return replace(transcript, language="en")

    response = response_to(quick=Quick(), settings=LIMIT)
    assert (response["detected_language"], response["warnings"]) == ("en", ["it was me"])


def test_what_plugins_print_goes_to_the_log_and_not_to_standard_output(capsys, caplog):
    class Prints:
        @hookimpl
        def register_options(self):
            sys.stdout.write("at load\n")

        @hookimpl
        def post_align(self):
            sys.stdout.write("in a job\n")

    with caplog.at_level("INFO"):
        response_to(loud=Prints())
    sys.stdout.write("my own\n")

    assert capsys.readouterr().out == "my own\n"
    assert [record.message for record in caplog.records if record.name == "whisperx_worker.printed.loud"] == [
        "at load",
        "in a job",
    ]


async def asynchronous(transcript):
    return transcript


def generating(transcript):
    yield transcript


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (asynchronous, "post_align is async; a hook is a plain function, which may run for as long as it needs"),
        (generating, "post_align is a generator; a hook returns its answer"),
        (lambda **_: None, "post_align takes any arguments (* or **); a hook names those that it takes"),
        (lambda *_: None, "post_align takes any arguments (* or **); a hook names those that it takes"),
    ],
)
def test_functions_that_cannot_be_hooks_are_refused_at_load(function, reason):
    class Plugin:
        post_align = staticmethod(hookimpl(function))

    _, host = open_host(odd=Plugin())
    assert [record.reason for record in host.records if record.name == "odd"] == [reason]
