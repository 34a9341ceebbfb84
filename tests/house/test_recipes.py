"""The recipes of the documentation are plugins that work, and what it says of threads is true."""

from __future__ import annotations

import http.server
import json
import re
import sys
import threading
import types

import numpy as np
import pytest

from tools.documents import DOCS
from whisperx_worker import SAMPLE_RATE_HZ, Audio, hookimpl
from whisperx_worker.testing import (
    Recording,
    demo_recording,
    load_plugins,
    make_audio,
    make_diarization,
    make_transcript,
    run_chain,
    run_job,
)

BLOCK = re.compile(r"```python\n# (\w+)\.py\n(.*?)```", re.DOTALL)


def recipes_of(page):
    return dict(BLOCK.findall((DOCS / page).read_text(encoding="utf-8")))


RECIPES = recipes_of("recipes.md")


@pytest.fixture
def host_with(tmp_path):
    """Load a recipe from a file in the plugins folder, as the page has it."""

    def load(name, **given):
        (tmp_path / f"{name}.py").write_text(RECIPES[name], encoding="utf-8")
        return load_plugins(settings={"plugins_dir": tmp_path}, **given)

    return load


def test_both_languages_have_the_same_recipes():
    assert recipes_of("ru/recipes.md") == RECIPES
    assert list(RECIPES) == [
        "normalise", "redact", "engine", "denoise", "talk_time", "sentiment", "s3_source", "webhook",
    ]  # fmt: skip


def test_normalise(host_with):
    response = run_job(host_with("normalise"), Recording(transcript=make_transcript("Ещё одно"))).response
    assert (response["segments"][0]["text"], response["warnings"]) == ("Еще одно", [])
    assert response["segments"][0]["words"][0]["word"] == "Еще"


def test_redact(host_with):
    host, call = host_with("redact"), Recording(transcript=make_transcript("Звоните 89161234567, дом 12"))
    answer = run_job(host, call, stream=True)
    assert answer.response["segments"][0]["text"] == "Звоните #, дом 12"
    assert [one.text for one in answer.streamed] == ["Звоните #, дом 12"]


def test_engine(host_with, monkeypatch):
    class Model:
        def recognise(self, samples):
            return f"{len(samples)} отсчётов" if len(samples) != 8_000 else ""

    loaded = []
    library = types.SimpleNamespace(load=lambda name: loaded.append(name) or Model())
    monkeypatch.setitem(sys.modules, "my_recogniser", library)

    answer = run_job(
        host_with("engine"), Recording(make_audio(30.5)), plugins={"engine": {}}, stream=True, language="uk"
    )

    assert [(one["start"], one["end"], one["text"]) for one in answer.response["segments"]] == [
        (0.0, 30.0, "480000 отсчётов")
    ]
    assert (len(answer.streamed), answer.response["detected_language"], loaded) == (1, "uk", ["small"])


def test_denoise(host_with):
    host = host_with("denoise")
    hum, tone = make_audio(1.0, frequency_hz=50.0), make_audio(1.0, frequency_hz=300.0)
    cleaned = run_chain(host, "pre_audio", Audio(hum.samples + tone.samples))
    assert len(cleaned.samples) == SAMPLE_RATE_HZ
    np.testing.assert_allclose(cleaned.samples, tone.samples, atol=1e-4)


def test_talk_time(host_with):
    response = run_job(host_with("talk_time"), demo_recording(), diarization=True).response
    assert response["extra"] == {"talk_time": {"seconds": {"SPEAKER_00": 1.73, "SPEAKER_01": 2.33}}}


def test_sentiment(host_with):
    call = Recording(transcript=make_transcript("Спасибо, хорошо!", "Номер два"))
    segments = run_job(host_with("sentiment"), call).response["segments"]
    assert [one["extra"] for one in segments] == [{"sentiment": {"glad": 1.0}}, {"sentiment": {"glad": 0.0}}]


@pytest.mark.parametrize(
    ("size", "error"), [(100, None), (10**12, "the recording has 1000000 MB, more than the worker takes")]
)
def test_s3_source(host_with, monkeypatch, size, error):
    from tests.clips import wav

    class Client:
        def head_object(self, Bucket, Key):  # noqa: N803
            assert (Bucket, Key) == ("calls", "2026/one.wav")
            return {"ContentLength": size}

        def download_file(self, bucket, key, path):
            assert (bucket, key) == ("calls", "2026/one.wav")
            with open(path, "wb") as file:  # noqa: PTH123  as boto3 does
                file.write(wav())

    monkeypatch.setitem(sys.modules, "boto3", types.SimpleNamespace(client=lambda _: Client()))
    assert run_job(host_with("s3_source"), audio_file="s3://calls/2026/one.wav").response.get("error") == error


def test_webhook(host_with):
    received = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rules = {"webhook": {"secrets": {"url": f"http://127.0.0.1:{server.server_port}/"}}}
        run_job(host_with("webhook", rules=rules))
        server.shutdown()
    assert received == [{"id": "test", "ok": True, "warnings": 0}]


# --- threads

OF_THE_JOB = ["job_started", "prepare", "pre_audio", "post_align", "finalize", "respond", "job_ended"]
BESIDE = ["post_diarize"]


class Watches:
    def __init__(self):
        self.threads = {}

    def note(self, hook):
        self.threads.setdefault(hook, threading.get_ident())


for hook in [*OF_THE_JOB, *BESIDE]:
    setattr(Watches, hook, hookimpl(lambda self, hook=hook: self.note(hook)))


def test_hooks_run_in_the_threads_that_the_page_names():
    plugin = Watches()
    call = Recording(make_audio(), make_transcript("Алло"), make_diarization((0.0, 1.0, "A")))

    run_job({"watches": plugin}, call, diarization=True)

    assert {hook: plugin.threads[hook] for hook in OF_THE_JOB} == dict.fromkeys(OF_THE_JOB, threading.get_ident())
    assert plugin.threads["post_diarize"] != threading.get_ident()
    assert list(plugin.threads)[:3] == ["job_started", "prepare", "pre_audio"]
    assert list(plugin.threads)[-3:] == ["finalize", "respond", "job_ended"]


def test_with_a_limit_each_call_has_a_thread_of_its_own():
    plugin = Watches()
    run_job(load_plugins(settings={"plugins_limit_s": 5}, watches=plugin))
    assert threading.get_ident() not in plugin.threads.values()
