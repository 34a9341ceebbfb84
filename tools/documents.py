"""Tables and the hook reference of the documentation, made from the code.

`make documents` writes them into the pages of docs/, between `<!-- name -->` and `<!-- end -->`; a test fails where a
page is not what the code says.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from whisperx_worker import types
from whisperx_worker.contract.request import Request
from whisperx_worker.contract.settings import Settings, variables
from whisperx_worker.hooks import hookspecs, observer_hookspecs, setup_hookspecs
from whisperx_worker.hooks.marker import PROJECT
from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
RUSSIAN: dict[str, str] = json.loads((Path(__file__).parent / "russian.json").read_text(encoding="utf-8"))
HEADS = {
    "request": ("field", "type", "default", "meaning"),
    "settings": ("variable", "default", "meaning"),
    "segment": ("field", "meaning"),
    "word": ("field", "meaning"),
    "hooks": ("hook", "kind", "what it is for"),
    "formats": ("format", "file", "media type"),
    "hostile": ("what the plugin does", "what it costs"),
}
MAX_SIGNATURE_CHARS = 100
"""Longer signatures are written with one argument per line."""
REFERENCE = "hook reference"
"""Name of the part that is in English alone."""
MARKED = re.compile(r"<!-- (?!end )([a-z ]+) -->\n(.*?)<!-- end -->", re.DOTALL)


def request_rows() -> Iterable[tuple[str, ...]]:
    """Return a row for every field of the request."""
    for name, field in Request.model_fields.items():
        yield f"`{name}`", _type_name(field.annotation, name), f"`{_default(field.default)}`", field.description or ""


def settings_rows() -> Iterable[tuple[str, ...]]:
    """Return a row for every environment variable."""
    for name, field in Settings.model_fields.items():
        first, *older = (f"`{variable}`" for variable in variables(name))
        yield ", ".join([first, *older]), f"`{_default(field.default)}`", field.description or ""


def attribute_rows(cls: type) -> Iterable[tuple[str, ...]]:
    """Return a row for every documented field of a dataclass of the response."""
    tree = ast.parse(inspect.getsource(cls)).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            line = following.value if isinstance(following, ast.Expr) else None
            yield f"`{node.target.id}`", " ".join(str(line.value).split()) if isinstance(line, ast.Constant) else ""


def hooks() -> dict[str, Callable[..., object]]:
    """Return every hook specification by its name, in the order of the source."""
    marker = f"{PROJECT}_spec"
    return {
        name: function
        for specs in (hookspecs, observer_hookspecs, setup_hookspecs)
        for name, function in vars(specs).items()
        if hasattr(function, marker)
    }


def hook_rows() -> Iterable[tuple[str, ...]]:
    """Return a row for every hook: signature, kind and purpose."""
    for name, function in hooks().items():
        kind, purpose = str(inspect.getdoc(function)).splitlines()[0].split(". ", 1)
        yield f"`{name}({', '.join(inspect.signature(function).parameters)})`", kind.lower(), purpose


def format_rows() -> Iterable[tuple[str, ...]]:
    """Return a row for every built-in output format."""
    for output in BUILT_IN_FORMATS.values():
        yield f"`{output.name}`", f"`*{output.suffix}`", f"`{output.media_type}`"


def hostile_rows() -> Iterable[tuple[str, ...]]:
    """Return a row for every plugin of the tests that does what none should."""
    table = json.loads((ROOT / "tests" / "hooks" / "hostile.json").read_text(encoding="utf-8"))
    for costs, deeds in table["rows"].items():
        for deed in deeds.values():
            yield deed, table["costs"][costs]


def tables() -> dict[str, list[tuple[str, ...]]]:
    """Return the rows of every table by its name."""
    return {
        "request": list(request_rows()),
        "settings": list(settings_rows()),
        "segment": list(attribute_rows(types.Segment)),
        "word": list(attribute_rows(types.Word)),
        "hooks": list(hook_rows()),
        "formats": list(format_rows()),
        "hostile": list(hostile_rows()),
    }


def rendered(name: str, rows: list[tuple[str, ...]], *, russian: bool) -> str:
    """Return a Markdown table."""
    lines = [HEADS[name], tuple("---" for _ in HEADS[name]), *rows]
    if russian:
        lines = [tuple(map(_in_russian, row)) for row in lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def hook_reference() -> str:
    """Return the sections of all hooks as Markdown: signature, docstring and example."""
    return "\n\n".join(_hook_section(name, function) for name, function in hooks().items())


def parts(*, russian: bool) -> dict[str, str]:
    """Return the Markdown of every generated part by its name."""
    made = {name: rendered(name, rows, russian=russian) for name, rows in tables().items()}
    return made if russian else {**made, REFERENCE: hook_reference()}


def pages(*, russian: bool) -> list[Path]:
    """Return the pages in one language."""
    return sorted((DOCS / "ru" if russian else DOCS).glob("*.md"))


def generated_parts(text: str) -> list[str]:
    """Return the names of the generated parts of a page."""
    return [found[1] for found in MARKED.finditer(text)]


def regenerated(text: str, made: dict[str, str]) -> str:
    """Return a page with its generated parts replaced.

    Raises:
        KeyError: When it has a mark that names no part.
    """
    return MARKED.sub(lambda found: f"<!-- {found[1]} -->\n{made[found[1]]}\n<!-- end -->", text)


def untranslated() -> list[str]:
    """Return the table cells that have no Russian translation."""
    made = tables()
    cells = {row[-1] for rows in made.values() for row in rows if row[-1]}
    cells |= {deed for deed, _ in made["hostile"]} | {cell for head in HEADS.values() for cell in head}
    return sorted(cell for cell in cells if cell not in RUSSIAN and not cell.startswith("`"))


def _in_russian(cell: str) -> str:
    """Return a cell of a table in Russian; names of types stay."""
    return RUSSIAN.get(cell) or cell.replace("or null", RUSSIAN["or null"])


def _hook_section(name: str, function: Callable[..., object]) -> str:
    """Return the section of one hook."""
    text, _, example = str(inspect.getdoc(function)).partition("\nExample:\n")
    kind, purpose = text.split(". ", 1)
    signature = f"def {name}{inspect.signature(function)}"
    if len(signature) > MAX_SIGNATURE_CHARS:
        arguments = "".join(f"    {argument},\n" for argument in inspect.signature(function).parameters.values())
        signature = f"def {name}(\n{arguments}) -> {inspect.signature(function).return_annotation}"
    signature = signature.replace("'", "")
    code = re.sub(r"^(>>>|\.\.\.) ?", "", textwrap.dedent(example), flags=re.MULTILINE)
    code = re.sub(r"\n(?=@)", "\n\n\n", code.strip())
    code = re.sub(r"^(from .*\n)(?=[a-z_]+(?:: .*)? =)", r"\1\n", code, flags=re.MULTILINE)
    code = re.sub(r"^(from .*\n)(?=def )", r"\1\n\n", code, flags=re.MULTILINE)
    return f"## {name}\n\n```python\n{signature}\n```\n\n*{kind}.* {purpose.strip()}\n\n```python\n{code}\n```"


def _type_name(annotation: Any, name: str) -> str:  # noqa: ANN401
    """Return a field's type as a client knows it."""
    types_given = [part for part in get_args(annotation) or [annotation] if part is not type(None)]
    choices = [choice for part in [annotation, *types_given] for choice in get_args(part) if isinstance(choice, str)]
    text = types_given[0].__name__ if types_given[0] in {bool, int, float} else "str"
    if name in {"speaker_samples", "output_formats", "plugins"}:
        text = "object" if name == "plugins" else "list"
    elif choices:
        text = " ".join(f"`{choice}`" for choice in choices)
    return f"{text} or null" if type(None) in get_args(annotation) else text


def _default(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Path):
        return str(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def main() -> None:
    """Write the generated parts of all pages."""
    for russian in (False, True):
        made = parts(russian=russian)
        for path in pages(russian=russian):
            path.write_text(regenerated(path.read_text(encoding="utf-8"), made), encoding="utf-8")
    for cell in untranslated():
        print("not translated:", cell)


if __name__ == "__main__":
    main()
