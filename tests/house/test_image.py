"""The Dockerfile, as far as it can be read: `make image-check` builds it."""

import importlib.util
import json
import re

import pytest

from tools.documents import ROOT
from whisperx_worker.contract.settings import Settings, variables

LINES = re.sub(
    r"\\\n\s*", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
)
SETTINGS = {name for field in Settings.model_fields for name in variables(field)}
OTHER_PROGRAMS = {
    "HOME",
    "ORT_DISABLE_TELEMETRY",
    "PATH",
    "PYANNOTE_METRICS_ENABLED",
    "PYTHONUNBUFFERED",
    "VIRTUAL_ENV",
}
"""Variables that are set for somebody else than the worker."""


def instructions(kind):
    return re.findall(rf"^{kind} (.*)$", LINES, re.MULTILINE)


def environment():
    return {name: value for line in instructions("ENV") for name, value in re.findall(r"(\w+)=(\S*)", line)}


def test_every_variable_of_the_image_is_known_to_somebody():
    assert set(environment()) - SETTINGS == OTHER_PROGRAMS


def test_nothing_reports_home():
    set_to = environment()
    assert (set_to["ORT_DISABLE_TELEMETRY"], set_to["PYANNOTE_METRICS_ENABLED"]) == ("1", "0")


def test_the_image_leaves_it_to_the_worker_whether_the_hub_may_be_asked():
    assert "HF_HUB_OFFLINE" not in LINES


def test_no_secret_stays_in_the_image():
    kept = [
        name for kind in ("ENV", "ARG") for line in instructions(kind) for name in re.findall(r"(\w+)(?:=|$)", line)
    ]
    assert [name for name in kept if re.search("TOKEN|SECRET|PASSWORD|KEY", name)] == []
    assert [
        line for line in instructions("RUN") if "hf_token" in line and "--mount=type=secret,id=hf_token" not in line
    ] == []


@pytest.mark.parametrize("stage", ["small", "the last"])
def test_a_stage_that_runs_on_runpod_does_not_run_as_root(stage):
    text = (
        LINES.partition("AS small\n")[2].partition("\nFROM ")[0] if stage == "small" else LINES.rpartition("\nFROM ")[2]
    )
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert users == (["${USER_NAME}"] if stage == "small" else [])
    assert text.startswith("small\n") or stage == "small"
    assert "USER_NAME=worker" in instructions("ARG")


def test_the_image_starts_a_module_that_is_there():
    (command,) = instructions("CMD")
    python, flag, module = json.loads(command)
    assert (python, flag) == ("python", "-m")
    assert importlib.util.find_spec(module)


def test_what_is_installed_is_there_and_is_sent_to_the_builder():
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    needed = {"LICENSE", "README.md", "plugins", "pyproject.toml", "requirements.lock", "setup.cfg", "setup.py", "src"}
    assert sent == needed
    assert [name for name in sent if not (ROOT / name).exists()] == []


def test_our_code_comes_after_what_changes_less():
    order = [LINES.index(text) for text in ("uv pip sync", "uv pip install", "whisperx-worker preload")]
    assert order == sorted(order)
    assert "COPY --link --from=preloaded /models /models" in LINES
