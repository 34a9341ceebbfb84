"""What crosses between the worker and a plugin's process, all of it frozen."""

from __future__ import annotations

import builtins
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from whisperx_worker import errors
from whisperx_worker.errors import WorkerError
from whisperx_worker.hooks.job import StageEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whisperx_worker.contract.request import Request
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.marker import Traits
    from whisperx_worker.hooks.plugin_info import PluginInfo
    from whisperx_worker.models.cache import ModelUse
    from whisperx_worker.types import Seconds


@dataclass(frozen=True)
class Start:
    """What a process loads."""

    plugin: str
    source: str
    """As of its candidate."""
    settings: Settings


@dataclass(frozen=True)
class HookDescription:
    """One hook function of a plugin."""

    arguments: tuple[str, ...]
    traits: Traits
    tryfirst: bool
    trylast: bool


@dataclass(frozen=True)
class FormatDescription:
    """One output format of a plugin."""

    suffix: str
    media_type: str | None
    takes_audio: bool


@dataclass(frozen=True)
class PluginDescription:
    """What a loaded plugin offers."""

    hooks: Mapping[str, HookDescription]
    info: PluginInfo
    text: str
    """First line of its docstring."""
    options: Mapping[str, Any] | None
    """JSON schema of each option, with default and description; None where it has none."""
    extra: Mapping[str, tuple[str, ...]] | None
    """Names in its extra data by kind of value; None where it declares none."""
    keep_when_cut: bool
    formats: Mapping[str, FormatDescription]


@dataclass(frozen=True)
class JobDescription:
    """What a plugin's process knows of a job; the rest it asks for."""

    id: str
    request: Request
    settings: Settings | None
    """None: those that the process began with."""
    local: bool
    left_s: Seconds
    plugins_off: frozenset[str]
    options: Options | None
    """Of the plugin."""


CallKind = Literal["hook", "output", "setup", "options", "extra"]


@dataclass(frozen=True)
class Call:
    """One call of a plugin's process."""

    kind: CallKind
    name: str
    """Of the hook, output format, or kind of value."""
    arguments: Mapping[str, Any]
    job: JobDescription | None = None


@dataclass(frozen=True)
class Options:
    """Options that the plugin's process has found right, and validates again where they are used."""

    data: Any


@dataclass(frozen=True)
class Mistakes:
    """What a schema refuses."""

    details: tuple[tuple[str, tuple[int | str, ...], str], ...]
    """Type, place and message of each, as pydantic has them."""


@dataclass(frozen=True)
class Ask:
    """Call of a method of the worker's job."""

    method: str
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """End of a call, or answer to what a plugin asked."""

    value: Any = None
    error: Exception | None = None
    """What to raise in place of the value."""
    notes: Mapping[str, object] = field(default_factory=dict)
    timings: Mapping[str, Seconds] = field(default_factory=dict)
    uses: tuple[ModelUse, ...] = ()
    is_broken: bool = False
    """Whether later calls must not go to this process."""


@dataclass(frozen=True)
class Line:
    """Record of the log."""

    logger: str
    level: int
    message: str
    trace: str | None
    fields: Mapping[str, object]
    """Further fields of an event."""

    def log(self, plugin: str) -> None:
        """Log it here, with the plugin's name."""
        logger = logging.getLogger(self.logger)
        if not logger.isEnabledFor(self.level):
            return
        named = self.logger.startswith(("whisperx_worker.printed.", "whisperx_worker.events"))
        message = self.message if named else f"{plugin}: {self.message}"
        origin = f"process of {plugin}"
        record = logger.makeRecord(
            self.logger, self.level, origin, 0, "%s", (message,), None, origin, dict(self.fields), self.trace
        )
        logger.handle(record)


def portable(error: BaseException) -> Exception:
    """Return an exception that crosses: of the worker's classes where it is one, else built-in, with its text."""
    kinds = [kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__]
    if isinstance(error, WorkerError):
        return kinds[0](str(error))  # type: ignore[no-any-return]
    if type(error) is getattr(builtins, type(error).__name__, None) and isinstance(error, Exception):
        try:
            return type(error)(str(error))
        except TypeError:  # one that takes more than a text
            pass
    return RuntimeError(f"{type(error).__name__}: {error}")


def portable_value(value: object) -> object:
    """Return an argument of a hook with exceptions that cross."""
    if isinstance(value, BaseException):
        return portable(value)
    if isinstance(value, StageEnd) and value.error is not None:
        return replace(value, error=portable(value.error))
    return value
