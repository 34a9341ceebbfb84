"""Secrets are planted wherever one can stand, and then every byte that comes out is searched for them."""

from __future__ import annotations

import base64
import json
import logging
import re
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.clips import wav
from tests.runpod_server import RunpodServer, actor_environment, start_worker
from tests.voiceprints import some_text
from tests.watch import Watch
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.logs import job_log, redaction
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

pytestmark = pytest.mark.slow

PLANTED = "pl4ntedthing"
"""Stands in every secret here, and nowhere else."""
TAGGED = "t4gged-by-the-customer"
"""Stands in the tags of a recording."""
PROMPT = "pr0mpt-of-the-customer"
"""Is no secret, and the business of nobody who reads the log."""
OF_JOB = f"{PLANTED}-of-the-job"
OF_WORKER = f"{PLANTED}-of-the-worker"
OF_BUCKET = f"{PLANTED}/of+the=bucket"
SPELLED = f'{PLANTED} "Ключ"/{PLANTED}'
"""Looks different in JSON, in a URL and in a `repr`."""
PAGE = f"<html>token {PLANTED} has expired</html>".encode()
"""Lies as it is in the job's own folder, until the decoder has seen it."""
AUDIO = base64.b64encode(wav(0.5)).decode()
VOICEPRINT = some_text(1, model=PLANTED, revision=PLANTED)
SECRET_ENVIRONMENT = {
    "HF_TOKEN": OF_WORKER,
    "BUCKET_ACCESS_KEY_ID": f"{PLANTED}-of-the-bucket",
    "BUCKET_SECRET_ACCESS_KEY": OF_BUCKET,
    "RUNPOD_API_KEY": f"rpa_{PLANTED}",
    "RUNPOD_AI_API_KEY": f"{PLANTED}-of-the-endpoint",
    "SERVICE_PASSWORD": f"{PLANTED}?",
}

LEAKY = '''
"""A chain plugin that tells a token in every way that somebody may think of."""

import base64
import json
import logging
import os
import threading
import warnings
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from whisperx_worker import BadInputError, Span, hookimpl

log = logging.getLogger("leaky")


@dataclass(frozen=True)
class Options:
    how: str = ""
    api_token: str = ""


def chained(error):
    try:
        raise KeyError(error)
    except KeyError as cause:
        raise RuntimeError(f"for {error}") from cause


def ended_thread(token):
    thread = threading.Thread(target=chained, args=(token,), name="leaking")
    thread.start()
    thread.join()


WAYS = {
    "as it is": lambda token, job: log.warning(token),
    "in the arguments of a message": lambda token, job: log.info("%s %r %d", token, token, token),
    "in a warning of Python": lambda token, job: warnings.warn(f"{token} is old", stacklevel=1),
    "in a warning with a place": lambda token, job: job.warn(f"{token} is old", Span(0.0, 0.1)),
    "in a repr": lambda token, job: log.info("%r %r %s", job, vars(job), job.request.model_dump()),
    "in JSON": lambda token, job: log.info("%s", json.dumps({"x": json.dumps([token])})),
    "in a URL": lambda token, job: log.info("%s %s %s", quote(token), quote_plus(token), quote(token, safe="")),
    "in base64": lambda token, job: [
        log.info("%s", base64.b64encode(f"{user}:{token}:x".encode()).decode()) for user in ("a", "ab", "abc")
    ],
    "in base64 for a URL": lambda token, job: log.info("%s", base64.urlsafe_b64encode(f"{token}??>".encode()).decode()),
    "in an exception": lambda token, job: chained(token),
    "in a sentence": lambda token, job: (_ for _ in ()).throw(BadInputError(f"{token} is refused")),
    "in a thread": lambda token, job: ended_thread(token),
    "with its stack": lambda token, job: log.error("%s", token, stack_info=True),
    "in a note": lambda token, job: job.notes.update({"cached": [{"by": token}], f"of {token}": 1}),
    "in a stage": lambda token, job: job.progress(f"with {token}", 0.5),
    "in the environment": lambda token, job: log.info("%s", dict(os.environ)),
    "in the environment's values": lambda token, job: log.info("%s", " ".join(os.environ.values())),
}


@hookimpl
def register_options():
    return Options


@hookimpl
def post_align(job, options):
    if options.how:
        WAYS[options.how](options.api_token, job)
'''
RUDE_PATHS = ("moved", "away", "heard", "coded", "odd", "broken", "denied")
WAYS = re.findall(r'^    "(.+)": lambda', LEAKY, re.MULTILINE)
FORMS = [
    *(base64.b64encode(b"??"[:before] + PLANTED.encode())[4 * bool(before) : 12] for before in range(3)),
    PLANTED.encode(),
    PLANTED.encode().hex().encode(),
    PLANTED[::-1].encode(),
]
"""How a secret's core looks plain, in JSON, in a URL, in base64 and in hexadecimal."""


def leaks(content: bytes) -> list[bytes]:
    """Lines that hold what was planted, in any form."""
    return [line for line in content.splitlines() if any(form.lower() in line.lower() for form in FORMS)]


def leaky_environment(folder):
    """The actor, and the leaky plugin beside it."""
    environment = actor_environment(folder)
    (folder / "leaky.py").write_text(LEAKY, encoding="utf-8")
    return {**environment, **SECRET_ENVIRONMENT, "WHISPERX_WORKER_PLUGINS_ALLOW": "actor,leaky"}


class Rude(BaseHTTPRequestHandler):
    """A server that says the query of its URL back wherever it can."""

    def do_GET(self) -> None:
        told = urlsplit(self.path).query
        if self.path.startswith("/moved"):
            self.reply(302, b"", Location=f"/lost.wav?{told}")
        elif self.path.startswith("/away"):
            self.reply(302, b"", Location=f"http://anna:{told[-20:]}@127.0.0.1/a.wav?{told}")
        elif self.path.startswith("/heard"):
            self.reply(200, wav(0.5), Set_Cookie=told, ETag=told, Content_Type=told)
        elif self.path.startswith("/coded"):
            self.reply(200, told.encode(), Content_Encoding="gzip", Warning=told)
        elif self.path.startswith("/odd"):
            self.wfile.write(f"HTTP/1.1 200 OK\r\n : {told}\r\nContent-Length: {told}\r\n\r\n".encode())
        else:
            self.reply(500 if self.path.startswith("/broken") else 401, told.encode(), WWW_Authenticate=told)

    def reply(self, status, body, **headers) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture(scope="module")
def rude():
    with ThreadingHTTPServer(("127.0.0.1", 0), Rude) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture(scope="module")
def server():
    server = RunpodServer()
    server.serve("/a.wav", wav(0.5))
    server.serve("/page.wav", PAGE, kind="text/html")
    server.serve("/denied.wav", f"<Error>{PLANTED}</Error>".encode(), status=403, kind="application/xml")
    yield server
    server.close()


def acts(**options):
    return {"plugins": {"actor": options}}


def of_anna(voiceprint):
    """The people of a job."""
    return {"speakers": [{"name": "Анна", "voiceprints": [voiceprint]}]}


def cases(url, rude=""):
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
        "a token for a path": {"audio_file": OF_JOB},
        "a token that is a field": {**inline, f"{PLANTED}0123456789": 1},
        "a token that is an option": {**inline, **acts(**{f"{PLANTED}0123456789": 1})},
        "a token that is a plugin": {**inline, "plugins": {f"{PLANTED}0123456789": {}}},
        "a token that is a sample's field": {**inline, "speaker_samples": [{f"{PLANTED}0123456789": 1}]},
        "a token with a colon": {"audio_file": f"{PLANTED}:AAAA"},
        "a token in a path": {"audio_file": f"{url}/{PLANTED}0123456789/lost.wav"},
        "a token for a file's name": {"audio_file": f"{url}/{PLANTED}0123456789.wav"},
        "a sample that is called by its token": {
            **inline, "speaker_samples": [{"url": f"{url}/{PLANTED}0123456789.wav?{signed}"}], "strict": True,
        },
        "a sample that is called like a token": {
            **inline, "speaker_samples": [{"name": f"hf_{PLANTED}", "url": f"{url}/lost.wav"}], "strict": True,
        },
        "a signed URL of Google": {"audio_file": f"{url}/lost.wav?X-Goog-Signature={PLANTED}&GoogleAccessId={PLANTED}"},
        "a signed URL of Azure": {"audio_file": f"{url}/lost.wav?sv=2024&sr=b&sig={PLANTED}%2Bx%3D&skoid={PLANTED}"},
        "a voiceprint that a plugin logs": {**inline, **of_anna(VOICEPRINT), **acts(logs=VOICEPRINT, warns=VOICEPRINT[20:60])},
        "a voiceprint in a plugin's own sentence": {**inline, **of_anna(VOICEPRINT), **acts(complains=f"{VOICEPRINT} is odd")},
        "a damaged voiceprint": {**inline, **of_anna(VOICEPRINT[:-9])},
        "a voiceprint of a token": {**inline, **of_anna(f"voiceprint1_{OF_JOB}")},
        "a token for a voiceprint": {**inline, **of_anna(f"{OF_JOB}-of-the-customer")},
        "a voiceprint that is a name": {**inline, "speakers": [{"name": VOICEPRINT, VOICEPRINT: 1}]},
        "a voiceprint for speakers": {**inline, "speakers": VOICEPRINT, "language": VOICEPRINT},
        "a voiceprint that is a field": {**inline, VOICEPRINT: 1},
        "a voiceprint that is a sample": {**inline, "speaker_samples": [{"name": "Анна", "url": VOICEPRINT}]},
        "a prompt with a token": {**with_token, "initial_prompt": f"{PROMPT} {OF_JOB}", "hotwords": f"{PROMPT} {OF_JOB}"},
        "a long prompt": {**inline, "initial_prompt": f"{PROMPT} " * 300, "hotwords": [PROMPT]},
        "tags": {"audio_base64": base64.b64encode(tagged()).decode()},
        **{f"an answer of /{path}": {"audio_file": f"{rude}/{path}.wav?{signed}"} for path in RUDE_PATHS},
        **{
            f"a token {way}": {
                **inline, "huggingface_access_token": SPELLED, "debug": True,
                "plugins": {"leaky": {"how": way, "api_token": SPELLED}},
            }
            for way in WAYS
        },
    }  # fmt: skip


def tagged():
    """A recording with tags, as WAV has them."""
    sound, text = wav(0.5), TAGGED.encode()
    text += bytes(-len(text) % 2)
    tags = b"INFO" + b"".join(kind + struct.pack("<I", len(text)) + text for kind in (b"INAM", b"ICMT", b"IART"))
    whole = sound[8:] + b"LIST" + struct.pack("<I", len(tags)) + tags
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """A worker with the actor, its log, and a folder for temporary files."""
    for name, value in leaky_environment(tmp_path / "plugins").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WHISPERX_WORKER_LOG_FILE", str(tmp_path / "container_log.txt"))
    monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "true")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    root = logging.getLogger()
    level, raising = root.level, logging.raiseExceptions
    settings = load_settings()
    job_log.start_logging(settings.log_file, console=True)
    yield open_worker(settings)
    job_log.stop_logging()
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = raising
    root.setLevel(level)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(""))
def test_no_planted_secret_comes_out_of_the_worker(worker, server, rude, tmp_path, capfd, case):
    data = cases(server.url, rude)[case]
    response = answer(worker, "job", data)
    left = [path.read_bytes() for path in (tmp_path / "tmp").rglob("*") if path.is_file()]
    log = worker.settings.log_file.read_bytes()
    assert log.count(b"[job]") >= 1
    for place in (
        json.dumps(response, ensure_ascii=False).encode(),
        log,
        *(out.encode() for out in capfd.readouterr()),
    ):
        assert leaks(place) == []
        assert TAGGED.encode() not in place
    assert PROMPT.encode() not in log
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
    job_log.stop_logging()
    for case in ("a token in a plugin's own sentence", "the bucket's key"):
        assert PLANTED not in answer(worker, "job", cases(server.url)[case])["error"]


def test_nothing_of_a_secret_is_kept_after_the_job(worker):
    answer(worker, "job", {"audio_base64": AUDIO, "huggingface_access_token": OF_JOB})
    assert redaction.mask(f"say {OF_JOB}") == f"say {OF_JOB}"


@pytest.mark.slow
def test_no_planted_secret_leaves_the_process_under_runpods_sdk(server, rude, tmp_path):
    environment = {**server.environment(), **leaky_environment(tmp_path / "plugins")}
    assert "RUNPOD_LOG_LEVEL" not in environment
    jobs = {f"job-{number}": data for number, data in enumerate(cases(server.url, rude).values())}
    process = start_worker(tmp_path / "home", environment)
    watch = Watch(process.folder, lambda content: content != PAGE and leaks(content))
    watch.start()
    try:
        server.submit(*jobs.items())
        results = {name: server.result(name, timeout_s=240) for name in jobs}
        left = process.left_behind()
    finally:
        process.end()
        watch.end()
    assert "DEBUG" not in process.said("stdout")
    assert leaks(process.said().encode()) == []
    assert (watch.wrong, watch.open) == (set(), set())
    assert any(name.startswith("audio-") for name in watch.seen)
    for name in jobs:
        for post in server.posts_of(name):
            assert leaks(json.dumps(post.body, ensure_ascii=False).encode()) == []
            assert TAGGED not in json.dumps(post.body)
    assert not any(word in process.said() for word in (TAGGED, PROMPT))
    assert {"error" in result for result in results.values()} == {True, False}
    assert len(process.said("container_log.txt").split("] whisperx_worker.pipeline.outcome: ")) > len(jobs)
    assert left == []
