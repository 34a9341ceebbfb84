"""Python files of the project, parsed: what the tests of the house read."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "whisperx_worker"
CORE = sorted(PACKAGE.rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
FOLDERS = ["src", "plugins", "training", "bench", "tools", "demo", "examples"]
PRODUCT = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path):
    """Dotted name of a module below its source root."""
    parts = path.relative_to(PACKAGE.parent if path.is_relative_to(PACKAGE) else ROOT / "plugins").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports(path):
    """Every imported name of a file, dotted, those for type checkers too; each name of a `from` import as one."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def offences(paths, wrong_in):
    """What is wrong in each file, for the files where anything is."""
    return {str(path.relative_to(ROOT)): found for path in paths if (found := wrong_in(path))}
