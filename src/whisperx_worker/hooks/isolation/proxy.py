"""Stand-in for a plugin in a process of its own: the same hooks, which call it there."""

from __future__ import annotations

import math
import weakref
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.host import kind_of
from whisperx_worker.hooks.isolation.messages import Call, Start, portable_value
from whisperx_worker.hooks.isolation.process import PluginProcess
from whisperx_worker.hooks.isolation.schema import schema_elsewhere
from whisperx_worker.hooks.isolation.stand_in_job import describe_job
from whisperx_worker.hooks.marker import hookimpl
from whisperx_worker.hooks.plugin_call import ISOLATED, time_limit
from whisperx_worker.results.extra_schema import ExtraSchema
from whisperx_worker.results.formats.output_format import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Candidate
    from whisperx_worker.hooks.isolation.messages import CallKind, PluginDescription
    from whisperx_worker.types import Seconds

_SHUTDOWN_LIMIT_S: Seconds = 5.0
_IN_DESCRIPTION = ("job", "options")
"""Arguments that cross in another form."""


def in_own_process(candidate: Candidate, settings: Settings) -> Candidate:
    """Return a candidate that is loaded in a process of its own."""
    return replace(candidate, load=partial(_load_proxy, candidate, settings))


def _load_proxy(candidate: Candidate, settings: Settings) -> ModuleType:
    """Load a plugin in its process, and return its stand-in.

    Raises:
        PluginError: When the plugin cannot be loaded, or needs the worker's process.
    """
    process = PluginProcess(Start(candidate.name, candidate.source, settings))
    description = process.load()
    proxy = ModuleType(candidate.name, description.text)
    for hook, function in description.hooks.items():
        if "next_engine" in function.arguments:
            raise PluginError(f"{hook} takes next_engine, which is not there in a process of its own")
        stand_in = _setup_function(process, hook, description) if kind_of(hook) == "setup" else (
            _function([*function.arguments, "job"], partial(_call, process, "hook", hook))
        )  # fmt: skip
        setattr(stand_in, ISOLATED, True)
        traits = function.traits
        marked = hookimpl(
            closed=traits.closed,
            before=traits.before,
            after=traits.after,
            schemes=traits.schemes,
            tryfirst=function.tryfirst,
            trylast=function.trylast,
        )
        setattr(proxy, hook, marked(stand_in))
    return proxy


def _call(process: PluginProcess, kind: CallKind, name: str, **arguments: Any) -> object:  # noqa: ANN401
    """Call a hook or a writer of a format, for a job."""
    job = arguments["job"]
    sent = {argument: portable_value(value) for argument, value in arguments.items() if argument not in _IN_DESCRIPTION}
    call = Call(kind, name, sent, describe_job(job, process.start))
    return process.call(call, job, time_limit(job))


def _setup_function(process: PluginProcess, hook: str, description: PluginDescription) -> Callable[..., object]:
    def set_up(limit_s: Seconds = math.inf, **arguments: object) -> object:
        return process.call(Call("setup", hook, arguments), None, limit_s)

    alive = weakref.ref(process)  # schemas are kept in caches

    def validated(kind: CallKind, name: str, data: object) -> object:
        if (there := alive()) is None:
            raise PluginError("the process of the plugin has ended")
        try:
            return there.call(Call(kind, name, {"data": data}), None, math.inf)
        except PluginError as error:
            raise PluginError(f"plugin {there.start.plugin} failed in {hook}: {error}") from error

    def shut_down() -> object:
        return set_up(_SHUTDOWN_LIMIT_S) if process.is_running else None

    if hook in {"register_models", "warm_up"}:
        return lambda settings: set_up(settings=settings)
    if hook == "shutdown":
        return shut_down
    extra = description.extra or {}
    answers = {
        "register_plugin": description.info,
        "register_options": None if description.options is None else (
            schema_elsewhere(description.options, partial(validated, "options", ""))
        ),
        "register_extra": None if description.extra is None else ExtraSchema(
            **{kind: schema_elsewhere({key: {} for key in names}, partial(validated, "extra", kind))
               for kind, names in extra.items()},
            keep_when_cut=description.keep_when_cut,
        ),
        "register_outputs": [
            OutputFormat(name, one.suffix, _writer(process, name, takes_audio=one.takes_audio), one.media_type)
            for name, one in description.formats.items()
        ],
    }  # fmt: skip
    return lambda: answers[hook]


def _writer(process: PluginProcess, name: str, *, takes_audio: bool) -> Callable[..., Any]:
    names = ["result", "job", "options", *(["audio"] if takes_audio else [])]
    return _function(names, partial(_call, process, "output", name))


def _function(names: Iterable[str], run: Callable[..., object]) -> Callable[..., object]:
    """Return a function with arguments of these names, as pluggy reads them from its code."""
    names = list(dict.fromkeys(names))
    source = f"lambda {', '.join(names)}: run({', '.join(f'{name}={name}' for name in names)})"
    function: Callable[..., object] = eval(source, {"run": run})  # noqa: S307  names of arguments
    return function
