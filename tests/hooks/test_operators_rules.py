"""What the operator decides about plugins: which are required, their options, and what a job may do without."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from whisperx_worker import BadInputError, PluginInfo, SettingsError, hookimpl
from whisperx_worker.cli.main import app
from whisperx_worker.contract.plugin_rules import PluginRules
from whisperx_worker.contract.settings import Settings, load_settings, variables
from whisperx_worker.contract.validation import parse_request, plugins_off
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.operators_rules import check_required
from whisperx_worker.logs import redaction
from whisperx_worker.operate import doctor
from whisperx_worker.pipeline.worker import open_worker

CLIP = "UklGRg=="


@dataclass(frozen=True)
class Options:
    mask: str = "#"
    key: str = ""


class Redact:
    @hookimpl
    def register_options(self):
        return Options

    @hookimpl
    def post_align(self, transcript):
        return transcript


class OnRequest(Redact):
    @hookimpl
    def register_plugin(self):
        return PluginInfo(on_request=True)


def loaded(plugin=None, **settings):
    return load_host(Settings(**settings), [Candidate("redact", "test", "1", load=lambda: plugin or Redact())])


def with_rules(monkeypatch, plugin=None, **rules):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGIN_REDACT", json.dumps(rules))
    return loaded(plugin, plugin_rules=load_settings().plugin_rules)


def asked(host, **plugins):
    return parse_request({"audio_base64": CLIP, "plugins": plugins}, host.abilities)


# --- required plugins


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"plugins_require": ("redactt",)}, "WHISPERX_WORKER_PLUGINS_REQUIRE: redactt is not installed"),
        (
            {"plugins_require": ("redact",), "plugins_block": ("redact",)},
            "WHISPERX_WORKER_PLUGINS_REQUIRE: redact is blocked: named in WHISPERX_WORKER_PLUGINS_BLOCK",
        ),
        (
            {"plugins_require": ("redact",), "plugins_allow": ("other",)},
            "WHISPERX_WORKER_PLUGINS_REQUIRE: redact is blocked: not named in WHISPERX_WORKER_PLUGINS_ALLOW",
        ),
    ],
)
def test_without_a_required_plugin_nothing_starts(settings, sentence):
    with pytest.raises(SettingsError) as refused:
        check_required(loaded(**settings))
    assert str(refused.value) == sentence


def test_a_required_plugin_that_cannot_be_loaded_stops_the_start():
    def broken():
        raise ImportError("no module named words")

    host = load_host(Settings(plugins_require=("redact",)), [Candidate("redact", "test", "1", load=broken)])
    with pytest.raises(SettingsError, match="redact is failed: ImportError"):
        check_required(host)


def test_worker_doctor_and_command_line_refuse_a_missing_required_plugin(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_REQUIRE", "redactt")
    with pytest.raises(SettingsError, match="redactt is not installed"):
        open_worker()
    rows = doctor.examine(quick=True)
    assert any(row.state == "failure" and "redactt" in row.what for row in rows)
    result = CliRunner().invoke(app, ["plugins"])
    assert "redactt" in result.output


# --- options of the operator


def test_the_operators_options_hold_where_a_job_sends_none(monkeypatch):
    host = with_rules(monkeypatch, options={"mask": "█"})

    assert asked(host)[1]["redact"] == Options("█")
    assert asked(host, redact={"mask": "*"})[1]["redact"] == Options("*")


def test_a_locked_option_and_a_secret_are_refused_from_a_job(monkeypatch):
    host = with_rules(monkeypatch, options={"mask": "█"}, locked=["mask"], secrets={"key": "s3cr3t-word-of-mine"})

    assert asked(host)[1]["redact"] == Options("█", "s3cr3t-word-of-mine")
    with pytest.raises(BadInputError) as refused:
        asked(host, redact={"mask": "", "key": "mine"})
    assert str(refused.value) == (
        "plugins.redact.mask is set by the worker, not by a job; plugins.redact.key is set by the worker, not by a job"
    )
    assert redaction.mask("it is s3cr3t-word-of-mine") == "it is ***"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "WHISPERX_WORKER_PLUGIN_REDACT is no valid JSON"),
        ("[]", "WHISPERX_WORKER_PLUGIN_REDACT must be a JSON object with any of options, locked, secrets and"),
        ('{"lock": []}', "WHISPERX_WORKER_PLUGIN_REDACT has 'lock'; it may have options, locked, secrets and"),
        ('{"secrets": "hush-hush-hush"}', "WHISPERX_WORKER_PLUGIN_REDACT has a secrets of another type"),
        ('{"job_may_disable": "yes"}', "WHISPERX_WORKER_PLUGIN_REDACT has a job_may_disable of another type"),
    ],
)
def test_rules_that_cannot_be_read_stop_the_start_without_showing_them(monkeypatch, text, sentence):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGIN_REDACT", text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value).startswith(sentence)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"options": {"colour": 1}}, "WHISPERX_WORKER_PLUGIN_REDACT: the plugin has no option 'colour'"),
        ({"locked": ["maks"]}, "WHISPERX_WORKER_PLUGIN_REDACT: the plugin has no option 'maks'"),
        ({"secrets": {"key": 54321}}, "WHISPERX_WORKER_PLUGIN_REDACT: key: input should be a valid string"),
    ],
)
def test_options_that_the_plugin_does_not_take_stop_the_start(monkeypatch, rules, sentence):
    with pytest.raises(SettingsError) as refused:
        with_rules(monkeypatch, **rules)
    assert str(refused.value) == sentence


# --- names that nobody has


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"plugins_allow": ("redact", "gone")},
            "WHISPERX_WORKER_PLUGINS_ALLOW names a plugin 'gone', which is not inst",
        ),
        ({"plugins_block": ("gone",)}, "WHISPERX_WORKER_PLUGINS_BLOCK names a plugin 'gone', which is not installed"),
        ({"plugins_order": ("gone",)}, "WHISPERX_WORKER_PLUGINS_ORDER names a plugin 'gone', which is not installed"),
        ({"align_engine": "gone"}, "WHISPERX_WORKER_ALIGN_ENGINE names a plugin 'gone', which is not installed"),
    ],
)
def test_a_name_that_nobody_has_is_told_at_the_start_and_listed(caplog, settings, problem):
    host = loaded(**settings)

    assert host.problems[0].startswith(problem)
    assert caplog.messages == host.problems
    assert [record.state for record in host.records if record.name == "gone"] == ["missing"]
    assert any("gone" in row.what + row.name and row.state == "warning" for row in doctor._plugins(Settings(), host))


def test_rules_for_a_plugin_that_nobody_has_are_told(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGIN_REDACTT", "{}")
    host = loaded(plugin_rules=load_settings().plugin_rules)
    assert host.problems == [
        "WHISPERX_WORKER_PLUGIN_REDACTT is of a plugin that is not installed; "
        "did you mean WHISPERX_WORKER_PLUGIN_REDACT?"
    ]
    assert any(row.state == "warning" and "REDACTT" in row.what for row in doctor._plugins(Settings(), host))


# --- who takes part


def off(host, **plugins):
    return plugins_off(asked(host, **plugins)[0], host.abilities)


def test_a_job_does_without_a_plugin_only_where_the_operator_lets_it(monkeypatch):
    with pytest.raises(BadInputError) as refused:
        asked(loaded(), redact={"enabled": False})
    assert str(refused.value) == "plugins.redact.enabled: this worker lets no job do without the plugin"
    assert off(loaded(), redact={"enabled": True}) == set()
    assert off(with_rules(monkeypatch, job_may_disable=True), redact={"enabled": False}) == {"redact"}
    with pytest.raises(BadInputError, match=r'plugins\.redact\.enabled must be true or false, not "no"'):
        asked(loaded(), redact={"enabled": "no"})


def test_a_plugin_on_request_takes_part_where_the_job_or_the_operator_names_it(monkeypatch):
    assert off(loaded(OnRequest())) == {"redact"}
    assert off(loaded(OnRequest()), redact={}) == set()
    assert off(loaded(OnRequest()), redact={"enabled": False}) == {"redact"}
    assert off(loaded(OnRequest(), plugins_require=("redact",))) == set()
    assert off(with_rules(monkeypatch, OnRequest(), options={"mask": "█"})) == set()


def test_an_option_named_as_the_workers_own_is_refused_at_load():
    @dataclass(frozen=True)
    class Enabled:
        enabled: bool = True

    class Plugin(Redact):
        @hookimpl
        def register_options(self):
            return Enabled

    (record,) = loaded(Plugin()).records
    assert record.reason == "its option 'enabled' is one that the worker gives to every plugin"


def test_rules_are_those_of_the_active_one_of_two_with_one_name():
    rules = (PluginRules("WHISPERX_WORKER_PLUGIN_REDACT", {"mask": "?"}),)
    twice = [Candidate("redact", "test", version, load=Redact) for version in ("1", "2")]

    host = load_host(Settings(plugin_rules=rules), twice)

    assert [record.state for record in host.records] == ["active", "failed"]
    assert parse_request({"audio_base64": CLIP}, host.abilities)[1] == {"redact": Options("?")}


# --- what a stranger found


def test_the_limit_of_time_is_a_setting_and_no_plugins_rules(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_LIMIT_S", "5")
    assert load_settings().plugins_limit_s == 5


def test_no_setting_has_the_name_of_a_plugins_rules():
    names = [name for field in Settings.model_fields for name in variables(field) if "<" not in name]
    assert [name for name in names if name.startswith("WHISPERX_WORKER_PLUGIN_")] == []


def test_a_misspelled_setting_of_plugins_stops_the_start_since_it_would_require_none(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_REQIRE", "redact")
    with pytest.raises(SettingsError, match=r"^WHISPERX_WORKER_PLUGINS_REQIRE is no setting"):
        load_settings()


def test_a_plugin_cannot_be_required_and_up_to_the_job(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGIN_REDACT", '{"job_may_disable": true}')
    with pytest.raises(SettingsError, match=r"job_may_disable is true of a plugin that is required$"):
        loaded(plugin_rules=load_settings().plugin_rules, plugins_require=("redact",))


def test_a_secret_that_is_too_short_to_be_masked_is_refused_and_a_number_is_masked(monkeypatch):
    with pytest.raises(SettingsError, match=r"a secret needs 4 characters to be masked$"):
        with_rules(monkeypatch, secrets={"key": "abc"})

    @dataclass(frozen=True)
    class Numbers:
        pin: int = 0

    class Plugin(Redact):
        @hookimpl
        def register_options(self):
            return Numbers

    with_rules(monkeypatch, Plugin(), secrets={"pin": 987654321})
    assert redaction.mask("pin 987654321") == "pin ***"
