"""Writes the tables of README.md and README.ru.md from the code, between `<!-- name -->` and `<!-- end -->`.

`make readme` runs it; a test fails where a table is not what the code says.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from whisperx_worker import hookspecs, types
from whisperx_worker.fields import shown
from whisperx_worker.outputs import BUILT_IN
from whisperx_worker.request import Request
from whisperx_worker.settings import Settings, variables

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent
RUSSIAN: dict[str, str] = json.loads((Path(__file__).parent / "russian.json").read_text(encoding="utf-8"))
HEADS = {
    "request": ("field", "type", "default", "meaning"),
    "settings": ("variable", "default", "meaning"),
    "segment": ("field", "meaning"),
    "word": ("field", "meaning"),
    "hooks": ("hook", "kind", "what it is for"),
    "formats": ("format", "file"),
}


def request_rows() -> Iterable[tuple[str, ...]]:
    """Every field of the request."""
    for name, field in Request.model_fields.items():
        yield f"`{name}`", _type_name(field.annotation, name), f"`{_default(field.default)}`", field.description or ""


def settings_rows() -> Iterable[tuple[str, ...]]:
    """Every environment variable."""
    for name, field in Settings.model_fields.items():
        first, *older = (f"`{variable}`" for variable in variables(name))
        yield ", ".join([first, *older]), f"`{_default(field.default)}`", field.description or ""


def attribute_rows(cls: type) -> Iterable[tuple[str, ...]]:
    """The fields of a dataclass that stand in the response, with the line under each."""
    tree = ast.parse(inspect.getsource(cls)).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            line = following.value if isinstance(following, ast.Expr) else None
            yield f"`{node.target.id}`", str(line.value) if isinstance(line, ast.Constant) else ""


def hook_rows() -> Iterable[tuple[str, ...]]:
    """Every hook, its kind, and the first sentence of its reference."""
    for name, function in vars(hookspecs).items():
        if hasattr(function, f"{hookspecs.PROJECT}_spec"):
            kind, purpose = str(inspect.getdoc(function)).splitlines()[0].split(". ", 1)
            yield f"`{name}({', '.join(inspect.signature(function).parameters)})`", kind.lower(), purpose


def format_rows() -> Iterable[tuple[str, ...]]:
    """Every output format of the worker's own."""
    for output in BUILT_IN.values():
        yield f"`{output.name}`", f"`*{output.suffix}`"


def tables() -> dict[str, list[tuple[str, ...]]]:
    """Rows by the table's name."""
    return {
        "request": list(request_rows()),
        "settings": list(settings_rows()),
        "segment": list(attribute_rows(types.Segment)),
        "word": list(attribute_rows(types.Word)),
        "hooks": list(hook_rows()),
        "formats": list(format_rows()),
    }


def rendered(name: str, rows: list[tuple[str, ...]], *, russian: bool) -> str:
    """A Markdown table."""
    lines = [HEADS[name], tuple("---" for _ in HEADS[name]), *rows]
    if russian:
        lines = [tuple(RUSSIAN.get(cell, cell) for cell in row) for row in lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def written(text: str, *, russian: bool) -> str:
    """A README with its tables made anew.

    Raises:
        KeyError: When it has no place for a table.
    """
    for name, rows in tables().items():
        found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
        if not found:
            raise KeyError(f"no <!-- {name} --> ... <!-- end --> in the README")
        text = text[: found.start(1)] + rendered(name, rows, russian=russian) + text[found.end(1) :]
    return text


def untranslated() -> list[str]:
    """What stands in the Russian README in English."""
    cells = {row[-1] for rows in tables().values() for row in rows if row[-1]} | {
        c for head in HEADS.values() for c in head
    }
    return sorted(cell for cell in cells if cell not in RUSSIAN and not cell.startswith("`"))


def _type_name(annotation: Any, name: str) -> str:  # noqa: ANN401
    """A field's type as a client knows it."""
    parts = [part for part in get_args(annotation) or [annotation] if part is not type(None)]
    choices = [choice for part in [annotation, *parts] for choice in get_args(part) if isinstance(choice, str)]
    text = parts[0].__name__ if parts[0] in {bool, int, float} else "str"
    if name in {"speaker_samples", "output_formats", "plugins"}:
        text = "object" if name == "plugins" else "list"
    elif choices:
        text = " ".join(f"`{choice}`" for choice in choices)
    return f"{text} or null" if type(None) in get_args(annotation) else text


def _default(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Path):
        return str(value)
    return shown(list(value) if isinstance(value, tuple) else value)


def main() -> None:
    """Write both READMEs."""
    for name, russian in (("README.md", False), ("README.ru.md", True)):
        path = ROOT / name
        path.write_text(written(path.read_text(encoding="utf-8"), russian=russian), encoding="utf-8")
    for cell in untranslated():
        print("not translated:", cell)


if __name__ == "__main__":
    main()
