"""Hooks around the corridor: prepare, source, post_diarize, respond, the observers of jobs, shutdown, next_engine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.hooks.whole_jobs import SAID, open_host, response_to, second_of_silence
from whisperx_worker import Diarization, JobRefusedError, ModelCache, SpeakerTurn, Transcript, fetch_url, hookimpl
from whisperx_worker.contract.base64_audio import decode_base64
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker


class Prepares:
    def __init__(self, change):
        self.change = change

    @hookimpl
    def prepare(self, request):
        return self.change(request)

    @hookimpl
    def respond(self, response, job):
        return {**response, "hotwords": job.request.hotwords}


def test_prepare_sets_the_hot_words_of_the_job():
    plugin = Prepares(lambda request: request.model_copy(update={"hotwords": "Битрикс"}))
    assert response_to(terms=plugin)["hotwords"] == "Битрикс"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"beam_size": 1}, "beam_size is changed, which prepare may not do"),
        ({"model": "other"}, "model is changed, which prepare may not do"),
        ({"hotwords": 5}, "hotwords is int and no text"),
    ],
)
def test_prepare_changes_nothing_else(change, fault):
    response = response_to(terms=Prepares(lambda request: request.model_copy(update=change)), hotwords="Контур")

    assert response["hotwords"] == "Контур"
    assert response["warnings"] == [
        f"plugin terms failed in prepare: it returned Request in which {fault}; its change is left out"
    ]


class Archive:
    """Addresses of a scheme of its own."""

    def __init__(self, fetch):
        self.fetch = fetch

    @hookimpl(schemes="archive")
    def source(self, address, folder, job):
        return self.fetch(address, folder, job)


def written(_address, folder, _job):
    path = folder / "call.wav"
    path.write_bytes(decode_base64(second_of_silence()))
    return path


def fetched(fetch, address="archive://calls/7?token=s3cr3tt0ken9x"):
    settings, host = open_host(archive=Archive(fetch))
    worker = Worker(settings, host, ModelCache())
    return answer(worker, "test", {"audio_file": address})


def test_a_plugin_fetches_its_own_addresses():
    response = fetched(written)

    assert response["segments"][0]["text"] == SAID
    assert "s3cr3tt0ken9x" not in json.dumps(response)


def test_what_a_source_raises_is_one_sentence_without_the_address():
    def fails(address, _folder, _job):
        raise OSError(f"no {address}")

    response = fetched(fails)
    assert response["error"] == "plugin archive failed in source: it raised OSError"
    assert "s3cr3tt0ken9x" not in json.dumps(response)


def test_a_file_outside_of_the_folder_is_not_taken(tmp_path):
    own = tmp_path / "own.wav"
    own.write_bytes(b"private")
    for answered in (own, None, "call.wav"):
        assert "error" in fetched(lambda *_, answered=answered: answered)
    assert own.read_bytes() == b"private"


def test_the_exported_fetch_is_guarded():
    response = fetched(lambda _address, folder, job: fetch_url("http://127.0.0.1:8080/x.wav", folder, job))
    assert response["error"].startswith("plugin archive failed in source: ")
    assert "private" in response["error"] or "public" in response["error"]


def test_an_address_that_no_plugin_fetches_is_refused_before_anything_runs():
    assert "must be an http(s) URL" in fetched(written, "s3://bucket/call.wav")["error"]


@pytest.mark.parametrize("schemes", ["https", "file", "S 3", ""])
def test_a_scheme_that_cannot_be_is_refused_at_load(schemes):
    class Wrong:
        @hookimpl(schemes=schemes)
        def source(self):
            return None

    _, host = open_host(wrong=Wrong())
    assert host.active == {"recognises"}


class Diarizes:
    @hookimpl
    def diarize(self):
        turns = (SpeakerTurn(0.0, 0.5, "A"), SpeakerTurn(0.5, 1.0, "B"))
        return Diarization(turns, turns, {})

    @hookimpl
    def post_diarize(self, diarization):
        turns = tuple(replace(turn, speaker="C") for turn in diarization.turns)
        return replace(diarization, turns=turns, exclusive=turns)


def test_post_diarize_changes_the_turns():
    assert [one["speaker"] for one in response_to(turns=Diarizes(), diarization=True)["speakers"]] == ["C"]


class Responds:
    def __init__(self, change):
        self.change = change

    @hookimpl
    def respond(self, response):
        return self.change(response)


def mutating(response):
    response["segments"].clear()
    raise KeyError


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda response: {**response, "size": {1}}, "not all is JSON"),
        (lambda response: {**response, "score": float("nan")}, "not all is JSON"),
        (lambda response: {**response, "error": "no"}, "there is an error; raise JobRefusedError to fail the job"),
        (lambda _: {}, "segments is missing"),
        (lambda _: "text", "it returned str instead of dict"),
        (mutating, "it raised KeyError"),
    ],
)
def test_a_response_that_cannot_be_is_left_out_and_nothing_is_half_changed(change, fault):
    response = response_to(odd=Responds(change))

    assert response["segments"][0]["text"] == SAID
    assert fault in response["warnings"][-1]


class Observes:
    def __init__(self):
        self.seen = []

    @hookimpl
    def job_started(self, job):
        self.seen.append(("started", job.id))

    @hookimpl
    def job_ended(self, error):
        self.seen.append(("ended", type(error).__name__))
        raise OSError

    @hookimpl
    def shutdown(self):
        self.seen.append("shutdown")
        raise OSError


def test_observers_see_each_job_begin_and_end_and_harm_nothing():
    plugin = Observes()

    class Refuses:
        @hookimpl
        def prepare(self):
            raise JobRefusedError("no")

    assert "error" not in response_to(watch=plugin)
    assert "error" in response_to(watch=plugin, polite=Refuses())
    assert plugin.seen == [
        ("started", "test"),
        ("ended", "NoneType"),
        ("started", "test"),
        ("ended", "JobRefusedError"),
    ]


def test_shutdown_runs_once():
    plugin = Observes()
    settings, host = open_host(watch=plugin)
    worker = Worker(settings, host, ModelCache())

    worker.shut_down()
    worker.shut_down()

    assert plugin.seen == ["shutdown"]


# --- engines


class Wraps:
    @hookimpl
    def transcribe(self, audio, next_engine):
        found = next_engine(audio=audio)
        return replace(found, segments=tuple(replace(one, text=one.text.upper()) for one in found.segments))


def test_the_workers_own_engine_stays_where_another_is_installed():
    response = response_to(louder=Wraps())
    assert (response["segments"][0]["text"], response["warnings"]) == (SAID, [])


def test_an_engine_wraps_the_one_that_would_run_without_it():
    assert response_to(louder=Wraps(), plugins={"louder": {}})["segments"][0]["text"] == SAID.upper()
    by_setting = response_to(louder=Wraps(), settings={"transcribe_engine": "louder"})
    assert by_setting["segments"][0]["text"] == SAID.upper()


def test_a_failure_of_the_wrapped_engine_names_it():
    class Broken:
        @hookimpl
        def transcribe(self):
            raise KeyError

    response = response_to(
        broken=Broken(), louder=Wraps(), settings={"plugins_block": ("recognises",), "transcribe_engine": "louder"}
    )
    assert (
        response["error"]
        == "transcribe failed in plugin louder: transcribe failed in plugin broken: it raised KeyError"
    )


def test_without_a_next_engine_there_is_one_sentence():
    settings = {"plugins_block": ("recognises",)}
    assert response_to(louder=Wraps(), settings=settings)["error"] == (
        "transcribe failed in plugin louder: there is no engine after louder"
    )


def test_two_strangers_without_ours_must_be_chosen_among():
    class Other:
        @hookimpl
        def transcribe(self):
            return Transcript((), "ru")

    response = response_to(a=Other(), b=Other(), settings={"plugins_block": ("recognises",)})
    assert "several plugins do this step (a, b)" in response["error"]
