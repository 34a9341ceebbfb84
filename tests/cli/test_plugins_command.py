"""`whisperx-worker plugins` shows what is installed, in which order it runs, and one plugin in full."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from whisperx_worker.cli.main import app
from whisperx_worker.errors import BadInputError, SettingsError
from whisperx_worker.version import __version__

MOOD = '''
"""Finds the mood of each segment.

More about it.
"""

from dataclasses import dataclass

from pydantic import BaseModel, Field

from whisperx_worker import ExtraSchema, OutputFormat, PluginInfo, hookimpl


class Options(BaseModel):
    words: list[str] | None = Field(None, description="Words of joy.")
    depth: int = 2
    """Layers of the
    model."""
    token: str = ""


@dataclass(frozen=True)
class Mood:
    joy: float


@hookimpl
def register_options():
    return Options


@hookimpl
def register_plugin():
    return PluginInfo(on_request=True)


@hookimpl
def register_extra():
    return ExtraSchema(segment=Mood)


@hookimpl
def register_outputs():
    return [OutputFormat("moods", ".bin", lambda result, audio: b"", "application/x-mood")]


@hookimpl(closed=True, before="tone")
def post_align():
    return None


@hookimpl
def transcribe():
    return None
'''
TONE = """
from whisperx_worker import hookimpl

@hookimpl(tryfirst=True)
def post_align():
    return None
"""


@pytest.fixture(autouse=True)
def _plugins(tmp_path, monkeypatch):
    for name, source in {"mood": MOOD, "tone": TONE}.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_DIR", str(tmp_path))
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_ALLOW", "mood,tone,russian_whisper")
    rules = {"options": {"depth": 3}, "locked": ["depth"], "secrets": {"token": "ZW9q8vKp"}}
    monkeypatch.setenv("WHISPERX_WORKER_PLUGIN_MOOD", json.dumps(rules))


def printed(*arguments):
    done = CliRunner().invoke(app, ["plugins", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_the_list_has_state_load_time_hooks_and_description():
    listed = printed().partition("\n\n")[0].splitlines()
    rows = {line.split()[0]: line for line in listed}

    assert listed[0].split() == ["name", "version", "from", "state", "load", "hooks", "description"]
    assert rows["mood"].endswith("Finds the mood of each segment.")
    assert rows["tone"].split()[:4] == ["tone", "-", "tone.py", "active"]
    assert rows["wav2vec2_alignment"].endswith("not named in WHISPERX_WORKER_PLUGINS_ALLOW")


def test_the_list_ends_with_the_order_of_chains_and_the_chosen_engines():
    assert [" ".join(line.split()) for line in printed().partition("\n\n")[2].splitlines()] == [
        "hook kind plugins",
        "detect_speech engine none: no active plugin does this step",
        "identify_language engine none: no active plugin does this step",
        "transcribe engine russian_whisper; where named: mood",
        "align engine none: no active plugin does this step",
        "post_align chain mood → tone",
        "diarize engine none: no active plugin does this step",
        "embed_voices engine none: no active plugin does this step",
        "verify_speakers engine none: no active plugin does this step",
    ]


def test_programs_get_each_plugin_in_full():
    records = json.loads(printed("--json"))

    assert [record["name"] for record in records][:3] == ["mood", "tone", "russian_whisper"]
    own = records[2]
    assert {name: own[name] for name in ("name", "source", "version", "state", "reason", "hooks")} == {
        "name": "russian_whisper",
        "source": "whisperx-worker",
        "version": __version__,
        "state": "active",
        "reason": "",
        "hooks": ["register_models", "transcribe", "warm_up"],
    }
    alone = json.loads(printed("mood", "--json"))
    assert {**records[0], "load_s": 0, "slowest_import_s": 0} == {**alone, "load_s": 0, "slowest_import_s": 0}


def test_a_plugin_in_full_has_its_options_and_what_the_operator_decides_of_them():
    words, depth, token = json.loads(printed("mood", "--json"))["options"]

    assert words == {
        "name": "words", "type": "list of string or null", "default": None, "description": "Words of joy.",
        "set": False, "value": None, "locked": False, "secret": False,
    }  # fmt: skip
    assert (depth["description"], depth["set"], depth["value"], depth["locked"]) == (
        "Layers of the model.", True, 3, True
    )  # fmt: skip
    assert (token["set"], token["value"], token["locked"], token["secret"]) == (True, None, True, True)


def test_a_plugin_in_full_has_its_formats_its_data_and_its_place():
    mood = json.loads(printed("mood", "--json"))
    functions = {one["hook"]: one for one in mood["functions"]}

    assert mood["formats"] == [
        {"name": "moods", "suffix": ".bin", "media_type": "application/x-mood", "takes_audio": True}
    ]
    assert mood["extra"]["segment"]["properties"]["joy"]["type"] == "number"
    assert (mood["on_request"], mood["required"]) == (True, False)
    assert functions["post_align"] == {
        "hook": "post_align", "kind": "chain", "place": 1, "of": 2, "chosen": False, "closed": True,
        "before": ["tone"], "after": [], "schemes": [],
    }  # fmt: skip
    assert functions["transcribe"]["chosen"] is False


def test_people_read_the_same_without_any_secret():
    lines = [" ".join(line.split()) for line in printed("mood").splitlines()]

    assert lines[:3] == ["mood - from mood.py", "Finds the mood of each segment.", "state: active"]
    assert "takes part: in jobs that name it" in lines
    assert "post_align chain 1 of 2 closed, before tone" in lines
    assert "depth integer 2 set to 3, locked Layers of the model." in lines
    assert 'token string "" secret' in lines
    assert "moods .bin application/x-mood takes audio" in lines
    assert not any("ZW9q8vKp" in text for text in (printed("mood"), printed("mood", "--json"), printed("--json")))


def test_a_plugin_that_is_not_active_says_why():
    assert printed("wav2vec2_alignment").splitlines()[1:] == [
        "state: blocked: not named in WHISPERX_WORKER_PLUGINS_ALLOW"
    ]


def test_a_misspelled_name_is_answered_with_the_nearest_one():
    with pytest.raises(BadInputError, match=r"^there is no plugin 'moood'; did you mean mood\?$"):
        printed("moood")


def test_a_required_plugin_that_is_not_there_is_a_failure_of_the_list(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_REQUIRE", "redactor")
    with pytest.raises(SettingsError, match=r"^WHISPERX_WORKER_PLUGINS_REQUIRE: redactor is not installed$"):
        printed()


@pytest.mark.slow
def test_a_plugin_in_a_process_of_its_own_is_described_as_any(monkeypatch):
    here = json.loads(printed("mood", "--json"))
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_ISOLATE", "mood")
    there = json.loads(printed("mood", "--json"))

    for name in ("state", "description", "hooks", "options", "formats", "functions", "on_request"):
        assert there[name] == here[name]
