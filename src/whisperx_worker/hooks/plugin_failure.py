"""Failure of a plugin's code: whatever it raises becomes an exception that can be caught, read and logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from whisperx_worker.errors import PluginError
from whisperx_worker.runtime.failure_kinds import causes

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def call_contained(function: Callable[..., T], *arguments: object, **named: object) -> T:
    """Call a plugin's function.

    Raises:
        KeyboardInterrupt: As a person at the keyboard raises it.
        Exception: What the function raises, or PluginError in place of what is no Exception or has no readable text.
    """
    try:
        return function(*arguments, **named)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  it is raised below
        failure = _contained(error)
    try:
        raise failure  # outside of the except clause, so that an unreadable exception is not its context
    finally:
        del failure  # its traceback holds this frame


def _contained(error: BaseException) -> Exception:
    kind = type(error).__name__
    if not all(map(_is_readable, causes(error))):
        return PluginError(f"it raised {kind}, whose text cannot be read")
    if isinstance(error, Exception):
        return error
    ended = isinstance(error, SystemExit)
    failure = PluginError("it tried to end the process" if ended else f"it raised {kind}, which is no Exception")
    failure.__cause__ = error
    return failure


def _is_readable(error: BaseException) -> bool:
    """Return whether an exception has a text, which its own code makes."""
    try:
        _ = f"{error}{error!r}"
    except Exception:  # noqa: BLE001  it is the plugin's code
        return False
    return True
