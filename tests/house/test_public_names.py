"""Every public name is documented, and plugins use no other."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise

import pytest

import whisperx_worker
from tests.house.sources import CORE, EXAMPLES, PLUGINS, imports, offences, tree
from whisperx_worker import Job


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


def test_a_plugin_imports_public_names_only():
    public = {f"whisperx_worker.{name}" for name in whisperx_worker.__all__}

    def private(path):
        used = {name for name in imports(path) if name.split(".")[0] == "whisperx_worker"}
        of_tests = {name for name in used if path.name.startswith("test_") and "whisperx_worker.testing." in name}
        return used - public - of_tests

    assert offences([*PLUGINS, *EXAMPLES], private) == {}
