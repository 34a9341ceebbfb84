"""A misspelled plugin is answered with the nearest name, wherever an operator or a job writes it."""

from __future__ import annotations

import pytest

from whisperx_worker import BadInputError, PluginError, hookimpl
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.engine_choice import default_engine
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.testing import make_job


class Recogniser:
    @hookimpl
    def transcribe(self):
        return None


def host_of(settings):
    return load_host(settings, [Candidate(name, "test", "0", load=Recogniser) for name in ("parrot", "magpie")])


def test_a_misspelled_engine_of_the_settings():
    settings = Settings(transcribe_engine="parot")
    host = host_of(settings)

    assert host.problems == [
        "WHISPERX_WORKER_TRANSCRIBE_ENGINE names a plugin 'parot', which is not installed; did you mean parrot?"
    ]
    with pytest.raises(PluginError, match=r"'parot', which is not active; did you mean parrot\?$"):
        default_engine(host, "transcribe", settings)


def test_a_name_that_is_near_to_none_gets_no_proposal():
    assert host_of(Settings(transcribe_engine="xyz")).problems == [
        "WHISPERX_WORKER_TRANSCRIBE_ENGINE names a plugin 'xyz', which is not installed"
    ]


def test_a_misspelled_plugin_of_a_job():
    with pytest.raises(BadInputError) as refused:
        make_job(host_of(Settings()), plugins={"magpi": {}})

    assert str(refused.value) == (
        'plugins: there is no active plugin "magpi" (there are: magpie, parrot); did you mean magpie?'
    )


def test_misspelled_rules_of_a_plugin(monkeypatch):
    from whisperx_worker.contract.settings import load_settings

    monkeypatch.setenv("WHISPERX_WORKER_PLUGIN_PARROTT", "{}")

    assert host_of(load_settings()).problems == [
        "WHISPERX_WORKER_PLUGIN_PARROTT is of a plugin that is not installed; "
        "did you mean WHISPERX_WORKER_PLUGIN_PARROT?"
    ]
