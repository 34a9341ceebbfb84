"""Files and functions are short, and no marker is left in the code."""

from __future__ import annotations

import ast
import re
import statistics

import pytest

from tests.house.sources import CORE, PLUGINS, PRODUCT, TESTS, offences, tree

MAX_LINES_OF_A_FILE = 400
MAX_MEDIAN_LINES_OF_A_FILE = 150
MAX_LINES_OF_A_FUNCTION = 60


def lines_of(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_a_file_is_short():
    assert offences(PRODUCT, lambda path: lines_of(path) > MAX_LINES_OF_A_FILE and lines_of(path)) == {}


@pytest.mark.parametrize("modules", [CORE, PLUGINS], ids=["core", "plugins"])
def test_half_of_the_modules_are_shorter_still(modules):
    assert statistics.median(map(lines_of, modules)) < MAX_MEDIAN_LINES_OF_A_FILE


def test_a_function_is_short():
    def long(path):
        functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [node.name for node in functions if node.end_lineno - node.lineno >= MAX_LINES_OF_A_FUNCTION]

    assert offences(PRODUCT, long) == {}


def test_no_marker_is_left_in_the_code():
    words = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])

    def left(path):
        return re.findall(rf"\b(?:{words})\b", path.read_text(encoding="utf-8"))

    assert offences([*PRODUCT, *TESTS], left) == {}
