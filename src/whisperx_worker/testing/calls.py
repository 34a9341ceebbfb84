"""Calls of single hooks, and the jobs that they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from whisperx_worker.contract.validation import parse_request, plugins_off
from whisperx_worker.errors import PluginError
from whisperx_worker.hooks import dispatch
from whisperx_worker.hooks.contents import find_fault
from whisperx_worker.hooks.job import NO_OBSERVERS, Job
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.testing.plugins import host_of, make_settings
from whisperx_worker.testing.values import make_audio
from whisperx_worker.types import Language, Span, Speech

if TYPE_CHECKING:
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Observers
    from whisperx_worker.types import Audio, Result

T = TypeVar("T")

NO_AUDIO_YET = "UklGRg=="
"""The base64 that jobs send as audio where a test gives none; it is never decoded."""


def with_some_audio(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a request that has a recording, if only one that is never decoded."""
    return fields if {"audio_file", "audio_base64"} & set(fields) else {"audio_base64": NO_AUDIO_YET, **fields}


def make_job(host: Host | None = None, *, observers: Observers = NO_OBSERVERS, **fields: Any) -> Job:  # noqa: ANN401
    """Return a job as a client would send it; the host's plugins observe its stages.

    Args:
        host: The plugins whose options the job may carry.
        observers: Called while the job runs.
        fields: Fields of the request, such as `plugins={"plugin": {"option": 1}}`.

    Raises:
        BadInputError: As a client would get it.
    """
    host = host or host_of({})
    request, options = parse_request(with_some_audio(fields), host.abilities)
    return Job(
        "test",
        request,
        host.settings or make_settings(),
        ModelCache(),
        options,
        plugins=dispatch.calls_of_job(host),
        plugins_off=plugins_off(request, host.abilities),
        observers=observers,
    )


def run_chain(host: Host, hook: str, value: Any, job: Job | None = None, **extra: Any) -> Any:  # noqa: ANN401
    """Return a chain hook's result for a value; failures are in the job's `warnings`.

    Args:
        host: The plugins that the value goes through.
        hook: Name of a chain hook.
        value: What the first plugin gets.
        job: Else one that asks for nothing special.
        extra: The hook's other arguments; `audio` is a tone where it is not given.
    """
    if "audio" in host.arguments(hook)[1:]:
        extra.setdefault("audio", make_audio())
    return dispatch.run_chain(host, hook, value, job or make_job(host), **extra)


def run_engine(host: Host, hook: str, expected: type[T], job: Job | None = None, **arguments: Any) -> T:  # noqa: ANN401
    """Return the answer of the host's engine.

    Args:
        host: A host with one plugin that does this step.
        hook: Name of an engine hook.
        expected: The type that the hook promises.
        job: Else one that asks for nothing special.
        arguments: The hook's arguments. Where they are not given, `audio` is a tone, `speech` is all of it, and
            `language` is the request's, else Russian.

    Raises:
        PluginError: As the worker raises it.
    """
    job = job or make_job(host)
    audio = arguments.get("audio") or make_audio()
    made = {
        "audio": audio,
        "speech": Speech((Span(0.0, audio.duration_s),)),
        "language": Language(job.request.language or "ru"),
    }
    return dispatch.run_engine(host, hook, expected, job, **{**made, **arguments})


def write_output(
    host: Host, name: str, result: Result, job: Job | None = None, audio: Audio | None = None
) -> str | bytes:
    """Return a result in an output format, as the worker writes it.

    Args:
        host: The plugins.
        name: The format.
        result: What the writer gets.
        job: Else one that asks for nothing special.
        audio: A tone where it is not given.

    Raises:
        PluginError: When the writer returns something else than text or bytes; and what it raises.
    """
    job = job or make_job(host)
    options = job.options.get(host.output_plugins.get(name, ""))
    return host.outputs[name].content(
        {"result": result, "job": job, "options": options, "audio": audio or make_audio()}
    )


def check_contents(value: object, before: object = None) -> None:
    """Check a value as the worker checks what each plugin returns.

    Args:
        value: Answer of a hook.
        before: Value that the hook got: segments that it did not change are not checked again.

    Raises:
        PluginError: With what is wrong, as the end of a sentence.
    """
    if fault := find_fault(value, before):
        raise PluginError(fault)
