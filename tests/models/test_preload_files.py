"""Models of one file that are not on the hub, such as torchaudio's alignment bundles: fetched, written down, found."""

from __future__ import annotations

import pytest

from tests.runpod_server import RunpodServer
from whisperx_worker import ModelRequirement, Settings
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.requirements import registered_models, required_models
from whisperx_worker.models import download, preload
from whisperx_worker.models.lock_file import read_lock
from whisperx_worker.models.preload import wanted_models
from whisperx_worker.operate import doctor
from whisperx_worker_plugins.wav2vec2_alignment import torchaudio_bundles

BUNDLE = "WAV2VEC2_ASR_BASE_960H"
FILE = torchaudio_bundles.BUNDLES[BUNDLE]
CONTENT = b"PK weights" * 1000


@pytest.fixture
def server():
    server = RunpodServer()
    server.serve("/weights.pth", CONTENT)
    yield server
    server.close()


@pytest.fixture
def bring(server, tmp_path, monkeypatch):
    """Bring the model from the server's URL."""
    monkeypatch.setattr(download, "WAITS_S", (0.0, 0.0))
    need = ModelRequirement("WEIGHTS", "align", ("weights.pth",), url=f"{server.url}/weights.pth")

    def bring(name="WEIGHTS"):
        (brought,) = preload.preload(wanted_models([need], [name]), tmp_path, None)
        return brought

    return bring


def test_it_is_fetched_once_and_written_down(bring, tmp_path):
    assert [bring().state, bring().state] == ["downloaded", "already whole"]
    assert (tmp_path / "WEIGHTS" / "weights.pth").read_bytes() == CONTENT
    assert read_lock(tmp_path)["WEIGHTS"].files["weights.pth"].size == len(CONTENT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["WEIGHTS", "models.lock.json"]


def test_a_connection_that_is_lost_is_tried_again(bring, server, tmp_path, monkeypatch):
    server.serve("/weights.pth", CONTENT, missing=10)
    monkeypatch.setattr(download.time, "sleep", lambda _s: server.serve("/weights.pth", CONTENT))
    assert bring().state == "downloaded"
    assert (tmp_path / "WEIGHTS" / "weights.pth").read_bytes() == CONTENT


def test_one_that_stays_lost_or_is_refused_leaves_nothing(bring, server, tmp_path):
    for serve in ({"missing": 10}, {"status": 404}):
        server.serve("/weights.pth", CONTENT, **serve)
        assert bring().state == "failed"
        assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_fetched_again(bring, tmp_path):
    bring()
    (tmp_path / "WEIGHTS" / "weights.pth").write_bytes(CONTENT[:-1] + b"?")
    assert bring().state == "downloaded"
    assert (tmp_path / "WEIGHTS" / "weights.pth").read_bytes() == CONTENT


def test_another_content_than_before_is_refused(bring, server, tmp_path):
    bring()
    (tmp_path / "WEIGHTS" / "weights.pth").unlink()
    server.serve("/weights.pth", CONTENT + b"!")
    brought = bring()
    assert (brought.state, brought.why) == (
        "failed", f"the model 'WEIGHTS' is another one at {server.url}/weights.pth than was fetched before"
    )  # fmt: skip


def test_what_somebody_put_there_is_left_as_it_is(bring, tmp_path):
    (tmp_path / "WEIGHTS").mkdir()
    (tmp_path / "WEIGHTS" / "weights.pth").write_bytes(b"mine")
    assert bring().state == "not compared"
    assert (tmp_path / "WEIGHTS" / "weights.pth").read_bytes() == b"mine"


def test_it_has_no_revisions(bring):
    assert bring("WEIGHTS@main").why == "the model 'WEIGHTS' has no revisions"


# --- torchaudio's bundles


def names(settings, models=required_models):
    return [need.name for need in models(load_host(settings), settings) if need.step == "align"]


def test_a_bundle_is_needed_where_the_operator_chose_it_and_else_only_known():
    assert BUNDLE not in names(Settings())
    assert BUNDLE in names(Settings(), registered_models)
    assert names(Settings(align_model=BUNDLE)) == [BUNDLE]


def test_a_bundle_is_fetched_by_its_name():
    settings = Settings()
    known = registered_models(load_host(settings), settings)
    (wanted,) = wanted_models(known, [BUNDLE])
    assert wanted.need.url == f"https://download.pytorch.org/torchaudio/models/{FILE}"
    assert BUNDLE not in [one.need.name for one in wanted_models(known, [])]


@pytest.mark.parametrize("place", [BUNDLE, ".", "torch"])
def test_doctor_finds_a_bundle_wherever_the_worker_does(monkeypatch, tmp_path, place):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    settings = Settings(align_model=BUNDLE, models=tmp_path / "models")
    (need,) = [need for need in required_models(load_host(settings), settings) if need.step == "align"]
    assert doctor._model(need, settings) == ("warning", f"not here, neither in {tmp_path}/models nor in a cache")
    folder = tmp_path / "torch" / "hub" / "checkpoints" if place == "torch" else tmp_path / "models" / place
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(CONTENT)
    assert doctor._model(need, settings) == ("ok", f"in {folder}, 0 MB")


@pytest.mark.models
def test_the_bundles_are_torchaudios():
    import torch
    import torchaudio.pipelines

    found = {name: getattr(torchaudio.pipelines, name) for name in dir(torchaudio.pipelines)}
    kind = torchaudio.pipelines.Wav2Vec2ASRBundle
    assert {name: one._path for name, one in found.items() if isinstance(one, kind)} == torchaudio_bundles.BUNDLES
    assert str(torchaudio_bundles.torch_checkpoints_folder()) == f"{torch.hub.get_dir()}/checkpoints"
