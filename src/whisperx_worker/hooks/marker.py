"""Marker of hook functions, with their order and the meaning of their failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

import pluggy

if TYPE_CHECKING:
    from pluggy import HookImpl

PROJECT = "whisperx_worker"
"""The entry-point group, and the name that binds specs and implementations."""

_ATTRIBUTE = "whisperx_worker_traits"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Traits:
    """Properties of a hook function."""

    closed: bool = False
    """Whether its failure fails the job."""
    before: tuple[str, ...] = ()
    """Plugins that run after this one."""
    after: tuple[str, ...] = ()
    """Plugins that run before this one."""
    schemes: tuple[str, ...] = ()
    """Schemes of addresses that this function of `source` fetches, in small letters."""


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(
    *,
    closed: bool = False,
    before: str | Iterable[str] = (),
    after: str | Iterable[str] = (),
    schemes: str | Iterable[str] = (),
    tryfirst: bool = False,
    trylast: bool = False,
    **further: Any,  # noqa: ANN401
) -> Callable[[F], F]: ...
def hookimpl(  # noqa: PLR0913  the words that a function may say of itself
    function: F | None = None,
    *,
    closed: bool = False,
    before: str | Iterable[str] = (),
    after: str | Iterable[str] = (),
    schemes: str | Iterable[str] = (),
    tryfirst: bool = False,
    trylast: bool = False,
    **further: Any,
) -> F | Callable[[F], F]:
    """Mark a function as the implementation of the hook of the same name.

    Args:
        function: The function, where the marker is used without arguments.
        closed: Whether the job fails where this function of a chain does; else its change is left out, with a warning.
        before: Plugins that come after this one in the chain.
        after: Plugins that come before this one in the chain.
        schemes: Schemes of addresses that a `source` fetches, such as "s3".
        tryfirst: Whether it comes before all that do not say so.
        trylast: Whether it comes after all that do not say so.
        further: Further options of pluggy's marker.
    """
    traits = Traits(closed, _names(before), _names(after), tuple(map(str.lower, _names(schemes))))

    def mark(marked: F) -> F:
        setattr(marked, _ATTRIBUTE, traits)
        pluggy.HookimplMarker(PROJECT)(tryfirst=tryfirst, trylast=trylast, **further)(marked)
        return marked

    return mark if function is None else mark(function)


def traits_of(implementation: HookImpl) -> Traits:
    """Return the properties of an implementation's function."""
    traits: Traits = getattr(implementation.function, _ATTRIBUTE, Traits())
    return traits


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
