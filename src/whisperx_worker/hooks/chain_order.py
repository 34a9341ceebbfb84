"""Order of a hook's implementations: by their own wishes and by the operator's. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.marker import traits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pluggy import HookImpl


def order_chain(implementations: Sequence[HookImpl], operators_order: Sequence[str]) -> list[HookImpl]:
    """Sort the implementations of a hook.

    Those that the operator names come first, in that order. Of the others, `tryfirst` comes before and `trylast` after
    the rest, which keep the order they have. Then each moves behind those that must come before it, by `before` and
    `after`; between two that the operator names these do not count.

    Args:
        implementations: In the order of registration.
        operators_order: Names of plugins.

    Raises:
        PluginError: When `before` and `after` lead in a circle.
    """
    place = {name: rank for rank, name in enumerate(operators_order)}
    waiting = sorted(
        implementations,
        key=lambda one: (place.get(one.plugin_name, len(place)), one.trylast - one.tryfirst),
    )
    earlier = {one.plugin_name: set[str]() for one in waiting}
    for first, second in _wishes(waiting):
        if not (first in place and second in place):
            earlier[second].add(first)
    ordered: list[HookImpl] = []
    while waiting:
        done = {one.plugin_name for one in ordered}
        following = next((one for one in waiting if earlier[one.plugin_name] <= done), None)
        if following is None:
            raise PluginError(f"before and after lead in a circle: {_circle(earlier, waiting[0].plugin_name, done)}")
        ordered.append(following)
        waiting.remove(following)
    return ordered


def ignored_wishes(implementations: Sequence[HookImpl], operators_order: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of plugins that want the opposite of the operator's order, as they want it."""
    place = {name: rank for rank, name in enumerate(operators_order)}
    return [
        (first, second)
        for first, second in _wishes(implementations)
        if first in place and second in place and place[first] > place[second]
    ]


def _wishes(implementations: Sequence[HookImpl]) -> Iterator[tuple[str, str]]:
    """Yield pairs of plugins of which the first has to come before the second."""
    present = {one.plugin_name for one in implementations}
    for one in implementations:
        traits = traits_of(one)
        yield from ((one.plugin_name, other) for other in traits.before if other in present)
        yield from ((other, one.plugin_name) for other in traits.after if other in present)


def _circle(earlier: dict[str, set[str]], start: str, done: set[str]) -> str:
    path = [start]
    while path.count(path[-1]) < 2:  # noqa: PLR2004  one is there twice
        path.append(min(earlier[path[-1]] - done))
    circle = path[path.index(path[-1]) :]
    return ", which comes after ".join(circle)
