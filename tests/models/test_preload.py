"""Models are fetched, compared byte by byte and written down, or told in one sentence; no failure leaves anything."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import time
from types import SimpleNamespace

import huggingface_hub
import pytest
from pydantic import SecretStr

from tests.hub import COMMIT, LISTING, TOKEN, reach, serving
from whisperx_worker import BadInputError, ModelRequirement, Settings, WorkerError, find_model
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.requirements import required_models
from whisperx_worker.models import download, preload, registry
from whisperx_worker.models.lock_file import read_lock
from whisperx_worker.models.preload import wanted_models

pytestmark = pytest.mark.slow  # each starts a hub or a process

WHISPER = "faster-whisper-large-v3-russian"
ALIGNER = "jonatasgrosman/wav2vec2-large-xlsr-53-russian"
DIARIZER = "pyannote/speaker-diarization-community-1"
ENCODER = "speechbrain/spkrec-ecapa-voxceleb"
FILES = {
    f"bzikst/{WHISPER}": ("config.json", "model.bin", "tokenizer.json", "vocabulary.json"),
    ALIGNER: ("config.json", "preprocessor_config.json", "vocab.json", "pytorch_model.bin", "flax_model.msgpack",
              "language_model/lm.binary"),
    DIARIZER: ("config.yaml", "segmentation/pytorch_model.bin", "embedding/pytorch_model.bin", "plda/plda.npz",
               "plda/xvec_transform.npz"),
    ENCODER: ("hyperparams.yaml", "embedding_model.ckpt"),
}  # fmt: skip
NEEDS = required_models(load_host(Settings()), Settings())
GATED = f"the model '{DIARIZER}' is gated, and the token does not open it"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with the production models, tiny, one of them gated."""
    served = {name: tmp_path / "hub" / name for name in FILES}
    for name, files in FILES.items():
        for file in files:
            (served[name] / file).parent.mkdir(parents=True, exist_ok=True)
            (served[name] / file).write_text(f"{name}: {file}\n" * 50)
    monkeypatch.setattr(download, "WAITS_S", (0.0, 0.0))
    with serving(served, gated=frozenset({DIARIZER})) as hub:
        hub.shows_gated = True
        reach(monkeypatch, hub, tmp_path / "cache")
        yield hub


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


def bring(folder, *names, token=None):
    """What became of each model, by its name."""
    wanted = wanted_models(NEEDS, names)
    return {one.name: one for one in preload.preload(wanted, folder, SecretStr(token) if token else None)}


def states(brought):
    return {name: one.state for name, one in brought.items()}


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- whole downloads


def test_by_default_it_brings_what_jobs_use_to_where_jobs_look(hub, folder):
    brought = bring(folder, token=TOKEN)
    assert states(brought) == dict.fromkeys([WHISPER, ALIGNER, DIARIZER, ENCODER], "downloaded")
    for name in brought:
        assert find_model(name, Settings(models=folder)) == folder / name
    assert find_model(f"bzikst/{WHISPER}", Settings(models=folder)) == folder / WHISPER
    assert (folder / WHISPER / "model.bin").read_bytes() == (hub.models[f"bzikst/{WHISPER}"] / "model.bin").read_bytes()


def test_what_nobody_reads_is_left_on_the_hub(hub, folder):
    (hub.models[ALIGNER] / "model.safetensors").write_text("weights")
    bring(folder, ALIGNER)
    assert everything_in(folder) == [
        f"{ALIGNER}/config.json", f"{ALIGNER}/model.safetensors", f"{ALIGNER}/preprocessor_config.json",
        f"{ALIGNER}/vocab.json", "models.lock.json",
    ]  # fmt: skip


def test_what_is_whole_is_skipped_without_asking_the_hub(hub, folder):
    bring(folder, WHISPER)
    asked = len(hub.asked)
    again = bring(folder, WHISPER)[WHISPER]
    assert (again.state, again.revision) == ("already whole", COMMIT)
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (WHISPER, "main"),
        (f"bzikst/{WHISPER}@v2", "v2"),
        (ENCODER, registry.pinned_revision(ENCODER)),
        (f"{ENCODER}@main", "main"),
    ],
)
def test_a_named_revision_wins_over_the_pinned_one_and_main_is_the_last(hub, folder, name, asked):
    (brought,) = bring(folder, name).values()
    hub_id = registry.hub_id_of(brought.name)
    assert hub.asked[0][0] == f"/api/models/{hub_id}/revision/{asked}"
    assert read_lock(folder)[brought.name].revision == COMMIT


def test_a_lock_file_pins_the_next_build(hub, folder, tmp_path):
    bring(folder, WHISPER)
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "models.lock.json").write_bytes((folder / "models.lock.json").read_bytes())
    hub.asked.clear()
    assert states(bring(tmp_path / "next", WHISPER)) == {WHISPER: "downloaded"}
    assert hub.asked[0][0] == f"/api/models/bzikst/{WHISPER}/revision/{COMMIT}"


def test_a_tag_of_the_revision_that_is_here_fetches_nothing(hub, folder):
    bring(folder, WHISPER)
    hub.asked.clear()
    assert states(bring(folder, f"{WHISPER}@v2")) == {WHISPER: "already whole"}
    assert [path for path, _ in hub.asked] == [f"/api/models/bzikst/{WHISPER}/revision/v2"]


def test_a_model_of_the_package_is_there_already(folder):
    assert states(bring(folder, "demo-whisper-ru")) == {"demo-whisper-ru": "shipped"}


def test_every_pinned_revision_is_a_commit():
    pinned = {need.name: need.pinned_revision for need in NEEDS if need.pinned_revision}
    assert set(pinned) == {ALIGNER, DIARIZER, ENCODER}
    assert all(len(commit) == 40 and int(commit, 16) for commit in pinned.values())


# --- gated


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, "hf_SomebodyElsesToken"])
@pytest.mark.parametrize("shows_gated", [True, False])
def test_a_gated_model_of_the_default_set_is_left_out_and_told(hub, folder, token, shows_gated):
    hub.shows_gated = shows_gated
    brought = bring(folder, token=token)
    assert states(brought) == {
        WHISPER: "downloaded", ALIGNER: "downloaded", DIARIZER: "left out", ENCODER: "downloaded"
    }  # fmt: skip
    assert brought[DIARIZER].why == GATED
    assert not (folder / "pyannote").exists()


@pytest.mark.usefixtures("hub")
def test_a_gated_model_that_is_asked_for_by_name_is_a_failure(folder):
    brought = bring(folder, DIARIZER)[DIARIZER]
    assert (brought.state, brought.why) == ("failed", GATED)
    assert everything_in(folder) == []


# --- what breaks off


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub, folder, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 100)
    hub.breaks["model.bin"] = iter([700])
    assert states(bring(folder, WHISPER)) == {WHISPER: "downloaded"}
    assert hub.resumed == ["bytes=700-"]


def test_a_hub_that_goes_away_is_one_sentence_and_leaves_nothing(hub, folder):
    hub.breaks["model.bin"] = itertools.repeat(10)
    brought = bring(folder, WHISPER)[WHISPER]
    assert brought.why == f"the model 'bzikst/{WHISPER}' could not be downloaded (ChunkedEncodingError)"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("fault", [True, 503, 429], ids=["lost connection", "503", "429"])
@pytest.mark.parametrize("place", [LISTING, "config.json", "model.bin"])
def test_a_connection_that_is_lost_once_at_any_place_is_tried_again(hub, folder, place, fault):
    hub.drops[place] = iter([fault])
    assert states(bring(folder, WHISPER)) == {WHISPER: "downloaded"}
    assert sorted(file.name for file in (folder / WHISPER).iterdir()) == sorted(FILES[f"bzikst/{WHISPER}"])


def test_a_list_of_files_that_is_lost_on_the_second_try_is_not_taken_for_a_whole_model(hub, folder):
    hub.breaks["tokenizer.json"] = iter([10])
    hub.drops[LISTING] = iter([None, None, True])  # the one after the first try of the files
    assert states(bring(folder, WHISPER)) == {WHISPER: "downloaded"}


def test_a_refusal_is_not_asked_again(hub, folder):
    hub.drops[LISTING] = iter([403])
    assert bring(folder, WHISPER)[WHISPER].state == "failed"
    assert len(hub.asked) == 1


def test_a_list_of_files_that_is_lost_before_the_first_file_is_tried_again(hub, folder):
    hub.drops[LISTING] = iter([None, True])
    assert states(bring(folder, WHISPER)) == {WHISPER: "downloaded"}


def test_a_hub_that_cannot_be_reached_is_one_sentence(hub, folder, monkeypatch, tmp_path):
    with serving({}) as gone:
        pass
    reach(monkeypatch, gone, tmp_path / "cache")
    assert bring(folder, WHISPER)[WHISPER].why == (
        f"the model 'bzikst/{WHISPER}' could not be downloaded (ConnectionError)"
    )
    assert hub.asked == []


def test_a_file_with_another_checksum_is_told_and_leaves_nothing(hub, folder):
    for file in ("model.bin", "config.json"):
        hub.spoiled = {file}
        assert bring(folder, WHISPER)[WHISPER].why == (
            f"the model 'bzikst/{WHISPER}' did not arrive whole: {file} is not the file that the hub has"
        )
        assert list(folder.iterdir()) == []


def test_a_model_that_is_larger_than_the_disk_is_refused_before_the_first_byte(hub, folder):
    hub.sizes["model.bin"] = 10**18
    why = bring(folder, WHISPER)[WHISPER].why
    assert why.startswith(f"the model 'bzikst/{WHISPER}' needs 1,000,000,000,000 MB, and the disk has ")
    assert [path for path, _ in hub.asked] == [f"/api/models/bzikst/{WHISPER}/revision/main"]
    assert list(folder.iterdir()) == []


def test_one_failure_does_not_keep_the_others_away(hub, folder):
    hub.spoiled = {"embedding_model.ckpt"}
    assert states(bring(folder, token=TOKEN)) == {
        WHISPER: "downloaded", ALIGNER: "downloaded", DIARIZER: "downloaded", ENCODER: "failed"
    }  # fmt: skip
    assert set(read_lock(folder)) == {WHISPER, ALIGNER, DIARIZER}


def test_a_model_that_lacks_on_the_hub_what_its_loader_needs_is_refused(hub, folder):
    (hub.models[f"bzikst/{WHISPER}"] / "vocabulary.json").unlink()
    assert bring(folder, WHISPER)[WHISPER].why == (
        f"the model 'bzikst/{WHISPER}' has no vocabulary.json or vocabulary.txt at {COMMIT[:12]}"
    )


@pytest.mark.usefixtures("hub")
def test_a_model_that_the_hub_does_not_have_is_a_failure(folder):
    assert bring(folder, "nobody/nothing", token=TOKEN)["nobody/nothing"].why == (
        "the hub has no model 'nobody/nothing', or the token does not open it"
    )
    assert bring(folder, "nothing")["nothing"].why == (
        "the model 'nothing' is not on the hub under this name; it must be org/name"
    )


@pytest.mark.parametrize("name", ["../etc", "/models/x", "org/name@", "a/b/c", "@v2"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(BadInputError, match="--models must name models as name, org/name or org/name@revision"):
        wanted_models(NEEDS, [name])


# --- what is there already


def test_a_file_that_was_cut_off_since_is_fetched_again(hub, folder):
    bring(folder, WHISPER)
    (folder / WHISPER / "model.bin").write_text("half")
    (folder / WHISPER / "config.json").unlink()
    assert states(bring(folder, WHISPER)) == {WHISPER: "downloaded"}
    assert states(bring(folder, WHISPER)) == {WHISPER: "already whole"}
    assert everything_in(folder) == [*(f"{WHISPER}/{file}" for file in FILES[f"bzikst/{WHISPER}"]), "models.lock.json"]
    assert hub.resumed == []


def copied_by_hand(hub, folder):
    (folder / WHISPER).mkdir(parents=True)
    for file in FILES[f"bzikst/{WHISPER}"]:
        (folder / WHISPER / file).write_bytes((hub.models[f"bzikst/{WHISPER}"] / file).read_bytes())


def test_what_was_copied_by_hand_and_is_whole_is_written_down(hub, folder):
    copied_by_hand(hub, folder)
    assert states(bring(folder, WHISPER)) == {WHISPER: "already whole"}
    assert read_lock(folder)[WHISPER].revision == COMMIT


def test_what_was_copied_by_hand_and_differs_is_told_and_never_touched(hub, folder):
    copied_by_hand(hub, folder)
    (folder / WHISPER / "model.bin").write_text("of my own")
    assert bring(folder, WHISPER)[WHISPER].why == (
        f"the model '{WHISPER}' was put here by hand and is not the one of the hub at {COMMIT[:12]}: model.bin is cut "
        "off: 9 of 2500 bytes; remove its folder to have it downloaded"
    )
    assert (folder / WHISPER / "model.bin").read_text() == "of my own"


def test_what_was_copied_by_hand_is_enough_where_the_hub_cannot_be_asked(hub, folder):
    copied_by_hand(hub, folder)
    del hub.models[f"bzikst/{WHISPER}"]
    assert states(bring(folder, WHISPER, token=TOKEN)) == {WHISPER: "not compared"}
    (folder / WHISPER / "tokenizer.json").write_text("")
    assert states(bring(folder, WHISPER, token=TOKEN)) == {WHISPER: "failed"}


@pytest.mark.usefixtures("hub")
def test_a_lock_file_that_is_none_is_told_before_anything_is_fetched(folder):
    folder.mkdir()
    for rubbish in ("{", '{"a": {"hub_id": "a/b", "revision": "main", "files": {}}}'):
        (folder / "models.lock.json").write_text(rubbish)
        with pytest.raises(WorkerError, match=r"models\.lock\.json cannot be read"):
            bring(folder, WHISPER)
        assert [path.name for path in folder.iterdir()] == ["models.lock.json"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkerError, match=r"file/models cannot be the folder of models: Not a directory$"):
        bring(tmp_path / "file" / "models", WHISPER)


def test_models_of_an_engine_that_is_not_chosen_are_not_brought(parrot):  # noqa: ARG001  it transcribes
    from whisperx_worker.contract.settings import load_settings

    settings = load_settings()
    assert [need.step for need in required_models(load_host(settings), settings)] == [
        "align", "diarize", "embed_voices"
    ]  # fmt: skip


def test_a_plugin_that_cannot_say_what_it_needs_is_logged_and_the_others_can(caplog):
    from whisperx_worker import hookimpl
    from whisperx_worker.hooks.host import Candidate

    class Broken:
        @hookimpl
        def register_models(self):
            raise RuntimeError("broken")

    class Wrong:
        @hookimpl
        def register_models(self):
            return ["org/name"]

    class Good:
        @hookimpl
        def register_models(self, settings):
            return [ModelRequirement(settings.model, "pre_audio")]

    host = load_host(Settings(), [Candidate(kind.__name__, "test", "1", kind) for kind in (Broken, Wrong, Good)])
    assert required_models(host, Settings(model="mine")) == [ModelRequirement("mine", "pre_audio")]
    assert caplog.messages == [
        "plugin Broken failed in register_models", "plugin Wrong failed in register_models"
    ]  # fmt: skip


# --- the command


@pytest.fixture
def command(hub, folder, tmp_path):
    """Run `whisperx-worker preload` in a process of its own."""

    def environment(token):
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": token,
            "WHISPERX_WORKER_MODELS": str(folder),
        }  # fmt: skip

    program = [sys.executable, "-m", "whisperx_worker.cli", "preload"]

    def run(*arguments, token="", **more):
        return subprocess.run(
            [*program, *arguments], env=environment(token), capture_output=True, encoding="utf-8", check=False, **more
        )

    return SimpleNamespace(run=run, program=program, environment=environment)


def progress(*ended):
    """What the command tells while it works: the models to bring, and how each ended."""
    names = ", ".join(name for name, _ in ended)
    return f"models to bring: {names}\n" + "".join(f"{name}: {state}\n" for name, state in ended)


@pytest.mark.slow
def test_the_command_prints_a_table_and_says_by_its_exit_whether_all_is_there(command, folder):
    done = command.run(token=TOKEN)
    head, *rows = done.stdout.splitlines()
    names = (WHISPER, ALIGNER, DIARIZER, ENCODER)
    assert (done.returncode, done.stderr) == (0, progress(*((name, "downloaded") for name in names)))
    assert head.split() == ["model", "revision", "state"]
    assert [row.split() for row in rows] == [[name, COMMIT[:12], "downloaded"] for name in names]
    assert TOKEN not in done.stdout + "".join(
        path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    )

    without = command.run("--models", f"{WHISPER},{DIARIZER}@v1", "--to", str(folder / "other"))
    assert (without.returncode, without.stderr) == (1, progress((WHISPER, "downloaded"), (DIARIZER, "failed")))
    assert [row.split(maxsplit=3) for row in without.stdout.splitlines()[1:]] == [
        [WHISPER, COMMIT[:12], "downloaded"], [DIARIZER, "-", "failed", GATED]
    ]  # fmt: skip


@pytest.mark.slow
def test_a_disk_that_is_full_is_one_sentence_and_leaves_nothing(command, folder):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = command.run("--models", WHISPER, preexec_fn=small_files)
    assert (done.returncode, done.stderr) == (1, progress((WHISPER, "failed")))
    assert done.stdout.splitlines()[1].split(maxsplit=3)[2:] == [
        "failed", f"the model 'bzikst/{WHISPER}' could not be written: File too large"
    ]  # fmt: skip
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_after_a_kill_the_next_run_goes_on_and_clears_up(command, hub, folder):
    big = os.urandom(12_000_000)
    (hub.models[f"bzikst/{WHISPER}"] / "model.bin").write_bytes(big)
    hub.breaks["model.bin"] = iter([11_000_000, *[1] * 10])
    process = subprocess.Popen(
        [*command.program, "--models", WHISPER], env=command.environment(""), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not (parts := [part for part in folder.rglob("*.incomplete") if part.stat().st_size > 10_000_000]):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.communicate()
    here = parts[0].stat().st_size
    hub.breaks.clear()

    done = command.run("--models", WHISPER)
    assert (done.returncode, done.stderr) == (0, progress((WHISPER, "downloaded")))
    assert hub.resumed[-1] == f"bytes={here}-"
    assert (folder / WHISPER / "model.bin").read_bytes() == big
    assert everything_in(folder) == [*(f"{WHISPER}/{file}" for file in FILES[f"bzikst/{WHISPER}"]), "models.lock.json"]
    assert json.loads((folder / "models.lock.json").read_text())[WHISPER]["files"]["model.bin"]["size"] == len(big)
