"""Names and first lines of docstrings in the field's standard terms, and short."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.sources import PRODUCT, offences, tree

BANNED = {
    "anybody", "bring", "bringing", "brings", "brought", "hear", "heard", "hears", "nobody", "said", "says",
    "somebody", "tells", "told", "whom", "whose",
}  # fmt: skip
"""Words that name none of the glossary's terms, and `let go`."""
MAX_WORDS = 18


def words_of(name):
    """Words of an identifier, in lower case.

    >>> words_of("_letGo_HTTPHeard")
    ['let', 'go', 'http', 'heard']
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def banned_in(words):
    return sorted(BANNED & set(words)) + ["let go"] * ("let go" in " ".join(words))


def identifiers(node):
    """Names that a node binds or uses."""
    if isinstance(node, ast.alias):
        return [node.asname or ""]
    fields = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
    return [name for name in fields if isinstance(name, str)]


def banned_identifiers(module):
    names = {name for node in ast.walk(module) for name in identifiers(node)}
    return sorted(name for name in names if banned_in(words_of(name)))


def first_lines(module):
    """First line of every docstring, those under values too."""
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    value = statement.value.value
                    if isinstance(value, str):
                        yield value.strip().partition("\n")[0]


def banned_first_lines(module):
    return [line for line in first_lines(module) if banned_in(re.findall(r"[a-z]+", line.lower()))]


def long_first_lines(module):
    return [line for line in first_lines(module) if len(line.split()) > MAX_WORDS]


def test_identifiers_use_standard_terms():
    assert offences(PRODUCT, lambda path: banned_identifiers(tree(path))) == {}


def test_first_lines_of_docstrings_use_standard_terms():
    assert offences(PRODUCT, lambda path: banned_first_lines(tree(path))) == {}


def test_first_lines_of_docstrings_are_short():
    assert offences(PRODUCT, lambda path: long_first_lines(tree(path))) == {}


@pytest.mark.parametrize(
    ("code", "identifier", "line"),
    [
        ("heard = 1", ["heard"], []),
        ("def let_go(): pass", ["let_go"], []),
        ("class WhatIsSaid: pass", ["WhatIsSaid"], []),
        ("x.told(whose=1)", ["told", "whose"], []),
        ('def speaker_of():\n    """Whose a stretch of speech is."""', [], ["Whose a stretch of speech is."]),
        ('x = 1\n"""What nobody knows."""', [], ["What nobody knows."]),
        ('def saying_heardness(untold):\n    """Return the speaker.\n\n    Whose it is."""', [], []),
    ],
)
def test_a_banned_word_is_found(code, identifier, line):
    module = ast.parse(code)
    assert (banned_identifiers(module), banned_first_lines(module)) == (identifier, line)
