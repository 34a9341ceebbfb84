"""Package of a new plugin, written from a template: hook, tests, types, linter, CI, licence."""

from __future__ import annotations

import datetime as dt
import importlib.util
import inspect
import keyword
import re
import sys
import textwrap
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from whisperx_worker.contract.fields import did_you_mean, joined
from whisperx_worker.errors import BadInputError, WorkerError
from whisperx_worker.hooks.host import hook_names, kind_of, specification

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TEMPLATE = Path(__file__).parent / "plugin_template"
FILES = {
    "plugin.py": "{name}.py",
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "LICENSE": "LICENSE",
    "gitignore": ".gitignore",
    "check.yml": ".github/workflows/check.yml",
}
"""Places in the package by name of the template; the test's template goes by the hook."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def template_hooks() -> list[str]:
    """Return the hooks that a new plugin may begin with: those of jobs, and output formats."""
    return [hook for hook in hook_names() if kind_of(hook) != "setup" or hook == "register_outputs"]


def write_plugin(name: str, hook: str, folder: Path, known: Collection[str]) -> list[Path]:
    """Write the package of a plugin, and return its files.

    Args:
        name: Name of the plugin and of its module.
        hook: The hook that it implements; its function is the example of the hook's documentation.
        folder: Where it is written; made where it is missing.
        known: Names of plugins that are there.

    Raises:
        BadInputError: With all that is wrong with the arguments.
        WorkerError: When a file cannot be written.
    """
    if mistakes := [*_name_mistakes(name, known), *_hook_mistakes(hook), *_folder_mistakes(folder)]:
        raise BadInputError(joined(mistakes))
    test = TEMPLATE / f"test_{hook}.py.template"
    templates = {TEMPLATE / f"{source}.template": place for source, place in FILES.items()}
    templates[test if test.is_file() else TEMPLATE / "test_any_hook.py.template"] = "tests/test_{name}.py"
    values = _values(name, hook)
    written = []
    try:
        for template, place in templates.items():
            path = folder / place.format(name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(Template(template.read_text(encoding="utf-8")).substitute(values))
            written.append(path)
    except OSError as error:
        raise WorkerError(f"the plugin cannot be written to {folder}: {error.strerror}") from None
    return written


def _name_mistakes(name: str, known: Collection[str]) -> list[str]:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        return [f"a plugin's name is a module's name of small letters, digits and _, such as brand_names, not {name!r}"]
    if name in known:
        return [f"there is a plugin {name!r} already"]
    if importlib.util.find_spec(name):
        return [f"{name!r} is the name of a module of Python or of an installed package"]
    return []


def _hook_mistakes(hook: str) -> list[str]:
    hooks = template_hooks()
    if hook in hooks:
        return []
    hint = did_you_mean(hook, hooks) or f"; there are: {', '.join(hooks)}"
    return [f"there is no hook {hook!r} for a new plugin{hint}"]


def _folder_mistakes(folder: Path) -> list[str]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return [f"{folder} is there already and is no empty folder"]
    return []


def _values(name: str, hook: str) -> Mapping[str, str]:
    """Return what stands in the template's places."""
    text, _, example = str(inspect.getdoc(specification(hook))).partition("\nExample:\n")
    imports, body = _code_of(example)
    return {
        "name": name,
        "dashed": name.replace("_", "-"),
        "hook": hook,
        "purpose": text.partition("\n")[0].partition(". ")[2],
        "imports": imports,
        "body": body,
        "year": str(dt.datetime.now(tz=dt.timezone.utc).year),
    }


def _code_of(example: str) -> tuple[str, str]:
    """Return the imports of a doctest, grouped, and its other statements with two empty lines between."""
    statements = re.split(r"^>>> ", textwrap.dedent(example).strip(), flags=re.MULTILINE)[1:]
    code = [re.sub(r"^\.\.\. ?", "", one.rstrip(), flags=re.MULTILINE) for one in statements]
    imports = [one for one in code if one.startswith(("import ", "from "))]
    of_python = [one for one in imports if one.split()[1].partition(".")[0] in sys.stdlib_module_names]
    others = [one for one in imports if one not in of_python]
    body = [one for one in code if one not in imports]
    grouped = "\n\n".join("\n".join(group) for group in (of_python, others) if group)
    return f"{grouped}\n" if body[0].startswith(("@", "def ", "class ")) else grouped, "\n\n\n".join(body)
