"""The example of an output format is installed with pip, and its bytes come through a job and the command line."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import pytest

from tests.clips import wav
from tests.conftest import PARROT
from tests.third_party import installed

pytestmark = pytest.mark.slow

ANSWER = """
import json, sys
from whisperx_worker.worker import answer, open_worker

print(json.dumps(answer(open_worker(), "job", json.load(sys.stdin))))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs Python where the example is installed and a plugins folder has an engine."""
    return installed("speaker_texts", tmp_path_factory.mktemp("third_party"), {"parrot": PARROT})


def texts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_response_has_the_zip_with_the_jobs_options(run):
    job = {
        "audio_base64": base64.b64encode(wav(0.5)).decode(),
        "output_formats": ["speaker_texts"],
        "plugins": {"speaker_texts": {"times": True}},
    }
    response = json.loads(run("-c", ANSWER, stdin=json.dumps(job)))
    written = response["outputs"]["speaker_texts"]
    assert (written["media_type"], response["warnings"]) == ("application/zip", [])
    assert texts(base64.b64decode(written["base64"])) == {"unknown.txt": "00:00 Алло, это Анна.\n"}


def test_the_command_line_writes_the_file(run, tmp_path):
    (tmp_path / "call.wav").write_bytes(wav(0.5))
    command = ["-m", "whisperx_worker.cli", "transcribe", str(tmp_path / "call.wav"), "-q"]
    run(*command, "-f", "speaker_texts", "-o", str(tmp_path))
    assert texts((tmp_path / "call.zip").read_bytes()) == {"unknown.txt": "Алло, это Анна.\n"}
