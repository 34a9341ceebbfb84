"""Rules of the house that no single test of a feature would keep: what imports what, what is documented, what is small."""

from __future__ import annotations

import ast
import doctest
import functools
import inspect
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

import whisperx_worker
from whisperx_worker import Audio, Diarization, Result, Transcript, hookspecs
from whisperx_worker.job import Job, StageEnd
from whisperx_worker.models import ModelCache
from whisperx_worker.settings import Settings
from whisperx_worker.testing import load_plugin, make_audio, make_job, make_transcript

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "src" / "whisperx_worker").glob("*.py"))
PLUGINS = sorted((ROOT / "plugins" / "whisperx_worker_plugins").rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
HOOKS = {
    name: hook
    for name, hook in inspect.getmembers(hookspecs, inspect.isfunction)
    if hook.__module__ == hookspecs.__name__
}
CORRIDOR = ["types", "hookspecs", "stages", "pipeline", "worker", "handler"]
"""An arrow between modules goes to the left only. `cli` stands beside `handler`."""
HEAVY = {
    "av", "ctranslate2", "faster_whisper", "huggingface_hub", "pyannote", "runpod", "soundfile", "soxr", "speechbrain",
    "torch", "torchaudio", "transformers", "whisperx",
}  # fmt: skip
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def offences(paths, wrong_in):
    """What is wrong in each file, for the files where anything is."""
    return {str(path.relative_to(ROOT)): found for path in paths if (found := wrong_in(path))}


# --- hooks


def test_there_are_these_hooks_and_no_other():
    assert sorted(HOOKS) == [
        "align", "diarize", "finalize", "post_align", "pre_audio", "register_models", "register_options",
        "register_outputs", "stage_ended", "transcribe", "verify_speakers", "warm_up",
    ]  # fmt: skip


@pytest.mark.parametrize("name", HOOKS)
def test_a_hooks_docstring_begins_with_its_kind_and_has_an_example(name):
    doc = inspect.getdoc(HOOKS[name])
    assert doc.split()[0] in {"Chain.", "Engine.", "Observer.", "Setup."}
    assert "\nExample:\n" in doc


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_what_none_means(name):
    answers_nothing = inspect.signature(HOOKS[name]).return_annotation == "None"
    assert answers_nothing or re.search(r"\bNone\b", inspect.getdoc(HOOKS[name]).partition("Example:")[0])


@pytest.mark.parametrize("name", HOOKS)
def test_every_argument_of_a_hook_is_documented(name):
    said = f"{hookspecs.__doc__}{inspect.getdoc(HOOKS[name])}"
    missing = [name for name in inspect.signature(HOOKS[name]).parameters if not re.search(rf"\b{name}\b", said)]
    assert missing == []


def example_of(name):
    """The function that a hook's docstring defines, its doctest run."""
    (test,) = doctest.DocTestFinder(recurse=False).find(HOOKS[name], name)
    names = test.globs
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    return names[name]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hooks_example_is_a_plugin_that_works(name):
    host = load_plugin(SimpleNamespace(**{name: example_of(name)}))
    assert host.records[0].hooks == (name,)
    (implementation,) = host.implementations(name)
    values = {
        "audio": make_audio(),
        "transcript": make_transcript("Алло"),
        "diarization": Diarization((), exclusive=(), embeddings={}),
        "result": Result(make_transcript("Алло"), 1.0),
        "job": make_job(host),
        "options": None,
        "ended": StageEnd("transcribe", 0.0, 1.0),
        "models": ModelCache(),
        "settings": Settings(),
    }
    answer = implementation.function(*[values[argument] for argument in implementation.argnames])
    promised = {
        "pre_audio": Audio, "transcribe": Transcript, "align": Transcript, "post_align": Transcript,
        "diarize": Diarization, "verify_speakers": list, "finalize": Result, "register_options": type,
        "register_models": list, "register_outputs": list, "stage_ended": type(None), "warm_up": type(None),
    }  # fmt: skip
    assert isinstance(answer, promised[name])


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_implemented_by_a_plugin_of_some_test(name):
    tests = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/test_*.py") if path != Path(__file__)]
    assert any(re.search(rf"@hookimpl.*\n\s*def {name}\(", text) for text in tests)


# --- the public names


def documented_assignments(path):
    """Names at the top of a module with a docstring under them."""
    body = tree(path).body
    return {
        target.id
        for before, after in pairwise(body)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        for target in getattr(before, "targets", [getattr(before, "target", None)])
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("name", [name for name in whisperx_worker.__all__ if name != "__version__"])
def test_every_public_name_can_be_imported_and_is_documented(name):
    value = getattr(whisperx_worker, name)
    if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value):
        # A dataclass without a docstring of its own has its signature there.
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}(")
    else:
        assert name in set().union(*map(documented_assignments, CORE))


METHODS_OF_A_JOB = [name for name in vars(Job) if not name.startswith("_") and name not in Job.__dataclass_fields__]


@pytest.mark.parametrize("name", METHODS_OF_A_JOB)
def test_what_plugins_can_call_on_a_job_is_documented(name):
    assert getattr(Job, name).__doc__


# --- what imports what


IN_A_FRESH_PROCESS = """
import importlib, json, sys
import whisperx_worker.cli, whisperx_worker.handler
from whisperx_worker.host import load_host
from whisperx_worker.settings import load_settings

active = load_host(load_settings()).active
modules = {name.partition(".")[0] for name in sys.modules}
every = [importlib.import_module(f"whisperx_worker.{name}").__name__ for name in sys.argv[1:]]
print(json.dumps([sorted(active), sorted(modules), every]))
"""


@pytest.fixture(scope="module")
def fresh_process():
    """What is active, loaded and importable in a new interpreter where any warning is an error."""
    command = [sys.executable, "-W", "error", "-c", IN_A_FRESH_PROCESS, *(path.stem for path in CORE)]
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
    assert every == [f"whisperx_worker.{path.stem}" for path in CORE]


@pytest.mark.slow
def test_the_package_imports_only_what_is_asked_for():
    script = "import sys; from whisperx_worker import hookimpl; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert "pluggy" in done.stdout.split()
    assert {"numpy", "pydantic"} & set(done.stdout.split()) == set()


@functools.cache
def imports(path, *, typing_too=False):
    """Every imported module of a file, dotted, each name of a `from` import as one."""
    found = set()
    skipped = set()
    for node in ast.walk(tree(path)):
        if not typing_too and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(id(inner) for part in node.body for inner in ast.walk(part))
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def core_imports(path):
    """Modules of the core that a file needs when it runs."""
    modules = {path.stem for path in CORE}
    return {
        parts[1]
        for parts in (name.split(".") for name in imports(path))
        if parts[0] == "whisperx_worker" and parts[1] in modules
    }


def reached(module):
    """All that a module of the core imports, and what that imports."""
    found, waiting = set(), {module}
    while waiting:
        found |= waiting
        waiting = set().union(*(core_imports(CORE[0].parent / f"{each}.py") for each in waiting)) - found
    return found


@pytest.mark.parametrize("place", range(len(CORRIDOR)), ids=CORRIDOR)
def test_no_arrow_goes_up(place):
    assert reached(CORRIDOR[place]) & {*CORRIDOR[place + 1 :], "cli", "testing"} == set()


def test_the_command_line_needs_no_handler():
    assert "handler" not in reached("cli")


def test_the_core_imports_its_parts_and_not_its_front():
    modules = {f"whisperx_worker.{path.stem}" for path in CORE}

    def from_front(path):
        found = {name for name in imports(path, typing_too=True) if re.fullmatch(r"whisperx_worker\.\w+", name)}
        return found - modules

    assert offences([path for path in CORE if path.stem != "__init__"], from_front) == {}


def test_the_core_knows_no_plugin():
    assert offences(CORE, lambda path: "whisperx_worker_plugins" in path.read_text(encoding="utf-8")) == {}


def test_a_plugin_imports_public_names_only():
    public = {f"whisperx_worker.{name}" for name in whisperx_worker.__all__}

    def private(path):
        used = {name for name in imports(path, typing_too=True) if name.split(".")[0] == "whisperx_worker"}
        of_tests = {name for name in used if path.name.startswith("test_") and "whisperx_worker.testing." in name}
        return used - public - of_tests

    assert offences([*PLUGINS, *EXAMPLES], private) == {}


FORMER_PATH = "pyannote_diarization/linking.py"
"""The former path of a class that `linked_diarization` has now; model folders of users still name it."""


def test_a_plugin_imports_the_shared_room_and_no_other_plugin():
    folder = ROOT / "plugins" / "whisperx_worker_plugins"

    def others(path):
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        known = (name.split(".") for name in imports(path, typing_too=True))
        return {parts[1] for parts in known if parts[0] == "whisperx_worker_plugins"} - {own, "_shared"}

    assert offences([path for path in PLUGINS if path != folder / FORMER_PATH], others) == {}
    assert others(folder / FORMER_PATH) == {"linked_diarization"}
    assert offences([path for path in PLUGINS if path.parent.name == "_shared"], others) == {}


# --- size and tidiness


def test_a_file_is_short():
    def lines(path):
        return len(path.read_text(encoding="utf-8").splitlines())

    assert offences([*CORE, *PLUGINS], lambda path: lines(path) > MOST_LINES_OF_A_FILE and lines(path)) == {}


def test_a_function_is_short():
    def long(path):
        functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [node.name for node in functions if node.end_lineno - node.lineno >= MOST_LINES_OF_A_FUNCTION]

    assert offences([*CORE, *PLUGINS], long) == {}


def test_no_marker_is_left_in_the_code():
    words = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])

    def left(path):
        return re.findall(rf"\b(?:{words})\b", path.read_text(encoding="utf-8"))

    assert offences([*CORE, *PLUGINS, *EXAMPLES, *(ROOT / "tests").glob("*.py")], left) == {}
