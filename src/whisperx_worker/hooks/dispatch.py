"""Calls of per-job hooks: chains, engines and observers. No other module calls one."""

from __future__ import annotations

import functools
import json
import logging
import time
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from whisperx_worker.errors import (
    BadInputError,
    ClosedPluginError,
    FetchError,
    JobEndError,
    PluginError,
    WorkerError,
)
from whisperx_worker.hooks.contents import find_fault, with_channels
from whisperx_worker.hooks.engine_choice import engine_for_job, engines_for_job
from whisperx_worker.hooks.host import hook_arguments, taking_part
from whisperx_worker.hooks.job import PluginCalls
from whisperx_worker.hooks.marker import traits_of
from whisperx_worker.hooks.plugin_call import call
from whisperx_worker.hooks.requirements import import_libraries
from whisperx_worker.hooks.trace import call_that_answered, call_that_raised, keep_call
from whisperx_worker.logs import redaction
from whisperx_worker.runtime.failure_kinds import gpu_fault, is_out_of_memory
from whisperx_worker.types import Audio
from whisperx_worker.voices.embeddings import VoiceEmbeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pluggy import HookImpl

    from whisperx_worker.contract.audio_source import PluginAddress
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job

log = logging.getLogger(__name__)

T = TypeVar("T")

Complete: TypeAlias = "Callable[[HookImpl, Mapping[str, object]], Mapping[str, object]]"
"""Returns the arguments of an engine, with those that it takes and that were not given."""

_CHECKED_AGAINST = {"embed_voices": "sounds"}
"""Argument that the answer of an engine must fit, by hook."""


def run_chain(host: Host, hook: str, value: T, job: Job, **extra: object) -> T:
    """Fold `value` through every plugin that implements `hook`.

    A plugin that answers None leaves the value alone. One that raises, or answers with something that is not sound, is
    named in a warning and leaves the value alone too, or the job ends where it is closed or the operator requires it.

    Args:
        host: The loaded plugins.
        hook: Name of a chain hook; its first argument takes the value.
        value: What the first plugin gets.
        job: The job, for warnings and options.
        extra: The hook's other arguments, the same for every plugin.

    Raises:
        JobEndError: When a plugin refuses the job, or fails and must not be left out.
    """
    first_argument, expected = host.arguments(hook)[0], type(value)
    for implementation in taking_part(host, hook, job):
        try:
            answer = _ask(implementation, hook, {first_argument: _own(value), **extra}, job, expected, value)
            value = value if answer is None else _own(answer)
        except JobEndError:
            raise
        except Exception as error:
            what = f"plugin {implementation.plugin_name} failed in {hook}: {failure(error)}"
            if is_closed(host, implementation):
                raise ClosedPluginError(f"{what}; the job does not go on without it") from error
            job.warn(f"{what}; its change is left out")
    return value


def _own(value: T) -> T:
    """Return a response as data that no plugin has a reference to; other values are frozen."""
    return json.loads(json.dumps(value)) if isinstance(value, dict) else value


def run_engine(host: Host, hook: str, expected: type[T], job: Job, **arguments: object) -> T:
    """Run an engine hook in the chosen plugin.

    Args:
        host: The loaded plugins.
        hook: Name of an engine hook.
        expected: The type that the hook promises.
        job: The job, for the choice of the engine and for its options.
        arguments: The hook's arguments.

    Raises:
        PluginError: When no plugin can be chosen, or the chosen one raises, declines, or answers with something that is
            not sound.
    """
    return run_engine_with(host, hook, expected, job, arguments, lambda _engine, given: given)


def run_engine_with(  # noqa: PLR0913  those of run_engine and one more
    host: Host, hook: str, expected: type[T], job: Job, arguments: Mapping[str, object], complete: Complete
) -> T:
    """Run an engine hook with arguments that are made only for an engine that takes them."""
    return _run_engines(engines_for_job(host, hook, job), hook, expected, job, complete, arguments)


def _run_engines(  # noqa: PLR0913  what all engines of a step have in common
    engines: Sequence[HookImpl],
    hook: str,
    expected: type[T],
    job: Job,
    complete: Complete,
    arguments: Mapping[str, object],
) -> T:
    """Run the first engine, which may call the next one."""
    implementation, *others = engines
    name = implementation.plugin_name

    def next_engine(*unnamed: object, **changed: object) -> T:
        if not others:
            raise PluginError(f"there is no engine after {name}")
        if unnamed or changed.keys() - {*hook_arguments(hook)}:
            raise PluginError(f"next_engine takes arguments of {hook} by name, such as next_engine(audio=audio)")
        if isinstance(audio := changed.get("audio"), Audio):
            changed["audio"] = _with_same_channels(audio, arguments["audio"])
        return _run_engines(others, hook, expected, job, complete, {**arguments, **changed})

    completed = complete(implementation, arguments)
    try:
        answer = _ask(implementation, hook, {**completed, "next_engine": next_engine}, job, expected)
    except (BadInputError, JobEndError):
        raise
    except Exception as error:  # one of the two places that isolate
        raise PluginError(f"{hook} failed in plugin {name}: {failure(error)}") from error
    if answer is None:
        raise PluginError(f"{hook}: plugin {name} declined this job")
    return answer


def _with_same_channels(audio: Audio, before: object) -> Audio:
    """Return audio for the next engine, with its channels where they are read apart.

    Raises:
        PluginError: When it is longer or shorter, or its channels lie elsewhere.
    """
    if not (isinstance(before, Audio) and before.channel_spans):
        return audio
    audio = with_channels(audio, before)
    if fault := find_fault(audio, before):
        raise PluginError(f"next_engine got an Audio in which {fault}")
    return audio


def notify_observers(host: Host, hook: str, job: Job, **arguments: object) -> None:
    """Call an observer hook in every plugin; log what raises.

    Args:
        host: The loaded plugins.
        hook: Name of an observer hook.
        job: The job, for options.
        arguments: The hook's arguments.
    """
    for implementation in taking_part(host, hook, job):
        try:
            _ask(implementation, hook, arguments, job)
        except Exception:
            log.exception("plugin %s failed in %s", implementation.plugin_name, hook)


def calls_of_job(host: Host) -> PluginCalls:
    """Return the hooks of a host that a job calls by itself."""
    reviewed = bool(host.implementations("decoded"))
    return PluginCalls(
        decoded=lambda decoded, job: run_chain(host, "decoded", decoded, job) if reviewed else decoded,
        partial=lambda segments, job: run_chain(host, "partial", segments, job),
        fetch_address=functools.partial(fetch_address, host),
        embed_voices=functools.partial(embed_voices, host),
        stage_ended=lambda job, ended: notify_observers(host, "stage_ended", job, ended=ended),
    )


def embed_voices(host: Host, sounds: Sequence[NDArray[np.float32]], job: Job) -> VoiceEmbeddings:
    """Embed sounds of one voice each by the engine of a job.

    Raises:
        PluginError: When no plugin can be chosen, or the chosen one fails.
    """
    import_libraries(host, engine_for_job(host, "embed_voices", job).plugin_name, job.settings)
    return run_engine(host, "embed_voices", VoiceEmbeddings, job, sounds=tuple(sounds))


def fetch_address(host: Host, address: PluginAddress, folder: Path, job: Job) -> Path:
    """Fetch an address by the plugin of its scheme.

    Raises:
        BadInputError: When no plugin of the job has the scheme, or the plugin says so.
        FetchError: When the plugin fails.
    """
    implementation = host.sources.get(address.scheme)
    if implementation is None or implementation.plugin_name in job.plugins_off:
        raise BadInputError(f"no plugin of this job fetches addresses of the kind {address.scheme}:")
    with redaction.hidden([address.address]):
        try:
            path = _ask(implementation, "source", {"address": address.address, "folder": folder}, job, Path)
        except (BadInputError, JobEndError):
            raise
        except Exception as error:
            raise FetchError(f"plugin {implementation.plugin_name} failed in source: {failure(error)}") from error
    if path is None or folder.resolve() not in path.resolve().parents:
        raise FetchError(f"plugin {implementation.plugin_name} gave no file in the folder for the recording")
    return path


def _ask(  # noqa: PLR0913  what is named has a default
    implementation: HookImpl,
    hook: str,
    arguments: Mapping[str, object],
    job: Job,
    expected: type[T] | None = None,
    before: object = None,
) -> T | None:
    """Call a plugin and check its answer; in a job with `debug`, trace the call.

    Args:
        implementation: The plugin's function.
        hook: Name of the hook.
        arguments: The hook's arguments.
        job: The job.
        expected: The type that the hook promises; None of an observer, whose answer is ignored.
        before: Value that a chain's plugin gets.
    """
    name, began_s = implementation.plugin_name, time.perf_counter()
    try:
        given = call(implementation, arguments, job)
        about = arguments.get(_CHECKED_AGAINST.get(hook, ""), before)
        answer = expect(expected, given, about) if expected else None
    except Exception as error:
        if job.request.debug:
            keep_call(job.calls, call_that_raised(name, hook, time.perf_counter() - began_s, error))
        raise
    if job.request.debug:
        keep_call(job.calls, call_that_answered(name, hook, time.perf_counter() - began_s, answer, before))
    return answer


def is_closed(host: Host, implementation: HookImpl) -> bool:
    """Return whether a job must not go on without the change of a chain's plugin."""
    return traits_of(implementation).closed or implementation.plugin_name in host.required


def closed_to_text(host: Host, job: Job) -> set[str]:
    """Return the plugins of a job that must see all text before it leaves."""
    return {
        one.plugin_name
        for hook in ("post_align", "finalize")
        for one in taking_part(host, hook, job)
        if traits_of(one).closed
    }


def texts_unseen_by(host: Host, job: Job) -> list[str]:
    """Return the plugins of a job that must see all text first, and see no pieces."""
    in_pieces = {one.plugin_name for one in taking_part(host, "partial", job)}
    return sorted(closed_to_text(host, job) - in_pieces)


def expect(expected: type[T], answer: object, before: object = None) -> T | None:
    """Return a plugin's answer where it is sound or None.

    One of a subclass becomes the plain value that it is made of.

    Args:
        expected: The type that the hook promises.
        answer: The answer.
        before: Value that the plugin got.

    Raises:
        PluginError: When it has another type, or contents that cannot be.
    """
    if answer is None:
        return None
    if not isinstance(answer, expected):
        raise PluginError(f"it returned {_kind(answer)} instead of {expected.__name__}")
    if is_dataclass(expected) and type(answer) is not expected:
        answer = expected(**{one.name: getattr(answer, one.name) for one in fields(expected)})
    if isinstance(answer, Audio) and isinstance(before, Audio):
        answer = cast("T", with_channels(answer, before))
    if fault := find_fault(answer, before):
        raise PluginError(f"it returned {_kind(answer)} in which {fault}")
    return answer


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
