"""Fields of a plugin's options as JSON: type, default, and description."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from typing import Any

from whisperx_worker.contract.validation import option_fields


def described_fields(schema: type) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each field, with its default and its description, by name.

    The description is that of the field, or the docstring under it.

    Args:
        schema: A pydantic model or dataclass whose fields have defaults.
    """
    defaults, texts = schema(), field_docstrings(schema)
    return {
        name: {
            "default": _plain(getattr(defaults, name, None)),
            "description": " ".join(texts.get(name, "").split()),
            **written,
        }
        for name, written in option_fields(schema).items()
    }


def field_docstrings(schema: type) -> dict[str, str]:
    """Return the docstring under each field of a class, where its source can be read."""
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(schema))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    return {
        one.target.id: text.value.value
        for one, text in pairwise(getattr(definition, "body", ()))
        if isinstance(one, ast.AnnAssign)
        and isinstance(one.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _plain(value: object) -> Any:  # noqa: ANN401
    """Return a value as JSON carries it, or its text."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return str(value)
