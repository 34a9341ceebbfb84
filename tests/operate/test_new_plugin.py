"""A package of the template is a plugin that works: it passes its own tests, linter and type checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tests.house.sources import ROOT
from whisperx_worker.cli.main import app
from whisperx_worker.errors import BadInputError
from whisperx_worker.hooks.host import hook_names, kind_of
from whisperx_worker.operate.new_plugin import TEMPLATE, template_hooks, write_plugin

FILES = [
    ".github/workflows/check.yml", ".gitignore", "LICENSE", "README.md", "mood.py", "pyproject.toml",
    "tests/test_mood.py",
]  # fmt: skip

PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def passes(folder, *command):
    # An editable install of this repository has no file that says where its types are.
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode == 0 or done.stdout + done.stderr


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A package for each hook, with the hook's name in its own."""
    folder = tmp_path_factory.mktemp("packages")
    for hook in template_hooks():
        write_plugin(f"made_{hook}", hook, folder / hook, ())
    return folder


def test_a_plugin_may_begin_with_every_hook_of_a_job_and_with_an_output_format():
    assert template_hooks() == [*[hook for hook in hook_names() if kind_of(hook) != "setup"], "register_outputs"]


def test_each_file_of_the_package_has_its_place(tmp_path):
    written = write_plugin("mood", "post_align", tmp_path / "mood", ())

    assert sorted(str(path.relative_to(tmp_path / "mood")) for path in written) == FILES == names_in(tmp_path / "mood")
    assert "$" not in (tmp_path / "mood" / "mood.py").read_text(encoding="utf-8")
    assert "${{ matrix.python }}" in (tmp_path / "mood" / ".github/workflows/check.yml").read_text(encoding="utf-8")


def test_the_licence_is_that_of_this_project_with_other_authors(tmp_path):
    write_plugin("mood", "post_align", tmp_path, ())
    written = (tmp_path / "LICENSE").read_text(encoding="utf-8").splitlines()

    assert written[3:] == (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines()[3:]
    assert written[2].endswith("the authors of mood")


@pytest.mark.slow
def test_the_packages_pass_their_linter_in_its_strictest_form(packages):
    assert [hook for hook in template_hooks() if passes(packages / hook, "ruff", "check", ".") is not True] == []
    assert passes(packages, "ruff", "format", "--check", ".") is True


@pytest.mark.slow
def test_the_packages_pass_strict_type_checks(packages):
    modules = [f"{hook}/made_{hook}.py" for hook in template_hooks()]
    options = ["--strict", "--follow-imports", "silent", "--cache-dir", str(packages / "cache")]
    assert passes(packages, "mypy", *options, *modules) is True


@pytest.mark.slow
def test_the_packages_pass_their_own_tests(packages):
    hooks = template_hooks()
    assert passes(packages, *PYTEST, "-o", f"pythonpath={' '.join(hooks)}", "--rootdir", ".", *hooks) is True


def test_a_hook_without_a_test_of_its_own_gets_one_that_loads_the_plugin(tmp_path, monkeypatch):
    monkeypatch.setattr("whisperx_worker.operate.new_plugin.TEMPLATE", tmp_path)
    for template in TEMPLATE.iterdir():
        if template.name != "test_post_align.py.template":
            (tmp_path / template.name).write_bytes(template.read_bytes())
    write_plugin("mood", "post_align", tmp_path / "mood", ())

    assert "def test_the_plugin_is_active" in (tmp_path / "mood/tests/test_mood.py").read_text(encoding="utf-8")
    assert passes(tmp_path / "mood", *PYTEST) is True


@pytest.mark.slow
def test_pip_installs_it_and_the_worker_finds_it(tmp_path, monkeypatch):
    write_plugin("tune", "post_align", tmp_path / "tune", ())
    site = tmp_path / "site"
    installed = passes(
        tmp_path, "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
        "--no-build-isolation", "--target", str(site), "./tune",
    )  # fmt: skip
    assert installed is True
    monkeypatch.syspath_prepend(str(site))
    listed = json.loads(CliRunner().invoke(app, ["plugins", "tune", "--json"]).stdout)

    assert (listed["state"], listed["source"], listed["hooks"]) == ("active", "whisperx-worker-tune", ["post_align"])
    assert listed["description"] == "Change the text or the words: mask, normalise, correct."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"name": "Brand-Names"},
            "a plugin's name is a module's name of small letters, digits and _, such as brand_names, not 'Brand-Names'",
        ),
        (
            {"name": "class"},
            "a plugin's name is a module's name of small letters, digits and _, such as brand_names, not 'class'",
        ),
        ({"name": "tone"}, "there is a plugin 'tone' already"),
        ({"name": "json"}, "'json' is the name of a module of Python or of an installed package"),
        ({"hook": "post_allign"}, "there is no hook 'post_allign' for a new plugin; did you mean post_align?"),
        ({"hook": "warm_up"}, f"there is no hook 'warm_up' for a new plugin; there are: {', '.join(template_hooks())}"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, arguments, sentence):
    with pytest.raises(BadInputError) as refused:
        write_plugin(
            **{"name": "mood", "hook": "post_align", "folder": tmp_path / "new", "known": ["tone"], **arguments}
        )

    assert str(refused.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_anything_in_it_stays_as_it_is(tmp_path):
    (tmp_path / "mood.py").write_text("mine", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "mood.py"):
        with pytest.raises(BadInputError, match=r" is there already and is no empty folder$"):
            write_plugin("mood", "post_align", folder, ())

    assert names_in(tmp_path) == ["mood.py"]
    assert (tmp_path / "mood.py").read_text(encoding="utf-8") == "mine"


def test_the_command_writes_into_a_folder_of_the_plugins_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new-plugin", "mood", "--hook", "register_outputs"])

    assert (done.exit_code, names_in(tmp_path / "mood")) == (0, FILES)
    assert done.stderr.splitlines()[-1] == "next: pip install -e 'mood[dev]', and whisperx-worker check-plugin mood"


def test_the_command_knows_the_plugins_that_are_there():
    refused = CliRunner().invoke(app, ["new-plugin", "russian_numbers"])

    assert str(refused.exception) == "there is a plugin 'russian_numbers' already"
