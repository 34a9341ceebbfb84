"""The options of the alignment plugin, and its hooks."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from whisperx_worker import BadInputError
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins import wav2vec2_alignment


@pytest.mark.parametrize("name", ["demo-wav2vec2-ru", "jonatasgrosman/wav2vec2-large-xlsr-53-russian", "a.b_c"])
def test_a_job_may_name_a_model(name):
    assert wav2vec2_alignment.Options(model=name).model == name


@pytest.mark.parametrize("name", ["/etc", "../models", "a/../b", "a/b/c", ".", "", "~", "a\n", 5])
def test_a_job_may_not_name_a_path(name):
    with pytest.raises(ValidationError):
        wav2vec2_alignment.Options(model=name)


def test_a_path_as_a_model_is_refused_with_one_clear_sentence():
    host = load_plugin(wav2vec2_alignment, name="wav2vec2_alignment")
    with pytest.raises(BadInputError) as refused:
        make_job(host, plugins={"wav2vec2_alignment": {"model": "/etc"}})
    assert str(refused.value) == (
        "plugins.wav2vec2_alignment.model: must be a model's name, such as demo-whisper-ru or org/name, not a path"
    )


def test_the_plugin_has_these_hooks():
    host = load_plugin(wav2vec2_alignment, name="wav2vec2_alignment")
    assert sorted(host.records[0].hooks) == ["align", "register_models", "register_options", "warm_up"]
