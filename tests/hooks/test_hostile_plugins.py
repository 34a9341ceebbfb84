"""What plugins do that none should costs what the documentation says, and the next job is as before."""

from __future__ import annotations

import builtins
import json
import logging
import os
import threading
import warnings
from pathlib import Path

import pytest

from tests.hooks import hostile_plugins
from tests.hooks.hostile_plugins import HOSTILE
from whisperx_worker import JobCancelledError, intervals
from whisperx_worker.testing import load_plugins, run_job

DOCUMENTED = json.loads((Path(__file__).parent / "hostile.json").read_text(encoding="utf-8"))["rows"]
FIELDS = {
    "diarization": True,
    "align_output": True,
    "stream": True,
    "speaker_samples": [{"name": "Анна", "audio_base64": "UklGRg=="}],
    "output_formats": ["json", "txt"],
}
SOUND = ("segments", "detected_language", "speakers", "outputs")
"""Fields of the answer that no such plugin changes, unless by what its own step finds."""


def rows(*costs):
    return pytest.mark.parametrize(
        ("name", "hostile"), [(name, one) for cost in costs for name, one in HOSTILE[cost].items()]
    )


def open_host(name, hostile, folder, **settings):
    """Load the plugin as the worker would, with a sound one where the row has it, and with a file where it is one."""
    if hostile.source:
        (folder / f"{name}.py").write_text(hostile.source, encoding="utf-8")
        settings["plugins_dir"] = folder
    given = {name: hostile.plugin} if hostile.plugin else {}
    beside = {"beside": hostile.beside} if hostile.beside else {}
    rules = {name: {"job_may_disable": True}}
    return load_plugins(settings={**hostile.settings, **settings}, rules=rules, may_fail=True, **given, **beside)


def response_to(host, **fields):
    """The answer without what changes from job to job."""
    response = run_job(host, **{**FIELDS, **fields}).response
    return {name: value for name, value in response.items() if name not in {"logs", "timings", "debug"}}


BEFORE = response_to(load_plugins())


def check_later_jobs(name, hostile, host, folder):
    """Check that jobs without the plugin are as before, in this worker and in one where it is blocked."""
    if name in host.active and not any(record.state == "failed" for record in host.records):
        assert response_to(host, plugins={name: {"enabled": False}}) == BEFORE
    blocked = open_host(name, hostile, folder, plugins_block=(name,))
    assert name not in blocked.active
    assert response_to(blocked) == BEFORE


def test_every_row_is_documented():
    assert {cost: list(found) for cost, found in HOSTILE.items()} == {
        cost: list(found) for cost, found in DOCUMENTED.items()
    }
    assert sum(map(len, HOSTILE.values())) > 90


@rows("load")
def test_one_that_cannot_be_loaded_is_listed_with_the_reason_and_the_others_work(name, hostile, tmp_path):
    host = open_host(name, hostile, tmp_path)

    (record,) = [one for one in host.records if one.state == "failed"]
    response = response_to(host)

    assert record.name in {name, "beside"}
    assert hostile.told in record.reason
    assert response.pop("warnings") == [f"plugin {record.name} could not be loaded and takes no part in this job"]
    assert response == {field: value for field, value in BEFORE.items() if field != "warnings"}
    check_later_jobs(name, hostile, host, tmp_path)


@rows("change", "data")
def test_what_it_changes_is_left_out_and_it_is_named(name, hostile, tmp_path):
    host = open_host(name, hostile, tmp_path)
    assert name in host.active

    answer = run_job(host, **{**FIELDS, **hostile.fields})

    told = [*answer.response["warnings"], json.dumps(answer.response.get("debug"))]
    assert any(hostile.told in one for one in told)
    assert all(one.startswith(("plugin ", "the output format", "extra of")) for one in told[:-1])
    assert {field: answer.response[field] for field in SOUND} == {field: BEFORE[field] for field in SOUND}
    json.dumps(answer.response, allow_nan=False, ensure_ascii=False).encode()
    check_later_jobs(name, hostile, host, tmp_path)


def test_a_wrong_type_is_named_at_every_chain(tmp_path):
    host = open_host("wrong_type", HOSTILE["change"]["wrong_type"], tmp_path)
    found = response_to(host)["warnings"]
    assert {one.split(" failed in ")[1].split(":")[0] for one in found} == set(hostile_plugins.CHAINS)


@rows("step")
def test_an_engine_that_fails_is_named_and_the_text_comes(name, hostile, tmp_path):
    host = open_host(name, hostile, tmp_path)

    response = response_to(host, plugins={name: {}})

    assert any(name in one and hostile.told in one for one in response["warnings"])
    assert [one["text"] for one in response["segments"]] == [one["text"] for one in BEFORE["segments"]]
    check_later_jobs(name, hostile, host, tmp_path)


@rows("job")
def test_a_job_that_cannot_go_on_ends_with_one_sentence(name, hostile, tmp_path):
    host = open_host(name, hostile, tmp_path)

    response = response_to(host, **{"plugins": {name: {}}, **hostile.fields})

    assert list(response) == ["error"]
    assert hostile.told in response["error"]
    check_later_jobs(name, hostile, host, tmp_path)


@rows("line")
def test_what_an_observer_raises_is_a_line_in_the_log(name, hostile, tmp_path, caplog):
    with caplog.at_level("INFO"):
        host = open_host(name, hostile, tmp_path)
        assert response_to(host) == BEFORE
        from whisperx_worker.hooks.requirements import registered_models

        registered_models(host, host.settings)
    assert any(hostile.told in record.message for record in caplog.records)
    check_later_jobs(name, hostile, host, tmp_path)


@rows("nothing")
def test_what_harms_nobody_is_as_if_it_had_not_been(name, hostile, tmp_path):
    host = open_host(name, hostile, tmp_path)
    answer = run_job(host, **FIELDS)
    for kept in hostile_plugins.KEPT:
        kept["segments"].clear()
    assert {field: answer.response[field] for field in BEFORE} == BEFORE
    check_later_jobs(name, hostile, host, tmp_path)


@rows("end")
def test_an_end_of_the_job_goes_through(name, hostile, tmp_path):
    host = open_host(name, hostile, tmp_path)
    kind = getattr(builtins, hostile.told, JobCancelledError)
    with pytest.raises(kind):
        run_job(host, **FIELDS)
    check_later_jobs(name, hostile, host, tmp_path)


@rows("unseen")
def test_what_nothing_prevents_is_over_with_the_job(name, hostile, tmp_path):
    host = open_host(name, hostile, tmp_path)
    assert response_to(host)["detected_language"] == "xx"
    assert response_to(host, plugins={name: {"enabled": False}}) == BEFORE
    check_later_jobs(name, hostile, host, tmp_path)


STATES = {
    "sets_variable": lambda: os.environ.get("HOSTILE"),
    "changes_directory": Path.cwd,
    "silences_log": lambda: logging.getLogger("whisperx_worker").level,
    "shows_no_warnings": lambda: list(warnings.filters),
    "replaces_json": lambda: hasattr(json, "hostile"),
    "replaces_name_of_worker": lambda: hasattr(intervals, "hostile"),
}


@pytest.fixture
def restored(monkeypatch):
    monkeypatch.setenv("HOSTILE", "0")
    monkeypatch.chdir(Path.cwd())
    level = logging.getLogger("whisperx_worker").level
    with warnings.catch_warnings():
        yield
    logging.getLogger("whisperx_worker").setLevel(level)
    for module in (json, intervals):
        vars(module).pop("hostile", None)


@pytest.mark.usefixtures("restored")
@rows("kept")
def test_what_it_changes_in_the_process_stays_and_the_answer_is_right(name, hostile, tmp_path):
    before = STATES[name]()
    host = open_host(name, hostile, tmp_path)
    assert response_to(host) == BEFORE
    assert STATES[name]() != before
    check_later_jobs(name, hostile, host, tmp_path)


def test_a_thread_that_was_left_running_is_one_of_the_process():
    assert any(thread.name == "left running" and thread.daemon for thread in threading.enumerate())
