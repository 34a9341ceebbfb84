"""Helpers for tests of plugins; none needs torch or a model.

Example:
    >>> from whisperx_worker import Segment, Transcript, hookimpl
    >>> from whisperx_worker.testing import load_plugin, make_job, make_transcript
    >>> class Quiet:
    ...     @hookimpl
    ...     def post_align(self, transcript):
    ...         return None
    >>> host = load_plugin(Quiet(), name="quiet")
    >>> host.records[0].hooks
    ('post_align',)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from whisperx_worker.contract.settings import Settings
from whisperx_worker.contract.validation import parse_request, plugins_off
from whisperx_worker.errors import PluginError
from whisperx_worker.hooks import dispatch
from whisperx_worker.hooks.host import Candidate, Host
from whisperx_worker.hooks.job import NO_OBSERVERS, Job
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.types import (
    SAMPLE_RATE_HZ,
    Audio,
    Diarization,
    Language,
    Result,
    Segment,
    Span,
    SpeakerTurn,
    Speech,
    Transcript,
    Word,
)

if TYPE_CHECKING:
    from whisperx_worker.hooks.job import Observers
    from whisperx_worker.types import Seconds

T = TypeVar("T")

NO_AUDIO_YET = "UklGRg=="
"""The base64 that `make_job` sends as audio; it is never decoded."""


def load_plugin(plugin: object, name: str = "plugin") -> Host:
    """Return a host with this one plugin, loaded as the worker loads it.

    Raises:
        PluginError: With the reason, where the worker would list the plugin as failed.
    """
    host = load_host(_settings(), [Candidate(name, source="test", version="0", load=lambda: plugin)])
    record = host.records[0]
    if record.state != "active":
        raise PluginError(record.reason)
    return host


def make_job(host: Host | None = None, *, observers: Observers = NO_OBSERVERS, **fields: Any) -> Job:  # noqa: ANN401
    """Return a job as a client would send it; the host's plugins observe its stages.

    Args:
        host: The plugins whose options the job may carry.
        observers: Called while the job runs.
        fields: Fields of the request, such as `plugins={"plugin": {"option": 1}}`.

    Raises:
        BadInputError: As a client would get it.
    """
    recording = {} if {"audio_file", "audio_base64"} & set(fields) else {"audio_base64": NO_AUDIO_YET}
    settings = _settings()
    host = host or load_host(settings, ())
    request, options = parse_request({**recording, **fields}, host.abilities)

    return Job(
        "test",
        request,
        settings,
        ModelCache(),
        options,
        plugins=dispatch.calls_of_job(host),
        plugins_off=plugins_off(request, host.abilities),
        observers=observers,
    )


def _settings() -> Settings:
    """Return settings that allow every plugin, whatever the environment sets."""
    return Settings(plugins_allow=None, plugins_block=(), plugins_isolate=(), plugins_dir=None)


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


def make_audio(duration_s: Seconds = 1.0, frequency_hz: float = 220.0) -> Audio:
    """Return a quiet tone."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return Audio((0.1 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32))


def make_transcript(*texts: str, language: str = "ru") -> Transcript:
    """Return a transcript of one-second segments with words spread evenly."""
    segments = []
    for number, text in enumerate(texts):
        words = text.split()
        step = 1.0 / max(1, len(words))
        timed = tuple(
            Word(word, round(number + i * step, 3), round(number + (i + 1) * step, 3), 1.0)
            for i, word in enumerate(words)
        )
        segments.append(Segment(float(number), float(number + 1), text, timed))
    return Transcript(tuple(segments), language)


def make_diarization(*turns: tuple[Seconds, Seconds, str]) -> Diarization:
    """Return a diarization of (start, end, speaker) turns; the exclusive ones are the same."""
    made = tuple(SpeakerTurn(start, end, speaker) for start, end, speaker in turns)
    return Diarization(made, exclusive=made, embeddings={})
