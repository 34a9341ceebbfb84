"""Files and functions are short, and no marker is left in the code."""

from __future__ import annotations

import ast
import re

from tests.house.sources import CORE, PLUGINS, offences, tracked, tree

MAX_LINES_OF_A_FILE = 400
MAX_LINES_OF_A_FUNCTION = 60


def test_a_file_is_short():
    def lines(path):
        return len(path.read_text(encoding="utf-8").splitlines())

    assert offences([*CORE, *PLUGINS], lambda path: lines(path) > MAX_LINES_OF_A_FILE and lines(path)) == {}


def test_a_function_is_short():
    def long(path):
        functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [node.name for node in functions if node.end_lineno - node.lineno >= MAX_LINES_OF_A_FUNCTION]

    assert offences([*CORE, *PLUGINS], long) == {}


def test_no_marker_is_left_in_the_code():
    words = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])

    def left(path):
        return re.findall(rf"\b(?:{words})\b", path.read_text(encoding="utf-8"))

    assert offences(tracked("*.py"), left) == {}
