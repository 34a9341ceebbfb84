"""Secrets are planted wherever one can stand, and then every byte that comes out is searched for them."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from tests.clips import wav
from tests.runpod_server import RunpodServer, actor_environment, start_worker
from whisperx_worker import joblog, masking
from whisperx_worker.settings import load_settings
from whisperx_worker.worker import answer, open_worker

PLANTED = "pl4nted"
"""Stands in every secret here, and nowhere else."""
OF_JOB = f"{PLANTED}-of-the-job"
OF_WORKER = f"{PLANTED}-of-the-worker"
OF_BUCKET = f"{PLANTED}/of+the=bucket"
AUDIO = base64.b64encode(wav(0.5)).decode()
SECRET_ENVIRONMENT = {"HF_TOKEN": OF_WORKER, "BUCKET_SECRET_ACCESS_KEY": OF_BUCKET}


@pytest.fixture(scope="module")
def server():
    server = RunpodServer()
    server.serve("/a.wav", wav(0.5))
    server.serve("/page.wav", f"<html>token {PLANTED} has expired</html>".encode(), kind="text/html")
    server.serve("/denied.wav", f"<Error>{PLANTED}</Error>".encode(), status=403, kind="application/xml")
    yield server
    server.close()


def acts(**options):
    return {"plugins": {"actor": options}}


def cases(url):
    """Requests by what is planted in them."""
    inline = {"audio_base64": AUDIO}
    with_token = {**inline, "huggingface_access_token": OF_JOB}
    signed = f"X-Amz-Credential={PLANTED}%2F2026&X-Amz-Signature={PLANTED}c0ffee&x=1"
    return {
        "a token that a plugin logs": {**with_token, **acts(logs=f"with {OF_JOB} and {OF_JOB!r}")},
        "a token that a plugin warns of": {**with_token, **acts(warns=f"{OF_JOB} is old")},
        "a token in a plugin's exception": {**with_token, **acts(raises=f"401 for {OF_JOB}")},
        "a token in a plugin's own sentence": {**with_token, **acts(complains=f"{OF_JOB} is refused")},
        "a token in a strict warning": {**with_token, "strict": True, **acts(warns=f"{OF_JOB} is old")},
        "a token in a list": {**inline, "huggingface_access_token": [OF_JOB]},
        "a token under a wrong name": {**inline, "hf_token": OF_JOB, "hf_tokn": f"{PLANTED}!"},
        "a token of a plugin without such an option": {**inline, **acts(api_key=OF_JOB)},
        "the worker's token": {**inline, **acts(logs=OF_WORKER, warns=f"401 for {OF_WORKER}")},
        "the bucket's key": {**inline, **acts(complains=f"the bucket refuses {OF_BUCKET}")},
        "a signed URL": {"audio_file": f"{url}/a.wav?{signed}", **acts(logs=f"got {PLANTED}c0ffee")},
        "a signed URL in a plugin's exception": {"audio_file": f"{url}/a.wav?{signed}", **acts(raises=f"?{signed}")},
        "a signed URL that is not there": {"audio_file": f"{url}/lost.wav?{signed}"},
        "a signed URL that is denied": {"audio_file": f"{url}/denied.wav?{signed}"},
        "an HTML page": {"audio_file": f"{url}/page.wav?{signed}"},
        "credentials in a URL": {"audio_file": f"http://anna:{PLANTED}@127.0.0.1/a.wav"},
        "a password with a slash": {"audio_file": f"http://anna:{PLANTED}/{PLANTED}@127.0.0.1/a.wav"},
        "a URL of another kind": {"audio_file": f"s3://{PLANTED}/a.wav?{signed}"},
        "a broken URL": {"audio_file": f"http://[{PLANTED}/?{signed}"},
        "a speaker's signed URL": {**inline, "speaker_samples": [{"name": "Анна", "url": f"{url}/b.wav?{signed}"}]},
        "audio that is a token": {"audio_base64": f"{OF_JOB}"},
    }


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """A worker with the actor, its log, and a folder for temporary files."""
    for name, value in {**actor_environment(tmp_path / "plugins"), **SECRET_ENVIRONMENT}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WHISPERX_WORKER_LOG_FILE", str(tmp_path / "container_log.txt"))
    monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "true")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    root = logging.getLogger()
    level, raising = root.level, logging.raiseExceptions
    settings = load_settings()
    joblog.start_logging(settings.log_file, console=True)
    yield open_worker(settings)
    joblog.stop_logging()
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = raising
    root.setLevel(level)


@pytest.mark.parametrize("case", cases(""))
def test_no_planted_secret_comes_out_of_the_worker(worker, server, tmp_path, capfd, case):
    data = cases(server.url)[case]
    response = answer(worker, "job", data)
    left = [path.read_bytes() for path in (tmp_path / "tmp").rglob("*") if path.is_file()]
    log = worker.settings.log_file.read_bytes()
    assert log.count(b"[job]") >= 1
    for place in (
        json.dumps(response, ensure_ascii=False).encode(),
        log,
        *(out.encode() for out in capfd.readouterr()),
    ):
        assert PLANTED.encode() not in place
    assert left == []


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("a token that a plugin logs", "INFO with *** and '***'"),
        ("the worker's token", "WARNING 401 for ***"),
        ("a signed URL", "INFO got ***"),
    ],
)
def test_what_stands_around_a_secret_is_still_told(worker, server, case, said):
    assert f" {said}\n" in answer(worker, "job", cases(server.url)[case])["logs"]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("a token in a plugin's exception", "transcribe failed in plugin actor: it raised ValueError"),
        ("a token in a plugin's own sentence", "*** is refused"),
        ("the bucket's key", "the bucket refuses ***"),
        ("credentials in a URL", "audio_file must not carry a user name or a password in the URL"),
    ],
)
def test_the_sentence_of_a_failure_keeps_its_sense_without_the_secret(worker, server, case, sentence):
    assert answer(worker, "job", cases(server.url)[case]) == {"error": sentence}


def test_a_worker_without_a_log_masks_its_answers_too(worker, server):
    joblog.stop_logging()
    for case in ("a token in a plugin's own sentence", "the bucket's key"):
        assert PLANTED not in answer(worker, "job", cases(server.url)[case])["error"]


def test_nothing_of_a_secret_is_kept_after_the_job(worker):
    answer(worker, "job", {"audio_base64": AUDIO, "huggingface_access_token": OF_JOB})
    assert masking.mask(f"say {OF_JOB}") == f"say {OF_JOB}"


@pytest.mark.slow
def test_no_planted_secret_leaves_the_process_under_runpods_sdk(server, tmp_path):
    environment = {**server.environment(), **SECRET_ENVIRONMENT, **actor_environment(tmp_path / "plugins")}
    assert "RUNPOD_LOG_LEVEL" not in environment
    planted = cases(server.url)
    jobs = {
        "one": {**planted["a token that a plugin logs"], "debug": True},
        "two": planted["a token in a plugin's exception"],
        "three": planted["a signed URL that is not there"],
        "four": planted["credentials in a URL"],
    }
    process = start_worker(tmp_path / "home", environment)
    try:
        server.submit(*jobs.items())
        results = {name: server.result(name, timeout_s=120) for name in jobs}
        left = process.left_behind()
    finally:
        process.end()
    said = process.said()
    assert [name for name, result in results.items() if "error" in result] == ["two", "three", "four"]
    assert "with *** and '***'" in results["one"]["output"]["logs"]
    assert "[one] actor: with *** and '***'" in process.said("stderr")
    assert "INFO   | one | Finished." not in process.said("stderr")
    assert "one | Started." in process.said("stdout")
    assert "DEBUG" not in process.said("stdout")
    assert PLANTED not in said
    for name in jobs:
        assert all(PLANTED not in json.dumps(post.body, ensure_ascii=False) for post in server.posts_of(name))
    assert left == []
