"""Pydantic fields of the request and the settings, with one sentence for each wrong value.

`expects` of a field describes valid values: it is the second half of the error message and a column of the
documentation's tables.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from whisperx_worker.logs.voiceprint_mask import mask_voiceprints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel
    from pydantic.config import JsonDict
    from pydantic_core import ErrorDetails

_MAX_SHOWN = 40
_MAX_MODEL_NAME = 200
"""Letters; the hub's ids are shorter, and no folder's name may have more than 255 bytes."""
_MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*(/[A-Za-z0-9][\w.\-]*)?", re.ASCII)


def is_model_name(text: str) -> bool:
    """Return whether text is a model's name or org/name, and not a path on the machine."""
    return len(text) <= _MAX_MODEL_NAME and _MODEL_NAME.fullmatch(text) is not None


def _model_name(text: str) -> str:
    if not is_model_name(text):
        raise PydanticCustomError(
            "model_name", "must be a model's name, such as demo-whisper-ru or org/name, not a path"
        )
    return text


ModelName = Annotated[str, AfterValidator(_model_name)]
"""Type of a model's name or org/name, never a path; for `model` options of plugins."""


def described(default: Any, meaning: str, expects: str, *, secret: bool = False, **constraints: Any) -> Any:  # noqa: ANN401
    """Define a pydantic field with its meaning, its valid values and whether it is secret.

    Args:
        default: The default, or `...` where there is none.
        meaning: One line for the documentation.
        expects: Valid values, to follow "must be".
        secret: Whether values of it are never shown.
        constraints: Passed on to pydantic's `Field`.
    """
    extra: JsonDict = {"expects": expects, "secret": secret}
    return Field(default, description=meaning, json_schema_extra=extra, **constraints)


def sentence(model: type[BaseModel], name: str, shown_name: str, error: ErrorDetails) -> str:
    """Return the sentence about a wrong value of a field.

    Args:
        model: The model that has the field.
        name: The field.
        shown_name: The field's name as the reader knows it.
        error: Of pydantic.
    """
    extra = model.model_fields[name].json_schema_extra if name in model.model_fields else None
    if error["type"] == "missing":
        return f"{shown_name} is missing"
    if not isinstance(extra, dict):
        return f"{shown_name}: {lowered(error['msg'])}"
    given = f"this {kind_of_value(error['input'])}" if extra["secret"] else shown(error["input"])
    return f"{shown_name} must be {extra['expects']}, not {given}"


def shown(value: object) -> str:
    """Return a value as JSON without voiceprints, cut to a readable length."""
    try:
        text = mask_voiceprints(json.dumps(value, ensure_ascii=False, default=kind_of_value))
    except (TypeError, ValueError, RecursionError):
        text = kind_of_value(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def joined(mistakes: Iterable[str]) -> str:
    """Join mistakes to one sentence without repetition."""
    return "; ".join(dict.fromkeys(mistakes))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the nearest known one, if any."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def lowered(message: str) -> str:
    """Return a message with a small first letter, to follow a colon."""
    return message[:1].lower() + message[1:]


def quoted(part: object) -> str:
    """Return a field's name, quoted when it is no identifier."""
    name = str(part)
    return name if name.isidentifier() and name == mask_voiceprints(name) else shown(name)


def kind_of_value(value: object) -> str:
    """Return the kind of a value as JSON calls it."""
    names = {str: "text", bool: "boolean", dict: "object", list: "list", type(None): "null"}
    return names.get(type(value), "number" if isinstance(value, int | float) else type(value).__name__)
