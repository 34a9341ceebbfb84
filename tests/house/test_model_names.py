"""The core names no model of the hub and pins no revision: plugins register their models."""

from __future__ import annotations

import re

from tests.house.sources import CORE, PACKAGE, offences
from whisperx_worker import Settings
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.requirements import registered_models

WITH_DEFAULTS = {PACKAGE / "contract" / "settings.py", PACKAGE / "contract" / "request.py"}
"""Files with the default names of models, which the contract fixes."""


def hub_ids():
    """Hub ids of the models that our plugins register."""
    registered = registered_models(load_host(Settings()), Settings())
    return {hub_id for need in registered if "/" in (hub_id := need.hub_id or need.name)}


def test_the_production_models_are_registered():
    assert {hub_id.partition("/")[0] for hub_id in hub_ids()} == {"bzikst", "jonatasgrosman", "pyannote", "speechbrain"}


def test_no_file_of_the_core_names_a_model_of_the_hub():
    ids = hub_ids()
    owners = re.compile("|".join(re.escape(owner + "/") + r"\w" for owner in {one.partition("/")[0] for one in ids}))
    paths = [path for path in CORE if path not in WITH_DEFAULTS]
    assert offences(paths, lambda path: owners.findall(path.read_text(encoding="utf-8"))) == {}


def test_no_file_of_the_core_pins_a_revision():
    assert offences(CORE, lambda path: re.findall(r"\b[0-9a-f]{40}\b", path.read_text(encoding="utf-8"))) == {}
