"""Schemas of a plugin in another process: their names are here, and data is validated there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from whisperx_worker.hooks.isolation.messages import Mistakes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def schema_elsewhere(fields: Mapping[str, Any], validate: Callable[[object], object]) -> type:
    """Return a schema of options or extra data that pydantic takes.

    Args:
        fields: JSON schema of each field by name.
        validate: Returns the validated value, or Mistakes.
    """

    def checked(value: object) -> object:
        answer = validate(value)
        if isinstance(answer, Mistakes):
            lines = [
                InitErrorDetails(
                    type=PydanticCustomError(kind, "{message}", {"message": message}), loc=place, input=None
                )
                for kind, place, message in answer.details
            ]
            raise ValidationError.from_exception_data("data", lines)
        return answer

    @dataclass(frozen=True)
    class Elsewhere:
        """Data of a plugin in another process."""

        @classmethod
        def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> core_schema.CoreSchema:
            return core_schema.no_info_plain_validator_function(checked)

        @classmethod
        def __get_pydantic_json_schema__(cls, _schema: object, _handler: object) -> dict[str, Any]:
            return {"type": "object", "properties": dict(fields)}

    return Elsewhere
