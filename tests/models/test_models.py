"""Names become folders in a fixed order, and folders loaded models that jobs share."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from tests.hub import COMMIT, TOKEN, reach, serving
from whisperx_worker import BadInputError, ModelCache, ModelNotFoundError, Settings, find_model, folder_mb
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.requirements import registered_models
from whisperx_worker.models import cache, locate
from whisperx_worker.pipeline.worker import note_model
from whisperx_worker.testing import make_job

NAME = "faster-whisper-large-v3-russian"
HUB_ID = "bzikst/faster-whisper-large-v3-russian"
CACHED = "models--bzikst--faster-whisper-large-v3-russian"


@pytest.fixture(autouse=True, scope="module")
def _models_of_the_plugins():
    registered_models(load_host(Settings()), Settings())


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Every place in which a model is looked for, empty, in the order of the search."""
    places = SimpleNamespace(
        models=tmp_path / "models",
        shipped=tmp_path / "shipped",
        runpod_hub=tmp_path / "runpod-volume",
        runpod=tmp_path / "runpod-cache",
        hub=tmp_path / "home" / "hub",
    )
    monkeypatch.setattr(locate, "shipped_models", lambda: places.shipped)
    monkeypatch.setattr(locate, "RUNPOD_HUB_CACHE", places.runpod_hub)
    monkeypatch.setattr(locate, "RUNPOD_MODEL_CACHE", places.runpod)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WHISPERX_WORKER_MODELS", str(places.models))
    return places


def model_in(folder):
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    return folder


# --- a name becomes a folder


def test_a_model_is_looked_for_in_the_order_of_the_contract(places):
    found = [
        model_in(folder)
        for folder in (
            places.hub / CACHED / "snapshots" / "abc",
            places.runpod / HUB_ID / "main",
            places.runpod_hub / CACHED / "snapshots" / "abc",
            places.shipped / NAME,
            places.models / NAME,
        )
    ]
    order = []
    for folder in reversed(found):
        order.append(find_model(NAME, Settings()))
        (folder / "model.bin").unlink()
        folder.rmdir()
    assert order == list(reversed(found))
    with pytest.raises(ModelNotFoundError):
        find_model(NAME, Settings())


def test_a_folder_that_is_named_wins_over_every_place(places, tmp_path):
    model_in(places.models / "mine")
    mine = model_in(tmp_path / "elsewhere" / "mine")
    assert find_model(str(mine), Settings()) == mine


@pytest.mark.parametrize("name", ["mine", "org/mine", "./mine"])
def test_a_name_is_never_a_folder_of_the_current_directory(places, tmp_path, monkeypatch, name):
    model_in(tmp_path / "here" / name)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ModelNotFoundError):
        find_model(name, Settings())
    inside = model_in(places.models / name)
    assert find_model(name, Settings()) == inside


@pytest.mark.parametrize(
    "name", ["/models/whisper", "./whisper", "../whisper", "a/b/c", "a/../b", "~/whisper", "", " ", "x" * 201]
)
def test_a_job_may_not_name_a_path(name):
    with pytest.raises(BadInputError, match=r"^model must be a model's name"):
        make_job(model=name)


@pytest.mark.parametrize("name", ["x" * 5000, "/" + "x" * 300, "org/" + "x" * 300])
def test_a_name_that_no_file_system_takes_is_nowhere(name):
    with pytest.raises(ModelNotFoundError, match="is not on this worker"):
        find_model(name, Settings())


def test_an_empty_folder_is_no_model(places):
    (places.models / NAME).mkdir(parents=True)
    shipped = model_in(places.shipped / NAME)
    assert find_model(NAME, Settings()) == shipped


def test_the_snapshot_that_main_points_to_comes_first(places):
    hub_cache = places.hub / CACHED
    for revision in ("aaa", "bbb", "ccc"):
        model_in(hub_cache / "snapshots" / revision)
    assert find_model(NAME, Settings()).name == "aaa"
    (hub_cache / "refs").mkdir()
    (hub_cache / "refs" / "main").write_text("bbb\n")
    assert find_model(NAME, Settings()).name == "bbb"


def test_a_download_that_broke_off_is_no_model(places):
    model_in(places.hub / CACHED / "snapshots" / "abc")
    blobs = places.hub / CACHED / "blobs"
    blobs.mkdir()
    (blobs / "0123.incomplete").write_bytes(b"wei")
    with pytest.raises(ModelNotFoundError):
        find_model(NAME, Settings())


def test_without_a_home_of_the_hub_its_cache_is_where_the_machine_has_caches(places, monkeypatch, tmp_path):
    model_in(places.hub / CACHED / "snapshots" / "abc")
    model = model_in(tmp_path / "caches" / "huggingface" / "hub" / CACHED / "snapshots" / "def")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert find_model(NAME, Settings()) == model


def test_the_variable_for_the_hub_cache_wins_over_the_home(places, monkeypatch, tmp_path):
    model_in(places.hub / CACHED / "snapshots" / "abc")
    moved = model_in(tmp_path / "moved" / CACHED / "snapshots" / "def")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "moved"))
    assert find_model(NAME, Settings()) == moved


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("allowed", ["", "other/model", "bzikst/faster-whisper"])
def test_a_model_that_is_nowhere_and_not_allowed_is_one_sentence(monkeypatch, allowed):
    monkeypatch.setenv("WHISPERX_WORKER_HUB_MODELS", allowed)
    with pytest.raises(ModelNotFoundError) as error:
        find_model(NAME, Settings())
    assert str(error.value) == (
        f"the model '{NAME}' is not on this worker, and it is not among the models that it may download "
        "(WHISPERX_WORKER_HUB_MODELS)"
    )


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("allowed", "name", "asked"),
    [
        (HUB_ID, NAME, (HUB_ID, "main")),
        (f"{HUB_ID}@v2", NAME, (HUB_ID, "v2")),
        (f"other/model, {HUB_ID}@v2", HUB_ID, (HUB_ID, "v2")),
        ("*", "org/name", ("org/name", "main")),
        ("*", "no-organisation", None),
    ],
)
def test_the_hub_is_asked_for_allowed_models_at_their_revision(monkeypatch, allowed, name, asked):
    monkeypatch.setenv("WHISPERX_WORKER_HUB_MODELS", allowed)
    calls = []

    def download(hub_id, revision, _token):
        calls.append((hub_id, revision))
        return Path("downloaded")

    monkeypatch.setattr(locate, "download_model", download)
    if asked is None:
        with pytest.raises(ModelNotFoundError):
            find_model(name, Settings())
        assert calls == []
    else:
        assert find_model(name, Settings()) == Path("downloaded")
        assert calls == [asked]


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("of_job", "of_worker", "used"), [("job", "worker", "job"), (None, "worker", "worker"), (None, None, None)]
)
def test_the_jobs_own_token_wins(monkeypatch, of_job, of_worker, used):
    tokens = []
    monkeypatch.setattr(
        locate, "download_model", lambda _id, _revision, token: tokens.append(token) or Path("downloaded")
    )
    settings = Settings(hub_models=("*",), hf_token=of_worker)
    find_model("org/name", settings, SecretStr(of_job) if of_job else None)
    assert [token and token.get_secret_value() for token in tokens] == [used]


def test_the_size_of_a_model_is_that_of_its_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(bytes(1_500_000))
    (tmp_path / "deep" / "b").write_bytes(bytes(500_000))
    assert folder_mb(tmp_path) == 2.0


# --- the hub


@pytest.fixture
def hub(monkeypatch, places, tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "config.json").write_text('{"of": "the hub"}')
    with serving({"gated/name": folder}) as hub:
        reach(monkeypatch, hub, places.hub)
        yield hub


@pytest.mark.parametrize(
    ("name", "token", "sentence"),
    [
        ("gated/name", None, "the model 'gated/name' is gated, and the token does not open it"),
        ("gated/name", "hf_WrongTokenOfSomebody", "the model 'gated/name' is gated, and the token does not open it"),
        ("absent/name", TOKEN, "the hub has no model 'absent/name', or the token does not open it"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_a_model_that_the_hub_refuses_is_one_sentence_without_the_token(caplog, name, token, sentence):
    with pytest.raises(ModelNotFoundError) as error:
        find_model(name, Settings(hub_models=("*",)), SecretStr(token) if token else None)
    assert str(error.value) == sentence
    assert not token or token not in caplog.text


def test_the_token_opens_a_gated_model_at_the_pinned_revision(hub, places, caplog):
    folder = find_model("gated/name", Settings(hub_models=("gated/name@v2",)), SecretStr(TOKEN))
    assert (folder / "config.json").read_text() == '{"of": "the hub"}'
    assert folder == places.hub / "models--gated--name" / "snapshots" / COMMIT
    assert hub.asked[0] == ("/api/models/gated/name/revision/v2", TOKEN)
    assert TOKEN not in caplog.text
    assert find_model("gated/name", Settings()) == folder


# --- loaded models


def threads_that(count, function):
    """Run a function in several threads, and give back what went wrong."""
    failed = []

    def run(number):
        try:
            function(number)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    return failed


def test_eight_jobs_that_want_the_same_model_load_it_once():
    loaded_models, all_here = ModelCache(), threading.Barrier(8, timeout=20)
    loads, borrowed = [], []

    def load():
        loads.append(object())
        return loads[-1]

    def job(_number):
        all_here.wait()
        with loaded_models.use("model", load) as model:
            borrowed.append(model)
            all_here.wait()

    assert threads_that(8, job) == []
    assert len(loads) == 1
    assert borrowed == loads * 8
    assert loaded_models.loaded() == ["model"]


def test_a_loading_that_fails_leaves_nothing_and_the_next_one_tries_again():
    loaded_models, tries = ModelCache(), []

    def load():
        tries.append(len(tries))
        if len(tries) == 1:
            raise OSError("broken off")
        return "model"

    with pytest.raises(OSError, match="broken off"), loaded_models.use("key", load):
        pass
    assert loaded_models.loaded() == []
    with loaded_models.use("key", load) as model:
        assert model == "model"
    assert tries == [0, 1]


def test_those_who_wait_for_a_loading_that_fails_try_it_themselves():
    loaded_models, all_here = ModelCache(), threading.Barrier(4, timeout=20)
    tries, got = [], []

    def load():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("broken off")
        return "model"

    def job(_number):
        all_here.wait()
        with loaded_models.use("key", load) as model:
            got.append(model)

    assert [type(error) for error in threads_that(4, job)] == [OSError]
    assert got == ["model"] * 3
    assert len(tries) == 2


def test_a_job_that_fails_gives_its_model_back():
    loaded_models = ModelCache(budget_mb=10)
    with pytest.raises(ValueError, match="job"), loaded_models.use("old", object, 8):
        raise ValueError("job")
    with loaded_models.use("new", object, 8):
        assert loaded_models.loaded() == ["new"]


def test_the_budget_lets_go_of_the_least_recently_used_first(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(cache.time, "monotonic", lambda: float(next(clock)))
    loaded_models = ModelCache(budget_mb=30)
    for key in ("a", "b", "c", "a"):
        with loaded_models.use(key, object, 10):
            pass
    with loaded_models.use("d", object, 10):
        assert sorted(loaded_models.loaded()) == ["a", "c", "d"]
    with loaded_models.use("e", object, 20):
        assert sorted(loaded_models.loaded()) == ["d", "e"]


def test_the_budget_never_takes_a_model_that_is_in_use():
    loaded_models = ModelCache(budget_mb=10)
    with loaded_models.use("used", object, 10) as used:
        with loaded_models.use("other", object, 10):
            assert sorted(loaded_models.loaded()) == ["other", "used"]
        with loaded_models.use("used", object, 10) as again:
            assert again is used
    with loaded_models.use("third", object, 10):
        assert loaded_models.loaded() == ["third"]


def test_a_model_larger_than_the_budget_is_loaded_alone():
    loaded_models = ModelCache(budget_mb=10)
    with loaded_models.use("small", object, 5):
        pass
    with loaded_models.use("large", object, 50):
        assert loaded_models.loaded() == ["large"]


def test_without_a_budget_everything_is_kept():
    loaded_models = ModelCache()
    for number in range(20):
        with loaded_models.use(number, object, 1e6):
            pass
    assert loaded_models.loaded() == list(range(20))


def test_two_different_models_load_at_the_same_time():
    loaded_models, both_load = ModelCache(), threading.Barrier(2, timeout=20)

    def job(number):
        with loaded_models.use(number, both_load.wait):
            pass

    assert threads_that(2, job) == []
    assert sorted(loaded_models.loaded()) == [0, 1]


def test_what_is_being_loaded_counts_in_the_budget():
    loaded_models, both_load = ModelCache(budget_mb=20), threading.Barrier(2, timeout=20)
    with loaded_models.use("idle", object, 5):
        pass

    def job(number):
        with loaded_models.use(number, both_load.wait, 10):
            pass

    assert threads_that(2, job) == []
    assert sorted(loaded_models.loaded(), key=str) == [0, 1]


def test_a_model_that_was_let_go_is_loaded_again():
    loaded_models, loads = ModelCache(budget_mb=10), []
    for key in ("a", "b", "a"):
        with ExitStack() as stack:
            stack.enter_context(loaded_models.use(key, lambda key=key: loads.append(key), 10))
    assert loads == ["a", "b", "a"]


def test_who_watches_a_shelf_is_told_what_is_borrowed_through_it_and_whether_it_was_there():
    loaded_models, told = ModelCache(), []
    watched = loaded_models.watched(told.append)
    with watched.use(("kind", "/models/large", "cpu"), load=object) as model:
        pass
    with loaded_models.use(("kind", "/models/large", "cpu"), load=object) as unwatched:
        pass
    with watched.use(("kind", "/models/large", "cpu"), load=object) as again:
        pass
    assert (unwatched, again) == (model, model)
    assert [(borrowed.model, borrowed.cached) for borrowed in told] == [
        ("kind /models/large cpu", False),
        ("kind /models/large cpu", True),
    ]


def test_debug_names_a_model_without_its_path_and_tells_of_its_first_use():
    job = make_job()
    note_model(job.notes, cache.ModelUse("kind /models/large cpu", cached=False, seconds=1.5))
    note_model(job.notes, cache.ModelUse("kind /models/large cpu", cached=True, seconds=0.0))
    assert job.notes["models"] == {"kind large cpu": {"cached": False, "seconds": 1.5}}
