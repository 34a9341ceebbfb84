import os
import sys

import pytest
from hypothesis import HealthCheck, settings

SETTINGS_OF_THE_MACHINE = (
    "WHISPERX_WORKER_", "RUNPOD_", "HF_", "BUCKET_", "ASR_",
    "NO_SPEECH_THRESHOLD", "LOGPROB_THRESHOLD", "COMPRESSION_RATIO_THRESHOLD",
)  # fmt: skip
"""Prefixes of the variables that may be set for a worker on a developer's machine."""
HABITS_OF_THE_MACHINE = {
    "XDG_CACHE_HOME", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "COLUMNS", "LINES", "NO_COLOR",
    "FORCE_COLOR", "PYTHONWARNINGS", "PYTHONIOENCODING",
}  # fmt: skip
"""Other variables, in capitals, that change how the worker answers or how its commands print."""

PARROT = '''
"""An engine that hears nothing and says what its option tells it to."""

from dataclasses import dataclass

from whisperx_worker import Segment, Transcript, hookimpl


@dataclass(frozen=True)
class Options:
    text: str = "Алло, это Анна."


@hookimpl
def register_options():
    return Options


@hookimpl
def transcribe(audio, options, job):
    job.progress("transcribe", 0.5)
    return Transcript((Segment(0.0, round(audio.duration_s, 3), options.text),), job.request.language or "ru")
'''


def variables_of_the_machine():
    """Return the names of the variables that no test may depend on."""
    return [
        name for name in os.environ
        if name.startswith(SETTINGS_OF_THE_MACHINE) or name.upper() in HABITS_OF_THE_MACHINE
    ]  # fmt: skip


for variable in variables_of_the_machine():
    if variable.startswith(SETTINGS_OF_THE_MACHINE):
        del os.environ[variable]  # some modules load settings when they are collected

settings.register_profile("whole", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # not the code's speed
settings.register_profile("fast", settings.get_profile("whole"), max_examples=5)
settings.load_profile("whole")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Half surrogate pairs, which some tests log, cannot be handed from one test process to another."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture
def runpod_server():
    """RunPod on the loopback, with a recording of half a second."""
    from tests.runpod_server import serving_half_a_second

    with serving_half_a_second() as server:
        yield server


@pytest.fixture(scope="session")
def empty_cache(tmp_path_factory):
    """A folder in place of the caches of models in the home folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _no_hub_and_no_settings_of_this_machine(monkeypatch, empty_cache):
    for name in variables_of_the_machine():
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(empty_cache / "huggingface"))
    monkeypatch.setenv("TORCH_HOME", str(empty_cache / "torch"))
    monkeypatch.setenv("PYTHONUTF8", "1")  # for the processes that tests start
    monkeypatch.setenv("WHISPERX_WORKER_LOG_FILE", os.devnull)


@pytest.fixture(autouse=True)
def _no_module_of_a_mounted_plugin_stays():
    yield
    for name in [name for name in sys.modules if name.startswith("whisperx_worker_mounted_")]:
        del sys.modules[name]


@pytest.fixture
def parrot(monkeypatch, tmp_path):
    """Let a plugin without a model do the recognition, in this process and in those that it starts."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "parrot.py").write_text(PARROT, encoding="utf-8")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_DIR", str(folder))
    monkeypatch.setenv("WHISPERX_WORKER_TRANSCRIBE_ENGINE", "parrot")


def pytest_runtest_setup() -> None:
    """Forget SpeechBrain's lazy modules: hypothesis looks at every module, and looking at these imports them."""
    if "speechbrain" not in sys.modules:
        return
    for name in [name for name in sys.modules if name.startswith("speechbrain.")]:
        if any(kind.__name__ == "LazyModule" for kind in type(sys.modules[name]).__mro__):
            del sys.modules[name]
