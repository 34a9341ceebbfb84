"""The worker's own download code against a hub that opens its models to one token: all four kinds of models."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hub import COMMIT, TOKEN, reach, serving
from pydantic import SecretStr

from whisperx_worker import ModelNotFoundError, Settings, find_model

pytestmark = pytest.mark.slow

KINDS = {
    "bzikst/whisper": ("model.bin", "config.json", "tokenizer.json"),
    "jonatasgrosman/wav2vec2": ("config.json", "model.safetensors", "vocab.json"),
    "pyannote/diarization": ("config.yaml", "segmentation/pytorch_model.bin", "plda/plda.npz"),
    "speechbrain/embedding": ("hyperparams.yaml", "embedding_model.ckpt"),
}
"""Files of a model of each kind."""

REFUSED = "the model {!r} is gated, and the token does not open it"


@pytest.fixture
def gated(tmp_path):
    """A hub with a model of each kind, none of them open."""
    for name, files in KINDS.items():
        for file in files:
            path = tmp_path / "hub" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name}: {file}", encoding="utf-8")
    with serving({name: tmp_path / "hub" / name for name in KINDS}) as hub:
        yield hub


@pytest.fixture
def cache(gated, monkeypatch, tmp_path):
    """Where this process keeps what it downloads from that hub."""
    reach(monkeypatch, gated, tmp_path / "cache")
    return tmp_path / "cache"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("token", [None, "hf_SomebodyElsesToken"], ids=["no token", "refused token"])
@pytest.mark.usefixtures("cache")
def test_without_the_right_token_a_gated_model_is_one_sentence(caplog, name, token):
    caplog.set_level(0)
    with pytest.raises(ModelNotFoundError) as refused:
        find_model(name, Settings(hub_models=("*",)), SecretStr(token) if token else None)

    assert str(refused.value) == REFUSED.format(name)
    assert refused.value.__suppress_context__
    assert not token or token not in caplog.text


@pytest.mark.parametrize(("name", "files"), KINDS.items())
def test_the_jobs_token_wins_over_the_operators_and_opens_a_model(caplog, cache, gated, name, files):
    caplog.set_level(0)
    settings = Settings(hub_models=("*",), hf_token=SecretStr("hf_SomebodyElsesToken"))

    folder = find_model(name, settings, SecretStr(TOKEN))

    assert folder == cache / f"models--{name.replace('/', '--')}" / "snapshots" / COMMIT
    assert {file: (folder / file).read_text(encoding="utf-8") for file in files} == {f: f"{name}: {f}" for f in files}
    assert {token for _, token in gated.asked} == {TOKEN}
    assert TOKEN not in caplog.text


def test_what_was_downloaded_is_found_again_without_asking(cache, gated):
    first = find_model("pyannote/diarization", Settings(hub_models=("*",)), SecretStr(TOKEN))
    asked = len(gated.asked)

    assert find_model("pyannote/diarization", Settings()) == first
    assert first.is_relative_to(cache)
    assert len(gated.asked) == asked


def test_a_model_that_is_not_allowed_is_not_asked_for(cache, gated):
    with pytest.raises(ModelNotFoundError, match="not among the models that it may download"):
        find_model("pyannote/diarization", Settings(hub_models=("bzikst/whisper",)), SecretStr(TOKEN))

    assert gated.asked == []
    assert not cache.exists()


def test_an_unreachable_hub_is_one_sentence(monkeypatch, tmp_path):
    with serving({}) as gone:
        pass
    reach(monkeypatch, gone, tmp_path)

    with pytest.raises(ModelNotFoundError) as refused:
        find_model("pyannote/diarization", Settings(hub_models=("*",)), SecretStr(TOKEN))

    assert str(refused.value) == "the model 'pyannote/diarization' could not be downloaded (LocalEntryNotFoundError)"


IN_A_PROCESS_OF_ITS_OWN = """
import json, sys
from whisperx_worker import ModelNotFoundError, find_model
from whisperx_worker.contract.settings import load_settings

found = []
for name in sys.argv[1:]:
    try:
        found.append(sorted(path.name for path in find_model(name, load_settings()).rglob("*") if path.is_file()))
    except ModelNotFoundError as error:
        found.append(str(error))
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("token", "opens"), [(TOKEN, True), ("", False)], ids=["token", "no token"])
def test_the_environment_alone_is_enough(gated, tmp_path, token, opens):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "HF_ENDPOINT": gated.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": token,
        "WHISPERX_WORKER_HUB_MODELS": "*",
    }  # fmt: skip
    command = [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, *KINDS]

    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)

    names = [sorted(file.rpartition("/")[2] for file in files) for files in KINDS.values()]
    assert json.loads(done.stdout) == (names if opens else [REFUSED.format(name) for name in KINDS])
    assert TOKEN not in done.stdout + done.stderr
