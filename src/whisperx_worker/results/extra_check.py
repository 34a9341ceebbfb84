"""Check of the extra data of a result: small JSON, as the plugin's schema allows."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from whisperx_worker.contract.fields import shown
from whisperx_worker.logs import redaction
from whisperx_worker.results.extra_schema import schema_fault
from whisperx_worker.results.formats.output_format import is_unicode
from whisperx_worker.types import NO_EXTRA, ReadOnlyDict, Result, Segment, SpeakerMatch, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from whisperx_worker.results.extra_schema import ExtraSchema, Kind

MAX_BYTES = 64 * 1024
"""Limit on the data of one plugin in one value, as UTF-8 JSON."""
MAX_DEPTH = 8
"""Limit on dicts and lists inside one another, the plugin's own dict included."""
_MAX_INTEGER = 2**63
_encode = json.JSONEncoder(ensure_ascii=False).encode

V = TypeVar("V", Word, Segment, SpeakerMatch, Result)


def check_extra(result: Result, schemas: Mapping[str, ExtraSchema | None]) -> tuple[Result, list[str]]:
    """Return the result with valid extra data only, and a sentence for each fault.

    Data is in plain dicts and lists, and secrets that the worker knows are masked.

    Args:
        result: What the pipeline found.
        schemas: Schemas of the active plugins by name; None of a plugin that declares none.

    Returns:
        The result, and one sentence for each plugin and kind of value.
    """
    faults: dict[tuple[str, Kind], list[str]] = {}

    def checked(value: V, kind: Kind) -> V:
        if value.extra is NO_EXTRA:
            return value
        valid: dict[str, Any] = {}
        for name, data in value.extra.items() if isinstance(value.extra, dict) else [("", value.extra)]:
            try:
                valid[name] = _valid(name, data, schemas, kind)
            except _FaultError as fault:
                faults.setdefault((name if isinstance(name, str) else repr(name), kind), []).append(str(fault))
        return replace(value, extra=ReadOnlyDict(valid) if valid else NO_EXTRA)

    def checked_segment(segment: Segment) -> Segment:
        segment = checked(segment, "segment")
        if all(word.extra is NO_EXTRA for word in segment.words):
            return segment
        return replace(segment, words=tuple([checked(word, "word") for word in segment.words]))

    segments = tuple([checked_segment(segment) for segment in result.transcript.segments])
    speakers = tuple([checked(speaker, "speaker") for speaker in result.speakers])
    transcript = replace(result.transcript, segments=segments)
    whole = replace(checked(result, "result"), transcript=transcript, speakers=speakers)
    return whole, [_sentence(name, kind, found, schemas) for (name, kind), found in faults.items()]


class _FaultError(ValueError):
    """Data that `extra` must not have, named as what a plugin put there."""


def _sentence(name: str, kind: Kind, faults: list[str], schemas: Mapping[str, object]) -> str:
    """Return the sentence about what is left out of one kind of value."""
    where = f"extra of {f'{len(faults)} {kind}s' if len(faults) > 1 else f'a {kind}'}"
    if name in schemas:
        return f"plugin {name} put {faults[0]} into {where}, which is left out"
    return f"{where} has {faults[0]}, which is left out"


def _valid(name: object, data: object, schemas: Mapping[str, ExtraSchema | None], kind: Kind) -> dict[str, Any]:
    """Return the data of one plugin as plain JSON with secrets masked.

    Raises:
        _FaultError: When it is something else.
    """
    if name == "" and not isinstance(data, dict):
        raise _FaultError(f"a value of type {type(data).__name__} in place of {{plugin: {{...}}}}")
    if not isinstance(name, str) or name not in schemas:
        raise _FaultError(f"data of no active plugin ({shown(name)})")
    if not isinstance(data, dict):
        raise _FaultError(f"a value of type {type(data).__name__} in place of a dict")
    _refuse_large_or_no_json(data)
    text = _encode(data)
    if len(text.encode()) > MAX_BYTES:
        raise _FaultError(_TOO_LARGE)
    schema = schemas[name]
    allowed = getattr(schema, kind, None)
    if schema is not None and allowed is None:
        raise _FaultError("data that its schema lacks")
    if allowed is not None and (fault := schema_fault(text, data, allowed)):
        raise _FaultError(fault)
    plain: dict[str, Any] = redaction.mask_known_in(data)
    return plain


_TOO_LARGE = f"more than {MAX_BYTES // 1024} KB"


def _refuse_large_or_no_json(data: object) -> None:
    """Walk data, as far as it may be large.

    Raises:
        _FaultError: When it is no JSON, or too large or deep.
    """
    left, size = [(data, 1)], 0
    while left:
        value, depth = left.pop()
        size += len(value) if isinstance(value, dict | list | tuple | str) else 1
        if size > MAX_BYTES:
            raise _FaultError(_TOO_LARGE)
        if isinstance(value, dict | list | tuple):
            if depth > MAX_DEPTH:
                raise _FaultError(f"data more than {MAX_DEPTH} levels deep")
            left += [(item, depth + 1) for item in _items(value)]
        else:
            _refuse_no_json(value)


def _items(value: dict[object, object] | list[object] | tuple[object, ...]) -> Iterable[object]:
    """Return the items of a list, or the keys and values of a dict with text for keys.

    Raises:
        _FaultError: When a key is something else.
    """
    if not isinstance(value, dict):
        return value
    for key in value:
        if not isinstance(key, str):
            raise _FaultError(f"a key of type {type(key).__name__}")
    return [*value, *value.values()]


def _refuse_no_json(value: object) -> None:
    """Refuse a scalar that JSON cannot carry, or not to every reader.

    Raises:
        _FaultError: With what it is.
    """
    if isinstance(value, str):
        if not is_unicode(value):
            raise _FaultError("text with half of a surrogate pair")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _FaultError(f"the number {float(value)}")
    elif isinstance(value, int):
        if not -_MAX_INTEGER <= value < _MAX_INTEGER:
            raise _FaultError("an integer of more than 64 bits")
    elif value is not None:
        raise _FaultError(f"a value of type {type(value).__name__}")
