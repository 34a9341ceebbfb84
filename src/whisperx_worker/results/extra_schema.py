"""Schemas of the extra data that a plugin adds to words, segments, speakers and results."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard

from pydantic import BaseModel, TypeAdapter, ValidationError

from whisperx_worker.contract.fields import lowered, shown
from whisperx_worker.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["word", "segment", "speaker", "result"]
"""Values that have extra data."""
KINDS: tuple[Kind, ...] = ("word", "segment", "speaker", "result")


@dataclass(frozen=True)
class ExtraSchema:
    """Schemas of a plugin's extra data: pydantic models or dataclasses.

    Raises:
        PluginError: When one is something else.
    """

    word: type | None = None
    """Data of a word; None: the plugin adds nothing to words."""
    segment: type | None = None
    """Data of a segment; None: the plugin adds nothing to segments."""
    speaker: type | None = None
    """Data of a speaker; None: the plugin adds nothing to speakers."""
    result: type | None = None
    """Data of the whole recording; None: the plugin adds nothing to it."""
    keep_when_cut: bool = True
    """Whether each piece of a segment, cut where the speaker changes, keeps the segment's data."""

    def __post_init__(self) -> None:
        for kind in KINDS:
            schema = getattr(self, kind)
            if schema is None:
                continue
            if not is_schema(schema):
                raise PluginError(f"the schema of {kind} must be a pydantic model or a dataclass, the class itself")
            _validator(schema)  # one that pydantic cannot read fails here, not in every job


def is_schema(value: object) -> TypeGuard[type]:
    """Return whether a value is the class of a pydantic model or a dataclass."""
    return isinstance(value, type) and (issubclass(value, BaseModel) or dataclasses.is_dataclass(value))


def schema_fault(text: str, names: Mapping[str, object], schema: type) -> str | None:
    """Return what a schema refuses in data, or None.

    Args:
        text: The data as JSON; the schema is applied strictly, without conversion of text to numbers.
        names: The names at the top of the data.
        schema: A pydantic model or dataclass.
    """
    adapter, known = _validator(schema)
    unknown = [name for name in names if name not in known]
    if unknown:
        return f"{shown(unknown[0])}, which its schema lacks"
    try:
        adapter.validate_json(text, strict=True)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, detail["loc"]))
        return f"data that its schema refuses ({place}{': ' if place else ''}{lowered(detail['msg'])})"
    except Exception as error:  # noqa: BLE001  a validator is the plugin's code
        return f"data on which its schema raises {type(error).__name__}"
    return None


@cache
def _validator(schema: type) -> tuple[TypeAdapter[object], frozenset[str]]:
    """Return the validator of a schema and the names of its fields; cached, since it takes milliseconds."""
    adapter = TypeAdapter[object](schema)
    return adapter, frozenset(adapter.json_schema().get("properties", {}))
