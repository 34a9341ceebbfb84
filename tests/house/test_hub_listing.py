"""The RunPod Hub's files: of the shape that RunPod documents, and true of this worker."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter, model_validator

from tests.house.test_image import environment as environment_of_image
from tests.hub import TOKEN, serving
from whisperx_worker.contract.settings import Settings, load_settings, variables
from whisperx_worker.contract.validation import parse_request
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.logs import redaction
from whisperx_worker.models.registry import short_name_of
from whisperx_worker.operate import bucket
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".runpod"
ENGINES_OF_PRESETS = [
    ["transcribe"],
    ["align", "transcribe"],
    ["align", "diarize", "transcribe"],
    ["align", "diarize", "embed_voices", "transcribe"],
]
POOLS = {"AMPERE_16", "AMPERE_24", "ADA_24", "AMPERE_48", "ADA_48_PRO", "AMPERE_80", "ADA_80_PRO", "HOPPER_141"}
MODELS_GB = {
    "bzikst/faster-whisper-large-v3-russian": 3.1,
    "jonatasgrosman/wav2vec2-large-xlsr-53-russian": 1.3,
    "pyannote/speaker-diarization-community-1": 0.1,
    "speechbrain/spkrec-ecapa-voxceleb": 0.1,
}
LIBRARIES_GB = 12
"""PyTorch with its CUDA libraries, and the base image."""

CudaVersion = Annotated[str, Field(pattern=r"^\d+\.\d+$")]
Value = bool | float | str


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Option(Strict):
    label: str
    value: str


class Input(Strict):
    name: str = Field(max_length=60)
    type: Literal["string", "huggingface", "number", "boolean"]
    description: str
    default: Value | None = None
    options: list[Option] | None = None
    min: float | None = None
    max: float | None = None
    true: str = Field("true", alias="trueValue")
    false: str = Field("false", alias="falseValue")
    advanced: bool = False

    @model_validator(mode="after")
    def _default_is_of_its_type(self):
        kinds = {"string": str, "huggingface": str, "number": (int, float), "boolean": bool}
        if self.default is not None and not isinstance(self.default, kinds[self.type]):
            raise ValueError(f"{self.name}: {self.default!r} is no {self.type}")
        return self

    def values(self):
        """What the form can set the variable to, as far as it can be listed."""
        listed = [option.value for option in self.options or ()]
        switches = [self.true, self.false] if self.type == "boolean" else []
        given = [value for value in (self.default, self.min, self.max) if value is not None]
        return [*listed, *switches, *map(as_variable, given)]


class Variable(Strict):
    key: str
    input: Input


class Preset(Strict):
    name: str
    defaults: dict[str, Value]


class Config(Strict):
    runs_on: Literal["GPU"] = Field(alias="runsOn")
    disk_gb: int = Field(alias="containerDiskInGb")
    gpu_count: int = Field(alias="gpuCount", ge=1)
    gpu_ids: str = Field(alias="gpuIds")
    cuda: list[CudaVersion] = Field(alias="allowedCudaVersions")
    env: list[Variable]
    presets: list[Preset]


class Listing(Strict):
    title: str
    description: str
    type: Literal["serverless"]
    category: Literal["audio", "embedding", "language", "video", "image"]
    icon_url: HttpUrl | None = Field(None, alias="iconUrl")
    config: Config


class HubTest(Strict):
    name: str
    input: dict[str, Any]
    timeout: int


class StaticVariable(Strict):
    key: str
    value: str


class TestConfig(Strict):
    __test__ = False

    gpu: str = Field(alias="gpuTypeId")
    gpu_count: int = Field(alias="gpuCount")
    env: list[StaticVariable]
    cuda: list[CudaVersion] = Field(alias="allowedCudaVersions")


class HubTests(Strict):
    tests: list[HubTest]
    config: TestConfig


LISTING = Listing.model_validate_json((FOLDER / "hub.json").read_bytes())
TESTS = HubTests.model_validate_json((FOLDER / "tests.json").read_bytes())
INPUTS = {variable.key: variable.input for variable in LISTING.config.env}
SETTINGS = {variable: field for field in Settings.model_fields for variable in variables(field)}


def as_variable(value):
    """A form's value as the container gets it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def settings_from(monkeypatch, values):
    for name, value in values.items():
        monkeypatch.setenv(name, as_variable(value))
    return load_settings()


# --- hub.json


def test_every_variable_of_the_form_is_a_setting_and_stands_there_once():
    keys = [variable.key for variable in LISTING.config.env]
    assert set(keys) <= {*SETTINGS, *bucket.VARIABLES}
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, shown in INPUTS.items() for value in shown.values()])
def test_every_value_that_the_form_offers_is_one_that_the_worker_takes(monkeypatch, key, value):
    assert isinstance(settings_from(monkeypatch, {key: value}), Settings)


@pytest.mark.parametrize("key", INPUTS)
def test_what_the_form_shows_at_first_is_the_workers_own_default(monkeypatch, key):
    shown = INPUTS[key].default
    if key == "WHISPERX_WORKER_WARM_UP":
        assert shown is True  # a worker that is paid by the second loads its models before the first job
    elif key == "WHISPERX_WORKER_DEVICE":
        assert shown == "cuda"  # RunPod's machine has a GPU, and one that cannot be used should end the worker
    elif shown is not None:
        field = SETTINGS[key]
        assert getattr(settings_from(monkeypatch, {key: shown}), field) == Settings.model_fields[field].default


def test_a_secret_has_a_field_that_asks_for_runpods_secret_and_no_default(monkeypatch):
    for key in INPUTS:
        monkeypatch.setenv(key, f"value of {key}")
    hidden = redaction.secrets_of_environment()
    secret = {key: shown for key, shown in INPUTS.items() if f"value of {key}" in hidden}
    assert set(secret) == {"HF_TOKEN", "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY"}
    assert all(shown.default is None and "{{ RUNPOD_SECRET_" in shown.description for shown in secret.values())


@pytest.mark.parametrize("preset", LISTING.config.presets, ids=lambda preset: preset.name)
def test_a_preset_sets_variables_of_the_form_to_values_of_its_kind(monkeypatch, preset):
    assert set(preset.defaults) <= set(INPUTS)
    for key, value in preset.defaults.items():
        assert isinstance(value, bool) == (INPUTS[key].type == "boolean")
    settings_from(monkeypatch, preset.defaults)


@pytest.mark.parametrize(
    ("preset", "engines"),
    list(zip(LISTING.config.presets, ENGINES_OF_PRESETS, strict=True)),
    ids=[preset.name for preset in LISTING.config.presets],
)
def test_a_preset_keeps_the_plugins_of_its_steps_and_no_other(monkeypatch, preset, engines):
    host = load_host(settings_from(monkeypatch, preset.defaults))
    assert [engine for engine in ENGINES_OF_PRESETS[-1] if host.implementations(engine)] == engines
    assert {record.state for record in host.records} <= {"active", "blocked"}


@pytest.mark.parametrize("preset", LISTING.config.presets, ids=lambda preset: preset.name)
def test_a_preset_with_speakers_may_fetch_the_gated_model_and_says_that_it_needs_a_token(monkeypatch, preset):
    settings = settings_from(monkeypatch, preset.defaults)
    with_speakers = bool(load_host(settings).implementations("diarize"))
    assert settings.hub_models == ((settings.diarization_model,) if with_speakers else ())
    assert ("Hugging Face token" in preset.name) == with_speakers


IN_THE_IMAGE = [model for model in MODELS_GB if model != Settings.model_fields["diarization_model"].default]
"""Without a token at its build the gated model is not in it."""
WANTED = """
import json
from whisperx_worker import WorkerError, find_model
from whisperx_worker.hooks.requirements import required_models
from whisperx_worker.worker import open_worker

worker, found = open_worker(), {}
for need in required_models(worker.host, worker.settings):
    try:
        found[need.step] = sorted(file.name for file in find_model(need.name, worker.settings).iterdir())
    except WorkerError as error:
        found[need.step] = str(error)
print(json.dumps(found))
"""


@pytest.fixture
def found_by(tmp_path):
    """What the worker of the image finds for each step, with a preset's environment and a hub that has everything."""
    open_worker(Settings())  # which makes the short names of models known
    for name in IN_THE_IMAGE:
        folder = tmp_path / "models" / short_name_of(name)
        folder.mkdir(parents=True)
        (folder / "of-the-image").touch()
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "of-the-hub").touch()
    image = {name: value for name, value in environment_of_image().items() if name.startswith("HF_")}

    def find(preset, **more):
        with serving(dict.fromkeys(MODELS_GB, tmp_path / "hub")) as hub:
            environment = {
                **{name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ},
                **image,
                "WHISPERX_WORKER_MODELS": str(tmp_path / "models"),
                "WHISPERX_WORKER_LOG_FILE": os.devnull,
                "HF_HOME": str(tmp_path / "home"),
                "HF_ENDPOINT": hub.url,
                "HF_TOKEN": TOKEN,
                **{name: as_variable(value) for name, value in preset.defaults.items()},
                **more,
            }
            done = subprocess.run(
                [sys.executable, "-c", WANTED], capture_output=True, encoding="utf-8", check=True, env=environment
            )
            return json.loads(done.stdout), bool(hub.asked)

    return find


@pytest.mark.parametrize(
    ("preset", "engines"),
    list(zip(LISTING.config.presets, ENGINES_OF_PRESETS, strict=True)),
    ids=[preset.name for preset in LISTING.config.presets],
)
def test_a_preset_has_the_models_of_its_steps_and_asks_the_hub_for_the_gated_one_alone(found_by, preset, engines):
    found, asked = found_by(preset)
    assert found == {engine: ["of-the-hub"] if engine == "diarize" else ["of-the-image"] for engine in engines}
    assert asked == ("diarize" in engines)


def test_who_forbids_the_hub_and_wants_models_from_there_is_told_which_variable_does(found_by):
    found, asked = found_by(LISTING.config.presets[-1], HF_HUB_OFFLINE="1")
    assert found["diarize"] == (
        "the model 'pyannote/speaker-diarization-community-1' could not be downloaded: HF_HUB_OFFLINE is set"
    )
    assert not asked


def test_the_disk_holds_the_libraries_and_the_models_twice():
    assert LIBRARIES_GB + 2 * sum(MODELS_GB.values()) <= LISTING.config.disk_gb


def test_the_gpus_are_pools_that_runpod_has():
    assert set(LISTING.config.gpu_ids.split(",")) <= POOLS


@pytest.mark.parametrize("cuda", [LISTING.config.cuda, TESTS.config.cuda], ids=["hub.json", "tests.json"])
def test_no_machine_has_an_older_cuda_than_the_image(cuda):
    (of_image,) = set(re.findall(r"nvidia/cuda:(\d+\.\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8")))
    as_numbers = TypeAdapter(tuple[int, int]).validate_python
    versions = [as_numbers(tuple(map(int, version.split(".")))) for version in cuda]
    assert min(versions) == tuple(map(int, of_image.split(".")))


def test_the_hub_finds_the_files_that_it_asks_for():
    assert all(
        (FOLDER / name).is_file() or (ROOT / name).is_file() for name in ("handler.py", "Dockerfile", "README.md")
    )


@pytest.mark.slow
def test_the_hubs_handler_is_the_workers():
    broken = subprocess.run(
        [sys.executable, str(FOLDER / "handler.py"), "--test_input", "{"],
        capture_output=True, encoding="utf-8", check=False, env={**os.environ, "WHISPERX_WORKER_LOG_FILE": os.devnull},
    )  # fmt: skip
    assert (broken.returncode, broken.stderr.splitlines()[-1][:32]) == (1, "--test_input is not valid JSON: ")


# --- tests.json


def test_there_is_a_test_for_each_preset():
    assert len(TESTS.tests) == len(LISTING.config.presets)


@pytest.mark.parametrize("test", TESTS.tests, ids=lambda test: test.name)
def test_a_tests_input_is_a_request_that_depends_on_nobodys_server(test):
    request, _ = parse_request(test.input, load_host(Settings()).abilities)
    assert request.strict
    assert "://" not in json.dumps(test.input)
    assert base64.b64decode(request.audio_base64)[:4] == b"OggS"
    assert len(json.dumps(test.input)) < 100_000


@pytest.mark.parametrize("test", TESTS.tests, ids=lambda test: test.name)
def test_a_timeout_is_in_milliseconds(test):
    assert 60_000 <= test.timeout <= 600_000


def test_the_hubs_machine_is_set_up_with_settings(monkeypatch):
    values = {variable.key: variable.value for variable in TESTS.config.env}
    assert set(values) <= set(SETTINGS)
    settings_from(monkeypatch, values)


@pytest.fixture(scope="module")
def worker():
    return open_worker()


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS.tests, ids=lambda test: test.name)
def test_a_tests_input_is_answered_well(worker, test):
    response = answer(worker, test.name, test.input)
    text = " ".join(segment["text"] for segment in response["segments"])
    assert text.startswith("Доброе утро, я вас слушаю.")
    assert response["warnings"] == []
    assert all(segment.get("words") for segment in response["segments"]) == (test.name != "plain")
    assert ("srt" in response.get("outputs", {})) == (test.name == "aligned")
    speakers = [speaker.get("speaker_id") for speaker in response.get("speakers", ())]
    assert speakers == {"diarized": [None, None], "verified": ["unknown", "Ivan"]}.get(test.name, [])
