"""`doctor` and the start on RunPod: whatever is broken is a row, a failure ends the worker, and no secret is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tests.hub import TOKEN
from tests.runpod_server import actor_environment, workers_in
from whisperx_worker import Settings
from whisperx_worker.cli.main import app
from whisperx_worker.models.lock_file import LockedFile, LockedModel, write_lock
from whisperx_worker.operate import bucket, doctor
from whisperx_worker.operate.doctor import Finding, examine
from whisperx_worker.runtime import machine

pytestmark = pytest.mark.slow  # many start processes

WHISPER = "faster-whisper-large-v3-russian"
WHISPER_FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.json")


@pytest.fixture(autouse=True)
def _models_of_this_test(monkeypatch, tmp_path):
    """A folder with the recognition model, and no model anywhere else."""
    monkeypatch.setenv("WHISPERX_WORKER_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    (tmp_path / "models" / WHISPER).mkdir(parents=True)
    for file in WHISPER_FILES:
        (tmp_path / "models" / WHISPER / file).write_text("content")


@pytest.fixture
def plain_machine(monkeypatch):
    """No GPU, and every library is installed: the tests without PyTorch run where most are not."""
    monkeypatch.setattr(machine, "driver", lambda: None)
    monkeypatch.setattr(doctor, "_is_missing", lambda _library: False)


def rows():
    """State and sentence of each quick check, by its name."""
    return {row.name: (row.state, row.what) for row in examine(quick=True)}


def failures():
    return [row.name for row in examine(quick=True) if row.state == "failure"]


SLOW = """
import heavy_table
from whisperx_worker import hookimpl

@hookimpl
def post_align():
    return None
"""


# --- one row after the other


@pytest.mark.usefixtures("plain_machine")
def test_a_worker_that_can_transcribe_has_no_failure_and_is_told_what_is_missing(tmp_path):
    found = rows()
    absent = f"not here, neither in {tmp_path}/models nor in a cache"
    assert failures() == []
    assert found["settings"] == ("ok", "all can be used")
    assert found["transcribe"] == ("ok", "by russian_whisper")
    assert found["model for transcribe"] == (
        "warning",
        f"{WHISPER}: in {tmp_path}/models/{WHISPER}, 0 MB; nothing says which revision it is: "
        "`whisperx-worker preload` compares and notes it",
    )
    assert found["model for diarize"] == ("warning", f"pyannote/speaker-diarization-community-1: {absent}")
    assert found["token"] == (
        "warning", "no HF_TOKEN: a gated model, such as the one for speakers, stays closed"
    )  # fmt: skip
    assert found["plugin russian_whisper"] == ("ok", "active: register_models, transcribe, warm_up")


def test_a_recognition_model_that_is_not_here_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "nowhere")
    assert rows()["model for transcribe"] == (
        "failure", f"nowhere: not here, neither in {tmp_path}/models nor in a cache"
    )  # fmt: skip


def test_a_recognition_model_that_may_be_downloaded_is_a_warning(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "org/name")
    monkeypatch.setenv("WHISPERX_WORKER_HUB_MODELS", "org/name@v1")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert rows()["model for transcribe"] == (
        "warning", "org/name: not here; the first job that needs it waits for its download"
    )  # fmt: skip


def test_a_model_that_may_be_downloaded_while_the_hub_is_forbidden_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "org/name")
    monkeypatch.setenv("WHISPERX_WORKER_HUB_MODELS", "org/name@v1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = rows()
    absent = f"org/name: not here, neither in {tmp_path}/models nor in a cache"
    assert found["model for transcribe"] == ("failure", absent)
    assert found["hub"] == (
        "warning",
        "models may be downloaded (WHISPERX_WORKER_HUB_MODELS), but HF_HUB_OFFLINE forbids to ask the hub for any; "
        "unset it",
    )


def test_a_model_that_will_be_downloaded_at_no_certain_revision_is_told(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "org/name")
    monkeypatch.setenv("WHISPERX_WORKER_HUB_MODELS", "org/name")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    state, said = rows()["model for transcribe"]
    assert state == "warning"
    assert said.endswith("waits for its download, of whatever `main` is then")


def test_a_file_that_the_loader_replaces_is_only_noted(tmp_path, monkeypatch):
    folder = tmp_path / "models" / "mine"
    folder.mkdir()
    for file in WHISPER_FILES:
        (folder / file).write_text("content")
    (folder / "preprocessor_config.json").unlink(missing_ok=True)
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "mine")
    assert rows()["model for transcribe"] == (
        "ok", f"mine: in {folder}, 0 MB, without preprocessor_config.json, which its loader does not need"
    )  # fmt: skip


@pytest.mark.parametrize("content", [None, ""])
def test_a_model_without_a_file_that_its_loader_needs_is_a_failure(tmp_path, content):
    folder = tmp_path / "models" / WHISPER
    for file in ("tokenizer.json", "vocabulary.json"):
        (folder / file).unlink() if content is None else (folder / file).write_text(content)
    assert rows()["model for transcribe"] == (
        "failure", f"{WHISPER}: {folder} has no tokenizer.json and no vocabulary.json or vocabulary.txt"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "state", "what"),
    [
        (7, "ok", "in {}, 0 MB, revision 0123456789ab"),
        (8, "failure", "in {}, model.bin is cut off: 7 of 8 bytes"),
        (6, "failure", "in {}, model.bin is not the file that the hub has"),
    ],
)
def test_a_model_is_compared_with_what_was_fetched(tmp_path, size, state, what):
    locked = LockedModel(f"bzikst/{WHISPER}", "0123456789abcdef" * 2 + "01234567", {"model.bin": LockedFile(size)})
    write_lock(tmp_path / "models", {WHISPER: locked})
    folder = tmp_path / "models" / WHISPER
    assert rows()["model for transcribe"] == (state, f"{WHISPER}: {what.format(folder)}")


def test_a_lock_file_that_is_none_is_told_where_a_model_is(tmp_path):
    (tmp_path / "models" / "models.lock.json").write_text("{")
    state, what = rows()["model for transcribe"]
    assert (state, what.startswith(f"{WHISPER}: it cannot be looked at: ")) == ("failure", True)


def test_the_workers_own_engine_stays_beside_another(parrot, monkeypatch):  # noqa: ARG001  the other one
    monkeypatch.delenv("WHISPERX_WORKER_TRANSCRIBE_ENGINE")
    assert rows()["transcribe"] == ("ok", "by russian_whisper")


def test_an_engine_of_another_step_that_cannot_be_chosen_is_a_warning(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_BLOCK", "pyannote_diarization")
    found = rows()
    assert found["diarize"] == ("warning", "no active plugin does this step")
    assert found["plugin pyannote_diarization"] == ("ok", "blocked: named in WHISPERX_WORKER_PLUGINS_BLOCK")


@pytest.mark.usefixtures("parrot")
def test_with_another_engine_the_recognition_model_is_not_needed(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "nowhere")
    assert failures() == []
    assert "model for transcribe" not in rows()


def test_a_broken_plugin_is_a_warning_that_says_why(monkeypatch, tmp_path):
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "broken.py").write_text("import nothere")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_DIR", str(tmp_path / "mounted"))
    state, what = rows()["plugin broken"]
    assert (state, what) == ("warning", "failed: ModuleNotFoundError(\"No module named 'nothere'\")")


def test_a_plugin_that_is_slow_to_load_is_a_warning_that_names_the_library(monkeypatch, tmp_path):
    for name, source in {"mounted/slow.py": SLOW, "libraries/heavy_table.py": "import time; time.sleep(1.1)"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(source)
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_DIR", str(tmp_path / "mounted"))
    monkeypatch.syspath_prepend(str(tmp_path / "libraries"))
    state, what = rows()["plugin slow"]
    assert (state, re.sub(r"[0-9]\.[0-9]", "N", what)) == (
        "warning",
        "active: post_align; it takes N s to load, N s of it for heavy_table: "
        "import that inside the function that needs it",
    )


def test_a_plugin_that_a_setting_names_and_nobody_has_is_a_warning(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_BLOCK", "rusian_whisper")
    said = "missing: named in WHISPERX_WORKER_PLUGINS_BLOCK, but not installed; did you mean russian_whisper?"
    assert rows()["plugin rusian_whisper"] == ("warning", said)


def test_settings_that_cannot_be_parsed_are_the_only_row(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_THREADS", "many")
    assert examine(quick=True) == [
        Finding(
            "settings",
            "failure",
            'WHISPERX_WORKER_THREADS must be a whole number from 0 to 256, not "many"; the rest depends on them',
        )
    ]


def test_a_misspelled_setting_is_a_warning(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_MODLE", "x")
    assert rows()["settings"] == (
        "warning", "WHISPERX_WORKER_MODLE is no setting; WHISPERX_WORKER_MODEL is"
    )  # fmt: skip


@pytest.mark.parametrize(("name", "why"), [("gone/log.txt", "No such file or directory"), ("", "Is a directory")])
def test_a_log_file_that_cannot_be_written_is_a_failure(monkeypatch, tmp_path, name, why):
    monkeypatch.setenv("WHISPERX_WORKER_LOG_FILE", str(tmp_path / name))
    assert rows()["log file"] == ("failure", f"{tmp_path / name} cannot be written: {why}")


def test_looking_at_the_log_file_makes_none(monkeypatch, tmp_path):
    monkeypatch.setenv("WHISPERX_WORKER_LOG_FILE", str(tmp_path / "log.txt"))
    assert rows()["log file"][0] == "ok"
    assert not (tmp_path / "log.txt").exists()


def test_a_temporary_folder_that_cannot_be_written_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.tempfile, "tempdir", str(tmp_path / "gone"))
    assert rows()["temporary folder"] == (
        "failure", f"{tmp_path}/gone cannot be written: No such file or directory"
    )  # fmt: skip


def test_little_space_for_recordings_is_a_warning(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_MAX_AUDIO_MB", "1e15")
    state, what = rows()["temporary folder"]
    assert (
        state,
        what.endswith("the largest recording may take (1,000,000,000,000,000 MB, and 2,765 MB decoded)"),
    ) == ("warning", True)


@pytest.mark.parametrize(
    ("given", "row"),
    [
        ([], ("ok", "none; a result that is too large for RunPod is an error")),
        (
            ["BUCKET_ENDPOINT_URL"],
            ("warning", "configured in part: no BUCKET_ACCESS_KEY_ID, no BUCKET_SECRET_ACCESS_KEY"),
        ),
        (bucket.VARIABLES, ("ok", "configured")),
    ],
)
def test_the_bucket_is_there_whole_or_told(monkeypatch, given, row):
    for name in bucket.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in given:
        monkeypatch.setenv(name, "https://key:planted-secret@bucket.example")
    assert rows()["bucket"] == row


# --- GPU and libraries


@pytest.mark.parametrize(
    ("device", "driver", "row"),
    [
        ("auto", None, ("ok", "no NVIDIA driver: models run on the CPU")),
        ("cuda", None, ("failure", "WHISPERX_WORKER_DEVICE is cuda, but there is no NVIDIA driver")),
        ("cpu", None, ("ok", "not used: WHISPERX_WORKER_DEVICE is cpu")),
        ("auto", machine.Driver((12, 8), (), 100),
         ("warning", "there is an NVIDIA driver, but no GPU can be used; CUDA says error 100")),
        ("auto", machine.Driver((12, 8), (("L4", 23.6),)),
         ("ok", "L4 with 24 GB; its driver runs CUDA up to 12.8")),
        ("auto", machine.Driver((11, 8), (("T4", 16.0),)),
         ("failure", "T4 with 16 GB; its driver runs CUDA up to 11.8, and the worker needs 12")),
    ],
)  # fmt: skip
def test_the_gpu_is_weighed_by_what_the_settings_want(monkeypatch, device, driver, row):
    monkeypatch.setattr(machine, "driver", lambda: driver)
    (found,) = doctor._gpu(Settings(device=device), None)
    assert (found.state, found.what) == row


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"RUNPOD_GPU_COUNT": "1"}, True),
        ({"RUNPOD_GPU_NAME": "NVIDIA+A40"}, True),
        ({"RUNPOD_GPU_COUNT": "0", "RUNPOD_GPU_NAME": "none"}, False),
        ({"RUNPOD_POD_ID": "pod-1", "RUNPOD_CPU_COUNT": "4"}, False),
    ],
)
def test_where_runpod_gave_a_gpu_a_worker_without_one_takes_no_job(monkeypatch, given, wanted):
    monkeypatch.setattr(machine, "driver", lambda: None)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings().device == ("cuda" if wanted else "auto")
    assert Settings(device="cpu").device == "cpu"
    missing = ("failure", "RunPod gave a GPU, but there is no NVIDIA driver")
    assert rows()["gpu"] == (missing if wanted else ("ok", "no NVIDIA driver: models run on the CPU"))


def test_a_library_that_does_not_see_the_gpu_that_is_there_is_a_failure(monkeypatch):
    monkeypatch.setattr(machine, "import_library", lambda *_: {"gpus": 0, "types": ["float32"]})
    found = doctor._library("ctranslate2", "failure", L4)
    assert (found.state, found.what.partition(" ")[2]) == ("failure", "sees no GPU, while there is one")


@pytest.mark.parametrize(("number", "where"), [(1, "with cuBLAS 12"), (0, "on the CPU")])
def test_it_is_told_what_the_device_can_compute_in(monkeypatch, number, where):
    said = {"gpus": number, "types": ["bfloat16", "float16", "int8"]}
    monkeypatch.setattr(machine, "import_library", lambda *_: said)
    found = doctor._library("ctranslate2", "failure", L4 if number else None)
    assert found.what.partition(", ")[2] == f"{where}, computes in bfloat16, float16, int8"


@pytest.mark.slow
def test_a_library_is_imported_as_the_worker_prepares_it(monkeypatch, tmp_path):
    (tmp_path / "unprepared.py").write_text(
        "import os\nif 'PREPARED' not in os.environ: raise ImportError('not found')"
    )
    (tmp_path / "preparing.py").write_text("import os\ndef prepare(): os.environ['PREPARED'] = '1'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert machine.import_library("unprepared", ["preparing:prepare"]) == {}
    with pytest.raises(ImportError, match="not found"):
        machine.import_library("unprepared")


L4 = machine.Driver((12, 4), (("L4", 23.6),))


@pytest.mark.parametrize(
    ("said", "driver", "state", "what"),
    [
        ({"cuda": "12.8", "cudnn": 91002, "gpus": 0}, None, "ok", "2.8.0, CUDA 12.8, cuDNN 9"),
        ({"cuda": "12.8", "cudnn": 91002, "gpus": 1}, L4, "ok", "2.8.0, CUDA 12.8, cuDNN 9"),
        ({"cuda": None, "cudnn": None, "gpus": 0}, None, "ok", "2.8.0, without CUDA"),
        ({"cuda": None, "cudnn": None, "gpus": 0}, L4, "failure", "2.8.0, without CUDA, while there is a GPU"),
        ({"cuda": "13.0", "cudnn": 91002, "gpus": 0}, L4, "failure",
         "2.8.0, CUDA 13.0, cuDNN 9, but the driver runs CUDA up to 12.4"),
        ({"cuda": "12.8", "cudnn": 91002, "gpus": 0}, L4, "failure", "2.8.0, CUDA 12.8, cuDNN 9, but it sees no GPU"),
        ({"cuda": "12.1", "cudnn": 8902, "gpus": 1}, L4, "warning", "2.8.0, CUDA 12.1, cuDNN 8, and 9 is wanted"),
    ],
)  # fmt: skip
def test_pytorch_must_fit_the_driver(said, driver, state, what):
    assert doctor._torch("2.8.0", said, driver) == Finding("torch", state, what)


def test_a_library_that_is_not_installed_is_told_by_what_needs_it(monkeypatch):
    monkeypatch.setattr(doctor, "_is_missing", lambda library: library in {"av", "ctranslate2", "speechbrain"})
    found = rows()
    said = "not installed; `pip install '.[worker]'` brings the whole worker"
    assert {name: found[name] for name in ("av", "ctranslate2", "speechbrain")} == {
        "av": ("failure", said), "ctranslate2": ("failure", said), "speechbrain": ("warning", said)
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("import nothere", "ModuleNotFoundError: No module named 'nothere'"),
        ("raise OSError('libcudnn.so.9: cannot open')", "OSError: libcudnn.so.9: cannot open"),
        ("import os; os.abort()", "the process ended with -6"),
        ("print('hello'); raise SystemExit(3)", "the process ended with 3"),
    ],
)
def test_a_library_that_cannot_be_imported_or_crashes_says_why(monkeypatch, tmp_path, content, why):
    (tmp_path / "broken_library.py").write_text(content)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor._library("broken_library", "failure", None) == Finding(
        "broken_library", "failure", f"? cannot be imported: {why}"
    )


@pytest.mark.slow
def test_a_library_may_print_what_it_likes(monkeypatch, tmp_path):
    (tmp_path / "chatty.py").write_text("print('hello', end='')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert machine.import_library("chatty") == {}


def test_a_check_that_raises_is_a_row(monkeypatch):
    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(machine, "memory_gb", broken)
    assert rows()["memory"] == ("warning", "it could not be looked at (ZeroDivisionError)")


def test_memory_is_told_in_gigabytes():
    total, free = machine.memory_gb()
    assert 0 <= free <= total


@pytest.mark.parametrize(
    ("limit", "used", "stat", "lines"),
    [
        ("memory.max", "memory.current", "memory.stat", "anon 1\nactive_file 30000000\ninactive_file 20000000\nshmem 9"),
        (
            "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat",
            "active_file 1\ntotal_active_file 30000000\ntotal_inactive_file 20000000",
        ),
    ],
)  # fmt: skip
def test_files_that_the_kernel_keeps_in_a_containers_memory_are_free(limit, used, stat, lines, tmp_path):
    (tmp_path / "memory").mkdir()
    for file, text in ((limit, "100000000\n"), (used, "90000000\n")):
        (tmp_path / file).write_text(text)

    assert machine.memory_gb(tmp_path) == pytest.approx((0.1, 0.01))
    (tmp_path / stat).write_text(lines)
    assert machine.memory_gb(tmp_path) == pytest.approx((0.1, 0.06))


# --- the command


@pytest.mark.usefixtures("plain_machine")
def test_the_command_ends_with_zero_where_only_warnings_are_left():
    done = CliRunner().invoke(app, ["doctor", "--quick"])
    head, *lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert head.split() == ["what", "state", "found"]
    assert "transcribe                   ok       by russian_whisper" in lines


@pytest.mark.usefixtures("plain_machine")
def test_the_command_ends_non_zero_where_a_plain_job_could_not_be_served(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "nowhere")
    done = CliRunner().invoke(app, ["doctor", "--quick", "--json"])
    assert done.exit_code == 1
    assert [row["name"] for row in json.loads(done.stdout) if row["state"] == "failure"] == ["model for transcribe"]


@pytest.mark.slow
def test_no_secret_of_the_environment_is_printed_whatever_is_broken(tmp_path):
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "telling.py").write_text("import os\nraise ValueError(os.environ['HF_TOKEN'])")
    environment = {
        **os.environ, "HF_TOKEN": TOKEN, "BUCKET_SECRET_ACCESS_KEY": "planted-bucket-key", "RUNPOD_AI_API_KEY": "rpa_Planted1",
        "WHISPERX_WORKER_PLUGINS_DIR": str(tmp_path / "mounted"),
    }  # fmt: skip
    for more in ({}, {"WHISPERX_WORKER_DEVICE": TOKEN}, {"WHISPERX_WORKER_MODEL": TOKEN}):
        done = subprocess.run(
            [sys.executable, "-m", "whisperx_worker.cli", "doctor", "--quick"],
            env={**environment, **more}, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == bool(more)
        assert done.stderr == ""
        assert "HF_TOKEN is set" in done.stdout or "WHISPERX_WORKER_DEVICE" in done.stdout
        assert not any(secret in done.stdout for secret in (TOKEN, "planted-bucket-key", "rpa_Planted1"))


@pytest.mark.models
@pytest.mark.slow
def test_the_whole_table_of_this_machine_with_the_shipped_models(monkeypatch):
    import ctranslate2

    monkeypatch.setenv("WHISPERX_WORKER_DEVICE", "cpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("WHISPERX_WORKER_MAX_AUDIO_S", "60")  # of which any disk has room
    monkeypatch.setenv("WHISPERX_WORKER_MAX_AUDIO_MB", "1")
    for name, model in {
        "MODEL": "demo-whisper-ru", "ALIGN_MODEL": "demo-wav2vec2-ru", "DIARIZATION_MODEL": "demo-diarization",
        "SPEAKER_MODEL": "demo-speaker-embedding",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"WHISPERX_WORKER_{name}", model)
    found = {row.name: row for row in examine(quick=False)}
    assert [row for row in found.values() if row.state != "ok"] == []
    assert found["torch"].what.startswith("2.")
    types = ", ".join(sorted(ctranslate2.get_supported_compute_types("cpu")))
    assert found["ctranslate2"].what.endswith(f", on the CPU, computes in {types}")
    assert {"av", "runpod", "faster_whisper", "transformers", "pyannote.audio", "speechbrain"} <= set(found)


@pytest.mark.models
def test_the_russian_aligner_is_the_one_of_whisperx():
    from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF

    from whisperx_worker_plugins.wav2vec2_alignment.pinned_model import PINNED_MODEL

    assert DEFAULT_ALIGN_MODELS_HF["ru"] == PINNED_MODEL.name


# --- the start on RunPod


@pytest.fixture
def start(tmp_path, runpod_server):
    """Start a worker on RunPod, with a job waiting for it."""
    runpod_server.submit(("waiting", {"audio_file": f"{runpod_server.url}/half-a-second.wav"}))
    on_runpod = {**runpod_server.environment(), "HF_HOME": str(tmp_path / "home")}
    with workers_in(tmp_path) as start:
        yield lambda environment: start({**on_runpod, **environment})


@pytest.mark.slow
def test_a_worker_that_is_fit_takes_its_job(start, runpod_server, tmp_path):
    start(actor_environment(tmp_path / "plugins"))
    assert runpod_server.result("waiting")["output"]["segments"] == [{"start": 0.0, "end": 0.5, "text": "Алло."}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"WHISPERX_WORKER_MODEL": "nowhere"},
         "model for transcribe: nowhere: not here, neither in /models nor in a cache"),
        ({"WHISPERX_WORKER_TRANSCRIBE_ENGINE": "deaf", "WHISPERX_WORKER_MODEL": "demo-whisper-ru"},
         "transcribe: WHISPERX_WORKER_TRANSCRIBE_ENGINE names the plugin 'deaf', which is not active"),
        ({"WHISPERX_WORKER_TRANSCRIBE_ENGINE": "deaf", "WHISPERX_WORKER_MODEL": "nowhere"},
         "transcribe: WHISPERX_WORKER_TRANSCRIBE_ENGINE names the plugin 'deaf', which is not active; "
         "model for transcribe: nowhere: not here, neither in /models nor in a cache"),
    ],
    ids=["model", "engine", "two things"],
)  # fmt: skip
def test_a_worker_that_is_not_fit_says_so_and_takes_no_job(start, runpod_server, broken, sentence):
    worker = start({"WHISPERX_WORKER_DEVICE": "cpu", "HF_TOKEN": TOKEN, **broken})
    assert worker.process.wait(60) == 1
    said = [line for line in worker.said("container_log.txt").splitlines() if " ERROR " in line]
    assert len(said) == 1
    assert said[0].endswith(f" ERROR whisperx_worker.serving.fitness: the worker takes no job: {sentence}")
    assert runpod_server.takes == []
    assert runpod_server.pings[0]["status"] == ["unhealthy"]
    assert "Traceback" not in worker.said()
    assert TOKEN not in worker.said()
