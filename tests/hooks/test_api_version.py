"""A plugin that was written for another version of the API is not loaded, and says so in one sentence."""

from __future__ import annotations

import pytest

from whisperx_worker import API_VERSION, PluginError, PluginInfo, hookimpl
from whisperx_worker.testing import load_plugin, load_plugins, run_job


class Ranged:
    def __init__(self, api):
        self.api = api

    @hookimpl
    def register_plugin(self):
        return PluginInfo(api=self.api)

    @hookimpl
    def respond(self, response):
        return {**response, "ranged": True}


@pytest.mark.parametrize("api", ["", ">=1.0,<2", ">=1", "==1.*", f"=={API_VERSION}", "~=1.0"])
def test_a_plugin_whose_range_has_this_version_works(api):
    assert run_job({"ranged": Ranged(api)}).response["ranged"] is True


@pytest.mark.parametrize(
    ("api", "reason"),
    [
        (">=2,<3", f"it works with the plugin API >=2,<3, and this worker has {API_VERSION}"),
        ("<1", f"it works with the plugin API <1, and this worker has {API_VERSION}"),
        ("about one", "its range of the plugin API is 'about one'; write it as \">=1.0,<2\""),
        ("1.0", "its range of the plugin API is '1.0'; write it as \">=1.0,<2\""),
        (1.0, 'its range of the plugin API is 1.0; write it as ">=1.0,<2"'),
        (None, 'its range of the plugin API is None; write it as ">=1.0,<2"'),
    ],
)
def test_one_of_another_version_or_without_a_readable_range_is_failed_at_load(api, reason):
    with pytest.raises(PluginError) as failed:
        load_plugin(Ranged(api))
    assert str(failed.value) == reason


def test_the_others_work_without_it():
    host = load_plugins(may_fail=True, old=Ranged("<1"), ranged=Ranged(">=1"))
    response = run_job(host).response
    assert (response["ranged"], response["warnings"]) == (
        True,
        ["plugin old could not be loaded and takes no part in this job"],
    )
