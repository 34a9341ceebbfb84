"""The log as JSON: one object per line and event, whatever is logged, with nothing secret in any field."""

from __future__ import annotations

import io
import json
import logging
import math
import re
import sys
import threading

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.clips import wav
from tests.runpod_server import actor_environment
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.logs import job_log
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

log = logging.getLogger("whisperx_worker.test")


@pytest.fixture
def log_file(tmp_path):
    root = logging.getLogger()
    level, raising = root.level, logging.raiseExceptions
    file = tmp_path / "log.jsonl"
    job_log.start_logging(file, console=False, log_format="json")
    yield file
    job_log.stop_logging()
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = raising
    root.setLevel(level)


def strictly(text):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def lines(file):
    """Every line of the file, however a reader splits lines, as what it holds."""
    text = file.read_text(encoding="ascii")
    assert text.splitlines() == text.split("\n")[:-1]
    return [strictly(line) for line in text.splitlines()]


def fail(message):
    raise ValueError(message)


# --- what a line says


def test_a_line_says_when_how_serious_who_which_job_and_what(log_file):
    with job_log.recorded("job-1", [], 10):
        log.warning("Привет %s", "всем")
    log.info("later")
    first, second = lines(log_file)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "level": "WARNING", "logger": "whisperx_worker.test", "message": "Привет всем", "job_id": "job-1",
    }  # fmt: skip
    assert {**second, "time": 0} == {"time": 0, "level": "INFO", "logger": "whisperx_worker.test", "message": "later"}


def test_extra_fields_are_keys_of_their_own(log_file):
    fields = {"event": "stage_ended", "seconds": 0.25, "ok": True, "none": None, "turns": [1, {"who": "Анна"}]}
    log.info("measured", extra=fields)
    (line,) = lines(log_file)
    assert {name: line[name] for name in fields} == fields


def test_an_extra_field_that_is_named_like_the_lines_own_stands_beside_it(log_file):
    with job_log.recorded("job-1", [], 10):
        log.info("here", extra={"job_id": "another", "level": 7, "traceback": "none"})
    (line,) = lines(log_file)
    assert (line["job_id"], line["extra_job_id"]) == ("job-1", "another")
    assert (line["level"], line["extra_level"], line["traceback"]) == ("INFO", 7, "none")


def test_a_traceback_is_a_masked_field_of_its_line(log_file):
    with job_log.recorded("job-1", ["open-sesame"], 10):
        try:
            fail("open-sesame\nand token=abcdefgh")
        except ValueError:
            log.exception("it failed", stack_info=True)
    (line,) = lines(log_file)
    assert line["message"] == "it failed"
    assert "ValueError: ***\nand token=***\n" in line["traceback"]
    assert "Stack (most recent call last)" in line["traceback"]


def test_the_console_has_the_same_lines(tmp_path, monkeypatch):
    console = io.StringIO()
    monkeypatch.setattr(sys, "stderr", console)
    job_log.start_logging(tmp_path / "log.jsonl", console=True, log_format="json")
    try:
        log.info("both", extra={"number": 3})
    finally:
        job_log.stop_logging()
        logging.captureWarnings(capture=False)
    assert console.getvalue() == (tmp_path / "log.jsonl").read_text(encoding="ascii")
    assert strictly(console.getvalue())["number"] == 3


def test_the_tail_of_a_job_stays_text(log_file):
    with job_log.recorded("job-1", [], 10) as tail:
        log.info("one\ntwo", extra={"number": 3})
    assert re.sub(r"^[\d-]+ [\d:,]+ ", "", tail.text) == "INFO one\ntwo"
    assert len(lines(log_file)) == 1


def test_a_setting_chooses_the_format(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_LOG_FORMAT", "json")
    assert load_settings().log_format == "json"


# --- what it survives


class Unspeakable:
    def __str__(self):
        raise RuntimeError("not now")

    __repr__ = __str__


def holding_itself():
    data = {}
    data["again"] = [data]
    return data


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (10**30, 10**30),
        pytest.param(10**5000, "(cannot be written)", id="a number that is too long"),
        ((1, 2), [1, 2]),
        ({3: {4}}, {"3": [4]}),
        (b"abc", "b'abc'"),
        (ValueError("no"), "no"),
        pytest.param(Unspeakable(), "(cannot be written)", id="without a text"),
        pytest.param([1, Unspeakable()], "(cannot be written)", id="a list of such"),
        (holding_itself(), {"again": [{"again": ["{'again': [{...}]}"]}]}),
        ("half \ud83d of it", "half \\ud83d of it"),
        ({"half \ud83d": 1}, {"half \\ud83d": 1}),
    ],
)
def test_an_extra_field_of_any_kind_can_be_written(log_file, value, written):
    log.info("here", extra={"value": value})
    assert [line["value"] for line in lines(log_file)] == [written]


def test_a_message_whose_arguments_do_not_fit_is_logged(log_file, capsys):
    log.info("%d and %d", "one")  # noqa: PLE1206  the slip that is tested
    assert [line["message"] for line in lines(log_file)] == ["'%d and %d' (logged with arguments that do not fit)"]
    assert capsys.readouterr() == ("", "")


def test_half_of_a_surrogate_pair_in_a_message_is_written_out(log_file):
    with job_log.recorded("job-\ud83d", [], 10):
        log.info("half \ud83d of it")
    assert [(line["message"], line["job_id"]) for line in lines(log_file)] == [("half \\ud83d of it", "job-\\ud83d")]


# What a line of JSON may hold: anything, every kind of line break too.
JUNK = st.text(st.characters() | st.sampled_from('\r\n\x85\u2028\u2029\x00"\\{}%'), max_size=30)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | JUNK | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JUNK, inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=JUNK, value=DATA, as_error=st.booleans())
@example(message="%s %d\n", value={"a": [math.nan]}, as_error=True)
def test_whatever_is_logged_is_one_line_that_can_be_read(log_file, message, value, as_error):
    before = log_file.stat().st_size
    try:
        fail(message)
    except ValueError:
        log.info(message, value, extra={"value": value}, exc_info=as_error)
    written = log_file.read_bytes()[before:].decode("ascii")
    assert len(written.splitlines()) == 1
    assert set(strictly(written)) == {"time", "level", "logger", "message", "value"} | (
        {"traceback"} if as_error else set()
    )


# --- what it hides


SECRET = "open sesame-42"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (f"with {SECRET}!", "with ***!"),
        ([SECRET, {"deep": (SECRET,)}], ["***", {"deep": ["***"]}]),
        ({SECRET: 1}, {"***": 1}),
        (ValueError(SECRET), "***"),
        ("https://anna:pa55@h.example/a.wav?X-Amz-Signature=deadbeef", "https://***@h.example/a.wav?***"),
        ({"huggingface_access_token": "abc", "language": "ru"}, {"huggingface_access_token": "***", "language": "ru"}),
        ({"api_key": ["abc", None, 5]}, {"api_key": ["***", None, 5]}),
        (2026112233, "***"),
        (448, 448),
    ],
)
def test_no_secret_comes_out_of_an_extra_field(log_file, value, written):
    with job_log.recorded("job-1", [SECRET, "2026112233"], 10):
        log.info("here", extra={"value": value})
    assert [line["value"] for line in lines(log_file)] == [written]


def test_an_extra_field_that_is_named_like_a_secret_is_one(log_file):
    log.info("here", extra={"hf_token": "abc", "tokens": 3})
    (line,) = lines(log_file)
    assert (line["hf_token"], line["tokens"]) == ("***", 3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30))
@example(secret='quo"ted\\secret')
def test_a_secret_planted_anywhere_in_an_event_never_comes_out(log_file, secret):
    before = log_file.stat().st_size
    with job_log.recorded("job", [secret], 10):
        try:
            fail(f"for {secret}")
        except ValueError as error:
            log.exception("with %s", secret, extra={"a": secret, "b": {secret: [secret]}, "c": error})
    written = log_file.read_bytes()[before:].decode("ascii")
    line = strictly(written)
    assert (line["message"], line["a"], line["b"], line["c"]) == ("with ***", "***", {"***": ["***"]}, "for ***")
    assert line["traceback"].endswith("ValueError: for ***")
    assert secret not in written.replace(line["logger"], "")


# --- whose it is


def test_two_jobs_at_once_each_have_their_id_on_their_lines(log_file):
    both_run = threading.Barrier(2)

    def work(job_id):
        with job_log.recorded(job_id, [], 10):
            for number in range(20):
                both_run.wait(timeout=20)
                log.info("of %s", job_id, extra={"number": number})

    threads = [threading.Thread(target=work, args=(job_id,)) for job_id in ("job-1", "job-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    written = lines(log_file)
    for job_id in ("job-1", "job-2"):
        own = [(line["message"], line["number"]) for line in written if line["job_id"] == job_id]
        assert own == [(f"of {job_id}", number) for number in range(20)]


def test_a_job_logs_each_stage_and_itself_as_an_event_that_its_tail_leaves_out(log_file, monkeypatch, tmp_path):
    for name, value in actor_environment(tmp_path / "plugins").items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "clip.wav"
    file.write_bytes(wav(0.5))
    response = answer(open_worker(), "job-1", {"audio_file": str(file), "debug": True}, local=True)
    ended = [line for line in lines(log_file) if line.get("event") == "stage_ended"]
    assert {line["job_id"] for line in ended} == {"job-1"}
    stages = [line["stage"] for line in ended]
    assert stages == ["fetch", "decode", "pre_audio", "transcribe", "post_align", "finalize", "job"]
    assert {f"{line['stage']}_s": line["seconds"] for line in ended} == response["timings"]
    assert ended[0]["message"] == f"stage fetch: {ended[0]['seconds']:.3f} s"
    assert [line["error"] for line in ended] == [None] * 7
    assert "stage" not in response["logs"]


def test_a_model_that_a_job_finds_loaded_is_an_event_and_stands_in_debug(log_file, monkeypatch, tmp_path):
    for name, value in actor_environment(tmp_path / "plugins").items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "clip.wav"
    file.write_bytes(wav(0.5))
    worker, job = open_worker(), {"audio_file": str(file), "debug": True}
    first, second = (answer(worker, job_id, job, local=True) for job_id in ("job-1", "job-2"))
    borrowed = [line for line in lines(log_file) if line.get("event") == "model_borrowed"]
    assert [(line["job_id"], line["model"], line["cached"]) for line in borrowed] == [
        ("job-1", "actor's script", False),
        ("job-2", "actor's script", True),
    ]
    for response, line in zip((first, second), borrowed, strict=True):
        told = {"cached": line["cached"], "seconds": line["seconds"]}
        assert response["debug"]["models"] == {"actor's script": told}
    assert "loaded (" in first["logs"]
    assert "actor" not in second["logs"]
