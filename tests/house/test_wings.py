"""Imports go from a later wing to an earlier one, those for type checkers too; heavy libraries wait for their job."""

from __future__ import annotations

import graphlib
import json
import re
import subprocess
import sys

import pytest

from tests.house.sources import CORE, PACKAGE, PLUGINS, ROOT, imports, module_of, offences

GROUND = ["version", "deprecation", "errors", "types", "intervals"]
"""Modules beside the wings that every wing may import."""
WINGS = [
    "logs", "runtime", "voices", "contract", "models", "results", "hooks", "audio", "pipeline", "testing", "operate", "evaluate",
    "serving", "cli",
]  # fmt: skip
DOORS = ["handler", "worker"]
"""Modules beside the wings that no wing imports: for those who start or test the worker."""
SHARED = "_shared"
"""What several plugins need; every plugin may import it."""
HEAVY = {
    "av", "ctranslate2", "faster_whisper", "huggingface_hub", "jiwer", "meeteval", "pyannote", "runpod", "soundfile", "soxr", "speechbrain",
    "torch", "torchaudio", "transformers", "whisperx",
}  # fmt: skip


def rank(module):
    """Place of a module in the order of wings; one of the ground has its own."""
    top = module.split(".")[1] if "." in module else "front"
    return [*GROUND, "front", *WINGS, *DOORS].index(top)


KNOWN = {module_of(path) for path in CORE}


def modules_among(known, path):
    """Modules that a file imports, of those that are known."""
    return {name if name in known else name.rpartition(".")[0] for name in imports(path)} & known


def imported_modules(path):
    """Modules of the core that a file imports."""
    return modules_among(KNOWN, path)


def upward(module, imported):
    """Imports that go to a later wing."""
    return sorted(name for name in imported if rank(name) > rank(module))


def test_every_module_of_the_core_is_in_a_wing_that_has_a_place():
    tops = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in CORE}
    assert tops == {"__init__", *GROUND, *WINGS, *DOORS}


def test_no_import_goes_to_a_later_wing():
    assert offences(CORE, lambda path: upward(module_of(path), imported_modules(path))) == {}


@pytest.mark.parametrize(
    ("module", "imported", "wrong"),
    [
        ("whisperx_worker.pipeline.run", "whisperx_worker.hooks.job", False),
        ("whisperx_worker.hooks.job", "whisperx_worker.pipeline.run", True),
        ("whisperx_worker.types", "whisperx_worker.logs.job_log", True),
        ("whisperx_worker.logs.job_log", "whisperx_worker.types", False),
        ("whisperx_worker.cli.main", "whisperx_worker.worker", True),
        ("whisperx_worker.testing", "whisperx_worker.pipeline.worker", False),
    ],
)
def test_an_import_that_is_turned_round_is_found(module, imported, wrong):
    assert upward(module, {imported}) == [imported] * wrong


@pytest.mark.parametrize("paths", [CORE, PLUGINS], ids=["core", "plugins"])
def test_no_imports_go_round_in_a_circle(paths):
    known = {module_of(path) for path in paths}
    graph = {module_of(path): modules_among(known, path) - {module_of(path)} for path in paths}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) >= set(graph)


def test_the_command_line_and_the_endpoint_do_not_know_each_other():
    def of(wing):
        return [path for path in CORE if path.is_relative_to(PACKAGE / wing)]

    assert offences(of("cli"), lambda path: [name for name in imports(path) if ".serving." in name]) == {}
    assert offences(of("serving"), lambda path: [name for name in imports(path) if ".cli." in name]) == {}


def test_the_core_imports_its_modules_and_not_its_front():
    def from_front(path):
        return {name for name in imports(path) if re.fullmatch(r"whisperx_worker\.\w+", name)} - KNOWN

    assert offences([path for path in CORE if path.parent != PACKAGE or path.stem != "__init__"], from_front) == {}


def test_the_core_knows_no_plugin():
    assert offences(CORE, lambda path: "whisperx_worker_plugins" in path.read_text(encoding="utf-8")) == {}


FORMER_PATH = ROOT / "plugins" / "whisperx_worker_plugins" / "pyannote_diarization" / "linking.py"
"""The former path of a class that `linked_diarization` has now; model folders of users still name it."""


def other_plugins(path):
    """Plugins that a file of a plugin imports, and the shared room."""
    known = (name.split(".") for name in imports(path))
    return {parts[1] for parts in known if parts[0] == "whisperx_worker_plugins"} - set(module_of(path).split(".")[1:2])


def test_a_plugin_imports_the_shared_room_and_no_other_plugin():
    paths = [path for path in PLUGINS if path != FORMER_PATH]
    assert offences(paths, lambda path: other_plugins(path) - {SHARED}) == {}
    assert other_plugins(FORMER_PATH) == {"linked_diarization"}
    assert offences([path for path in PLUGINS if path.parent.name == SHARED], other_plugins) == {}


IN_A_FRESH_PROCESS = """
import importlib, json, sys
import whisperx_worker.cli.main, whisperx_worker.handler
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.hooks.loading import load_host

active = load_host(load_settings()).active
modules = {name.partition(".")[0] for name in sys.modules}
every = [importlib.import_module(name).__name__ for name in sys.argv[1:]]
print(json.dumps([sorted(active), sorted(modules), every]))
"""
IMPORTABLE = sorted(KNOWN - {"whisperx_worker.cli.__main__"})


@pytest.fixture(scope="module")
def fresh_process():
    """What is active, loaded and importable in a new interpreter where any warning is an error."""
    command = [sys.executable, "-W", "error", "-c", IN_A_FRESH_PROCESS, *IMPORTABLE]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.slow
def test_no_heavy_library_is_imported_before_a_job_needs_it(fresh_process):
    active, modules, _ = fresh_process
    assert {"russian_whisper", "wav2vec2_alignment"} <= set(active)
    assert HEAVY & set(modules) == set()


@pytest.mark.slow
def test_every_module_imports_without_a_warning(fresh_process):
    _, _, every = fresh_process
    assert every == IMPORTABLE


@pytest.mark.slow
def test_the_package_imports_only_what_is_asked_for():
    script = "import sys; from whisperx_worker import hookimpl; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert "pluggy" in done.stdout.split()
    assert {"numpy", "pydantic"} & set(done.stdout.split()) == set()
