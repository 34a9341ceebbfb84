"""Calls of per-job hooks: chains, engines and observers. No other module calls one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from whisperx_worker.errors import BadInputError, JobCancelledError, PluginError, StrictError, WorkerError
from whisperx_worker.hooks.engine_choice import engine_for_job
from whisperx_worker.runtime.failure_kinds import gpu_fault, is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pluggy import HookImpl

    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job

log = logging.getLogger(__name__)

T = TypeVar("T")


def run_chain(host: Host, hook: str, value: T, job: Job, **extra: object) -> T:
    """Fold `value` through every plugin that implements `hook`.

    A plugin that answers None leaves the value alone; one that raises, or answers with another type, is named in a
    warning and leaves the value alone too.

    Args:
        host: The loaded plugins.
        hook: Name of a chain hook; its first argument takes the value.
        value: What the first plugin gets.
        job: The job, for warnings and options.
        extra: The hook's other arguments, the same for every plugin.
    """
    first_argument, expected = host.arguments(hook)[0], type(value)
    for implementation in host.implementations(hook):
        try:
            answer = expect(expected, call(implementation, {first_argument: value, **extra}, job))
        except (StrictError, JobCancelledError):
            raise
        except Exception as error:  # noqa: BLE001  one of the two places that isolate
            job.warn(f"plugin {implementation.plugin_name} failed in {hook}: {failure(error)}; its change is left out")
        else:
            value = value if answer is None else answer
    return value


def run_engine(host: Host, hook: str, expected: type[T], job: Job, **arguments: object) -> T:
    """Run an engine hook in the chosen plugin.

    Args:
        host: The loaded plugins.
        hook: Name of an engine hook.
        expected: The type that the hook promises.
        job: The job, for the choice of the engine and for its options.
        arguments: The hook's arguments.

    Raises:
        PluginError: When no plugin can be chosen, or the chosen one raises, declines, or answers with another type.
    """
    implementation = engine_for_job(host, hook, job)
    name = implementation.plugin_name
    try:
        answer = expect(expected, call(implementation, arguments, job))
    except (BadInputError, StrictError, JobCancelledError):
        raise
    except Exception as error:  # one of the two places that isolate
        raise PluginError(f"{hook} failed in plugin {name}: {failure(error)}") from error
    if answer is None:
        raise PluginError(f"{hook}: plugin {name} declined this job")
    return answer


def notify_observers(host: Host, hook: str, job: Job, **arguments: object) -> None:
    """Call an observer hook in every plugin; log what raises.

    Args:
        host: The loaded plugins.
        hook: Name of an observer hook.
        job: The job, for options.
        arguments: The hook's arguments.
    """
    for implementation in host.implementations(hook):
        try:
            call(implementation, arguments, job)
        except Exception:
            log.exception("plugin %s failed in %s", implementation.plugin_name, hook)


def expect(expected: type[T], answer: object) -> T | None:
    """Return a plugin's answer where it has the promised type or is None.

    Raises:
        PluginError: When it is something else.
    """
    if answer is None or isinstance(answer, expected):
        return answer
    raise PluginError(f"it returned {_kind(answer)} instead of {expected.__name__}")


def call(implementation: HookImpl, arguments: Mapping[str, object], job: Job) -> object:
    """Call one plugin with the arguments in its signature.

    A fault of the GPU is noted, whoever isolates it.

    Raises:
        PluginError: In place of the plugin's SystemExit: a plugin must not end the worker.
    """
    available = {**arguments, "job": job, "options": job.options.get(implementation.plugin_name)}
    required = [available[name] for name in implementation.argnames]
    with_default = {name: available[name] for name in implementation.kwargnames if name in available}
    try:
        return implementation.function(*required, **with_default)
    except SystemExit as ending:
        raise PluginError("it tried to end the process") from ending
    except Exception as error:
        job.health.note(error)
        raise


def failure(error: BaseException) -> str:
    """Return what a client may read of an exception: its sentence if it is ours, else its type.

    The rest, which may name files or hosts, goes to the log.
    """
    gpu = gpu_fault(error)
    if isinstance(error, WorkerError) and (gpu is None or gpu is error):
        return str(error)
    log.error("a plugin raised", exc_info=error)
    if gpu:
        return f"the worker's GPU failed ({_kind(gpu)})"
    return f"it ran out of memory ({_kind(error)})" if is_out_of_memory(error) else f"it raised {_kind(error)}"


def _kind(value: object) -> str:
    return type(value).__name__
