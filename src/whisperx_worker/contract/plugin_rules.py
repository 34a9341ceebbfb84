"""Rules of the operator for single plugins, from the variables `WHISPERX_WORKER_PLUGIN_<NAME>`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping  # noqa: TC003  pydantic reads the annotations
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from whisperx_worker.contract.fields import joined
from whisperx_worker.errors import SettingsError

PREFIX = "WHISPERX_WORKER_PLUGIN_"


@dataclass(frozen=True, eq=False)
class PluginRules:
    """What the operator decides about one plugin."""

    variable: str
    """Environment variable that they come from."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of jobs that do not send them."""
    locked: frozenset[str] = frozenset()
    """Options that no job may send."""
    secrets: Mapping[str, Any] = field(default_factory=dict)
    """Further options that no job may send, masked wherever text leaves the worker."""
    job_may_disable: bool = False
    """Whether a job may do without the plugin."""


class _Written(BaseModel):
    """The variable's JSON."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    options: dict[str, Any] = {}
    locked: list[str] = []
    secrets: dict[str, Any] = {}
    job_may_disable: bool = False


def rules_variable(plugin: str) -> str:
    """Return the environment variable of a plugin's rules."""
    return PREFIX + re.sub(r"\W", "_", plugin, flags=re.ASCII).upper()


def read_plugin_rules() -> tuple[PluginRules, ...]:
    """Read the rules of all plugins from the environment.

    Raises:
        SettingsError: Naming every variable that cannot be used, without its value, which may be secret.
    """
    found, mistakes = [], []
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith(PREFIX) or not text.strip():
            continue
        try:
            written = _Written.model_validate_json(text)
        except ValidationError as error:
            mistakes += [f"{variable} {_mistake(detail)}" for detail in error.errors(include_input=False)]
            continue
        found.append(
            PluginRules(variable, written.options, frozenset(written.locked), written.secrets, written.job_may_disable)
        )
    if mistakes:
        raise SettingsError(joined(mistakes))
    return tuple(found)


def secret_texts(rules: PluginRules) -> list[str]:
    """Return every text and number in the secrets of a plugin, at any depth."""
    texts: list[str] = []
    left: list[object] = [rules.secrets]
    while left:
        value = left.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            texts.append(str(value))
    return texts


def _mistake(detail: Any) -> str:  # noqa: ANN401
    place = ".".join(map(str, detail["loc"]))
    if detail["type"] == "json_invalid":
        return "is no valid JSON"
    if not place:
        return "must be a JSON object with any of options, locked, secrets and job_may_disable"
    if detail["type"] == "extra_forbidden":
        return f"has {place!r}; it may have options, locked, secrets and job_may_disable"
    return f"has a {place} of another type: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
