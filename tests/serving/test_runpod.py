"""The worker under RunPod's own SDK: queue, local API, test input, cancelling."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import re
import signal
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clips import wav
from tests.runpod_server import (
    TWO_AT_ONCE,
    RunpodServer,
    actor_environment,
    free_port,
    serving_half_a_second,
    workers_in,
)
from whisperx_worker.logs import job_log
from whisperx_worker.serving import runpod_handler as handler_module
from whisperx_worker.serving.runpod_handler import handler

SPEECH = Path(__file__).parents[1] / "speech"


@pytest.fixture(scope="module")
def runpod_server():
    with serving_half_a_second() as server:
        yield server


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Start workers with the actor for an engine."""
    folder = tmp_path_factory.mktemp("workers")
    actor = actor_environment(folder / "plugins")
    with workers_in(folder) as start:
        yield lambda environment, *arguments, **command: start({**actor, **environment}, *arguments, **command)


@pytest.fixture(scope="module")
def worker(workers, runpod_server):
    """A worker that takes jobs from the queue, one at a time."""
    return workers(runpod_server.environment())


def eventually(happened, what):
    """Wait until something holds that no one announces."""
    rest = threading.Event()
    for _ in range(600):
        if happened():
            return
        rest.wait(0.05)
    pytest.fail(f"it did not happen: {what}")


def says_nothing_of_the_machine(sentence):
    here = (socket.gethostname(), str(Path.cwd()), os.sep + "tmp", "Traceback", 'File "', "pod-1", ".py")
    return not any(part in sentence for part in here)


# --- the queue


@pytest.mark.slow
def test_a_good_job_is_fetched_run_and_answered(runpod_server, worker):
    runpod_server.submit(
        ("good", {"audio_file": f"{runpod_server.url}/half-a-second.wav", "plugins": {"actor": {"logs": "on it"}}})
    )
    output = runpod_server.result("good")["output"]
    assert set(output) == {"segments", "detected_language", "warnings", "logs"}
    assert output["segments"] == [{"start": 0.0, "end": 0.5, "text": "Алло."}]
    assert (output["detected_language"], output["warnings"]) == ("ru", [])
    assert [line.split(" INFO ")[1] for line in output["logs"].splitlines() if "loaded" not in line] == [
        "started",
        f"the recording: {runpod_server.url}/half-a-second.wav",
        "on it",
        "finished: 0.5 s of audio, 1 segments",
    ]
    assert worker.left_behind() == []


@pytest.mark.slow
def test_progress_comes_before_the_result_and_none_after_it(runpod_server, worker):
    url = f"{runpod_server.url}/half-a-second.wav"
    runpod_server.submit(("first", {"audio_file": url}))
    runpod_server.submit(("after", {"audio_file": url}))
    runpod_server.result("after")
    *progress, result = runpod_server.posts_of("first")
    assert progress[0].body == {"status": "IN_PROGRESS", "output": {"stage": "fetch", "fraction": 0.0}}
    assert all(post.is_progress for post in progress)
    assert set(result.body) == {"output"}
    assert {(post.stream, post.authorization) for post in (*progress, result)} == {("false", "rpa-of-the-endpoint")}
    assert worker.said("container_log.txt").count('loaded ("actor\'s script",) in') == 1


@pytest.mark.slow
def test_a_bad_request_is_answered_with_exactly_its_sentence(runpod_server, worker):
    runpod_server.submit(("bad", {"audio_fil": "x", "batch_size": 0}))
    assert runpod_server.result("bad") == {
        "error": '"audio_fil" is not a field of the request; did you mean audio_file?; '
        "batch_size must be a whole number from 1 to 1024, not 0; "
        "the recording is missing: send audio_file or audio_base64"
    }
    assert worker.process.poll() is None


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
def test_audio_that_is_not_there_fails_the_job_with_one_sentence(runpod_server):
    runpod_server.submit(("lost", {"audio_file": f"{runpod_server.url}/lost.wav?sig=planted-signature"}))
    result = runpod_server.result("lost")
    assert result == {
        "error": f"the audio could not be fetched from {runpod_server.url}/lost.wav: the server answered 404"
    }
    assert says_nothing_of_the_machine(result["error"])


@pytest.mark.slow
def test_a_job_that_runpod_stops_gets_no_result_and_leaves_nothing(runpod_server, worker):
    url = f"{runpod_server.url}/half-a-second.wav"
    runpod_server.submit(("unwanted", {"audio_file": url, "plugins": {"actor": {"waits": True}}}))
    runpod_server.progress("unwanted")
    runpod_server.stop("unwanted")
    eventually(lambda: "[unwanted] whisperx_worker.pipeline.outcome: cancelled" in worker.said(), "the job stopped")
    runpod_server.submit(("wanted", {"audio_file": url}))
    assert "error" not in runpod_server.result("wanted")
    assert all(post.is_progress for post in runpod_server.posts_of("unwanted"))
    assert worker.left_behind() == []


@pytest.mark.slow
def test_the_worker_pings_with_its_name(runpod_server, worker):
    with runpod_server.changed:
        assert runpod_server.changed.wait_for(lambda: runpod_server.pings, 30)
    assert runpod_server.pings[0]["path"] == ["/v2/endpoint/ping/pod-1"]
    assert worker.process.poll() is None


@pytest.mark.slow
def test_two_jobs_at_once_meet_and_never_see_each_others_lines(workers):
    server = RunpodServer()
    try:
        worker = workers(server.environment(), command=TWO_AT_ONCE)
        url = server.serve("/a.wav", wav(0.5))
        server.submit(
            *((name, {"audio_file": url, "plugins": {"actor": {"meets": True, "logs": f"{name} speaks",
              "warns": f"{name} warns"}}}) for name in ("anna", "boris"))
        )  # fmt: skip
        outputs = {name: server.result(name)["output"] for name in ("anna", "boris")}
    finally:
        server.close()
    assert any("/job-take-batch/" in take and "batch_size=2" in take for take in server.takes)
    for name, other in (("anna", "boris"), ("boris", "anna")):
        assert f"{name} speaks" in outputs[name]["logs"]
        assert other not in outputs[name]["logs"]
        assert outputs[name]["warnings"] == [f"{name} warns"]
    assert worker.said("container_log.txt").count('loaded ("actor\'s script",) in') == 1


def beginning(recording, seconds):
    """The first seconds of a recording, as a WAV file."""
    import soundfile

    rate_hz = soundfile.info(recording).samplerate
    samples, _ = soundfile.read(recording, frames=seconds * rate_hz, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV")
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.models
def test_real_jobs_with_the_shipped_model_load_it_once(workers):
    server = RunpodServer()
    try:
        url = server.serve("/call.wav", beginning(SPEECH / "heldout.flac", seconds=4))
        environment = {
            **server.environment(),
            "WHISPERX_WORKER_PLUGINS_ALLOW": "russian_whisper,silero_detection,whisper_language",
            "WHISPERX_WORKER_TRANSCRIBE_ENGINE": "russian_whisper",
            "WHISPERX_WORKER_MODEL": "demo-whisper-ru",
            "WHISPERX_WORKER_DEVICE": "cpu",
            "WHISPERX_WORKER_THREADS": "1",
        }
        worker = workers(environment)
        asked = {"audio_file": url, "language": "ru", "beam_size": 1}
        for name in ("one", "two"):
            server.submit((name, {**asked, "temperature_increment_on_fallback": None}))
        first, second = (server.result(name, timeout_s=120)["output"] for name in ("one", "two"))
    finally:
        server.close()
    assert {"segments", "detected_language", "warnings", "logs"} <= set(first)
    assert first["detected_language"] == "ru"
    assert first["segments"] == second["segments"]
    assert [line for line in first["logs"].splitlines() if " loaded (" in line] != []
    assert [line for line in second["logs"].splitlines() if " loaded (" in line] == []
    for name in ("one", "two"):
        *progress, result = server.posts_of(name)
        assert progress
        assert all(post.is_progress for post in progress)
        assert not result.is_progress
    assert worker.left_behind() == []


# --- the handler, as the SDK calls it


@pytest.fixture
def here(monkeypatch, tmp_path):
    """The handler in this process, with the actor; gives back the folder for temporary files."""
    for name, value in actor_environment(tmp_path / "plugins").items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    root = logging.getLogger()
    level, raising = root.level, logging.raiseExceptions
    handler_module.worker.cache_clear()
    yield folder
    handler_module.worker.cache_clear()
    job_log.stop_logging()
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = raising
    root.setLevel(level)


def as_the_sdk_runs_it(**fields):
    from runpod.serverless.modules.rp_job import run_job

    return asyncio.run(run_job(handler, {"id": "job", "input": {"audio_base64": silence(), **fields}}))


def silence():
    return base64.b64encode(wav(0.5)).decode()


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"plugins": {"actor": {"raises": "/srv/models/secret is broken"}}},
            "transcribe failed in plugin actor: it raised ValueError",
        ),
        (
            {"plugins": {"actor": {"complains": "/srv/models/whisper/model.bin is broken"}}},
            "model.bin is broken",
        ),
        ({"plugins": {"actor": {"cancels_itself": True}}}, "the job was cancelled"),
        ({"strict": True, "plugins": {"actor": {"warns": "it is dark"}}}, "strict: it is dark"),
        ({"audio_base64": "bm90IGF1ZGlv"}, None),
    ],
)
def test_whatever_fails_is_one_sentence_without_a_trace_of_the_machine(fields, sentence):
    answer = as_the_sdk_runs_it(**fields)
    assert set(answer) == {"error"}
    assert answer["error"] == sentence or sentence is None
    assert says_nothing_of_the_machine(answer["error"])


@pytest.mark.usefixtures("here")
def test_half_of_a_surrogate_pair_in_a_request_still_gets_an_answer():
    answer = as_the_sdk_runs_it(language="\ud83d")
    assert answer == {
        "error": 'language must be one of Whisper\'s language codes, such as "ru" or "en", or null, not "?"'
    }


@pytest.mark.usefixtures("here")
def test_half_of_a_surrogate_pair_in_a_result_becomes_a_question_mark():
    answer = as_the_sdk_runs_it(plugins={"actor": {"says": "да \ud83d"}})
    assert answer["output"]["segments"][0]["text"] == "да ?"


@pytest.mark.parametrize("data", [None, [], "text", 7])
@pytest.mark.usefixtures("here")
def test_a_job_without_an_object_for_input_is_told_what_to_send(data):
    answer = asyncio.run(handler({"id": "job", "input": data}))
    assert answer == {"error": 'the job has no input: send {"input": {"audio_file": ...}}'}


def test_a_cancelled_job_stops_at_its_next_batch_and_its_files_go(here):
    stopped, begun = threading.Event(), threading.Event()
    run_request = handler_module.run_request

    def watched(*arguments, observers, **named):
        def report(stage, fraction):
            observers.progress(stage, fraction)
            if stage == "transcribe" and fraction == 0.5:
                begun.set()

        try:
            return run_request(*arguments, observers=replace(observers, progress=report), **named)
        finally:
            stopped.set()

    async def cancelled():
        task = asyncio.create_task(
            handler({"id": "job", "input": {"audio_base64": silence(), "plugins": {"actor": {"waits": True}}}})
        )
        assert await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(stopped.wait, 20)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(handler_module, "run_request", watched)
        asyncio.run(cancelled())
    assert list(here.iterdir()) == []


def test_a_job_cancelled_before_it_began_never_works(here):
    entered, cancelled, stopped = threading.Event(), threading.Event(), threading.Event()
    ended_with = []
    run_request = handler_module.run_request

    def delayed(*arguments, **named):
        entered.set()
        assert cancelled.wait(20)
        try:
            return run_request(*arguments, **named)
        except Exception as error:
            ended_with.append(type(error).__name__)
            raise
        finally:
            stopped.set()

    async def run():
        task = asyncio.create_task(
            handler({"id": "job", "input": {"audio_base64": silence(), "plugins": {"actor": {"waits": True}}}})
        )
        assert await asyncio.to_thread(entered.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        assert await asyncio.to_thread(stopped.wait, 20)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(handler_module, "run_request", delayed)
        asyncio.run(run())
    assert ended_with == ["JobCancelledError"]
    assert list(here.iterdir()) == []


@pytest.mark.usefixtures("here")
def test_the_event_loop_is_free_while_a_job_runs():
    async def both():
        jobs = [
            handler({"id": name, "input": {"audio_base64": silence(), "plugins": {"actor": {"meets": True}}}})
            for name in ("anna", "boris")
        ]
        return await asyncio.wait_for(asyncio.gather(*jobs), 30)

    assert [set(response) for response in asyncio.run(both())] == [
        {"segments", "detected_language", "warnings", "logs"}
    ] * 2


# --- the local API


@pytest.fixture(scope="module")
def api(workers):
    """The address of a worker that serves RunPod's API itself."""
    port = free_port()
    served = workers({}, "--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port))

    def answers():
        assert served.process.poll() is None, served.said()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    eventually(answers, "the API listens")
    return f"http://127.0.0.1:{port}"


@pytest.mark.slow
def test_runpods_client_gets_a_result_from_the_local_api(api, monkeypatch):
    import runpod

    monkeypatch.setattr(runpod, "endpoint_url_base", api)
    output = runpod.Endpoint(".", api_key="any").run_sync({"input": {"audio_base64": silence()}}, timeout=30)
    assert output["segments"] == [{"start": 0.0, "end": 0.5, "text": "Алло."}]
    assert set(output) == {"segments", "detected_language", "warnings", "logs"}


@pytest.mark.slow
def test_a_failing_job_is_failed_with_its_sentence_in_the_local_api(api):
    import requests

    answer = requests.post(f"{api}/runsync", json={"input": {"audio_base64": silence(), "beam_size": 0}}, timeout=30)
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "FAILED"
    assert body["error"] == "beam_size must be a whole number from 1 to 100, not 0"
    assert "output" not in body


@pytest.mark.slow
def test_a_stored_job_runs_when_its_status_is_asked(api):
    import requests

    stored = requests.post(f"{api}/run", json={"input": {"audio_base64": silence()}}, timeout=30).json()
    assert stored["status"] == "IN_PROGRESS"
    body = requests.post(f"{api}/status/{stored['id']}", timeout=30).json()
    assert body["status"] == "COMPLETED"
    assert body["output"]["detected_language"] == "ru"


# --- the command line of the SDK


@pytest.fixture
def run_main(here, monkeypatch, capsys):  # noqa: ARG001  the actor is there
    """Run the worker's `main` in this process; gives exit code, standard output and standard error."""
    before = signal.getsignal(signal.SIGINT)

    def run(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["handler", *arguments])
        with pytest.raises(SystemExit) as ended:
            handler_module.main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (1, out, f"{err}{code}\n") if isinstance(code, str) else (code, out, err)

    yield run
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_a_test_input_prints_its_result_and_succeeds(workers):
    run = workers({}, "--test_input", json.dumps({"input": {"audio_base64": silence()}}))
    assert run.process.wait(timeout=120) == 0, run.said()
    assert "Job local_test completed successfully." in run.said("stdout")
    assert "'text': 'Алло.'" in run.said("stdout")


def test_a_bad_test_input_prints_one_sentence_and_fails(run_main):
    code, out, err = run_main("--test_input", json.dumps({"input": {"audio_base64": silence(), "beam_size": 0}}))
    assert code == 1
    assert re.findall(r"^ERROR.*", out, re.MULTILINE) == [
        "ERROR  | Job local_test failed with error: beam_size must be a whole number from 1 to 100, not 0"
    ]
    assert "Traceback" not in out + err


def test_a_test_input_that_is_no_json_is_one_sentence(run_main):
    code, _, err = run_main("--test_input", "{'input': 1}")
    assert code == 1
    assert err == (
        "--test_input is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"
    )


def test_a_setting_that_cannot_be_parsed_stops_the_start_with_one_sentence(run_main):
    assert run_main(NO_SPEECH_THRESHOLD="high") == (
        1, "", 'the worker cannot start: NO_SPEECH_THRESHOLD must be a number from 0 to 1, not "high"\n'
    )  # fmt: skip


def test_a_log_file_that_cannot_be_written_stops_the_start_with_one_sentence(run_main):
    assert run_main(WHISPERX_WORKER_LOG_FILE="absent/log.txt") == (
        1, "", "the worker cannot start: its log file cannot be written (No such file or directory)\n"
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [("--rp_log_level", "DEBUG"), ("--rp_log_level=TRACE",), ("--rp_l", "DEBUG")])
def test_a_log_level_that_prints_tokens_is_refused(run_main, arguments):
    assert run_main(*arguments) == (
        1, "", "the worker cannot start: at this --rp_log_level RunPod's SDK would print jobs with their tokens\n"
    )  # fmt: skip


def test_a_plugin_that_raises_keyboard_interrupt_costs_its_own_job_only(monkeypatch):
    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(handler_module, "run_request", interrupted)
    response = asyncio.run(handler({"id": "job", "input": {"audio_base64": base64.b64encode(wav(0.5)).decode()}}))
    assert response["error"] == "the worker failed on this job (RuntimeError); its log has the details"
