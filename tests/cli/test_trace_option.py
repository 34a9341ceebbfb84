"""`--trace` prints what each plugin took and changed, and leaves the result as it is."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from tests.clips import wav
from whisperx_worker.cli.main import app

MASK = """
from dataclasses import replace
from whisperx_worker import JobRefusedError, hookimpl

@hookimpl
def post_align(transcript, job):
    if job.request.hotwords == "refuse":
        raise JobRefusedError("refused")
    return replace(transcript, segments=tuple(replace(s, text="***") for s in transcript.segments))
"""


@pytest.fixture
def call(parrot, tmp_path):  # noqa: ARG001  its engine recognises
    (tmp_path / "plugins" / "mask.py").write_text(MASK, encoding="utf-8")
    path = tmp_path / "call.wav"
    path.write_bytes(wav(seconds=0.5))
    return str(path)


def traced(*arguments):
    done = CliRunner().invoke(app, ["transcribe", *arguments, "-q", "--trace"])
    lines = [re.sub(r"\d\.\d{3} s", "N s", " ".join(line.split())) for line in done.stderr.splitlines()]
    return done.exit_code, done.stdout, lines


def test_the_table_goes_to_standard_error(call):
    assert traced(call) == (
        0,
        "***\n",
        [
            "hook plugin time outcome",
            "transcribe parrot N s answered: segments 1, words 0",
            "post_align mask N s changed: segments 1",
        ],
    )


def test_a_job_that_fails_is_traced_up_to_there(call):
    code, _, lines = traced(call, "--hotwords", "refuse")

    assert (code, lines[2:]) == (1, ["post_align mask N s refused", "whisperx-worker: refused"])
