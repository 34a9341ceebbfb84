"""Text and JSON of the files that are compared; what is wrong with them is one sentence."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from whisperx_worker.contract.fields import lowered, shown
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.times import possible_time

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_MB = 256
"""Size of a file of references or results."""

Time = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(possible_time)]
"""Type of a time in JSON, in seconds from the start of the recording."""


def is_file(path: Path) -> bool:
    """Return whether a file is there, also for names that are too long for any."""
    return os.path.isfile(path)  # noqa: PTH113  Path.is_file raises OSError on such a name


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        BadInputError: When it is too large, not in UTF-8, or cannot be read.
    """
    try:
        if path.stat().st_size > MAX_FILE_MB * 1_000_000:
            raise BadInputError(f"{path.name} is larger than {MAX_FILE_MB} MB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInputError(f"{path.name} is not in UTF-8") from None
    except OSError as error:
        raise BadInputError(f"{path.name} cannot be read: {error.strerror}") from None


def parse_json(text: str) -> object:
    """Return the value of a JSON text, in which each key of an object is there once.

    Raises:
        BadInputError: When it is no JSON, or a key is there twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadInputError):
            raise
        raise BadInputError(f"this is no JSON ({error})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise BadInputError(f"{shown(twice)} is there twice in one object; keep one of them")
    return found


def field_sentence(detail: Any, of: str) -> str:  # noqa: ANN401
    """Return the sentence about an error of pydantic.

    Args:
        detail: The error.
        of: What has the fields, to follow "a field of".
    """
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    where = f"{name}: " if name else ""
    if detail["type"] == "value_error":
        return f"{where}{detail['ctx']['error']}"
    if detail["type"] == "missing":
        return f"{name} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{name} is not a field of {of}"
    return f"{where}{lowered(detail['msg'])}, not {shown(detail['input'])}"


def check_order(start_s: float | None, end_s: float | None) -> None:
    """Check that an interval does not end before its start.

    Raises:
        ValueError: When it does.
    """
    if start_s is not None and end_s is not None and end_s < start_s:
        raise ValueError(f"the end must not be before the start, but {end_s:.10g} is before {start_s:.10g}")
