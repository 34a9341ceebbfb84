"""Whole jobs: the pipeline as it is, with the kit's engines in place of models."""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pluggy

from whisperx_worker.contract.channels import ChannelRequest
from whisperx_worker.errors import BadInputError
from whisperx_worker.hooks import hookspecs, observer_hookspecs, setup_hookspecs
from whisperx_worker.hooks.engine_choice import ENGINES
from whisperx_worker.hooks.host import DISTRIBUTION, Host, PluginRecord
from whisperx_worker.hooks.job import Observers
from whisperx_worker.hooks.marker import PROJECT
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.outcome import run_request
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.testing.calls import with_some_audio
from whisperx_worker.testing.engines import NAME, Engines
from whisperx_worker.testing.plugins import host_of, make_settings
from whisperx_worker.testing.recording import demo_recording
from whisperx_worker.types import SAMPLE_RATE_HZ, Audio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.testing.recording import Recording
    from whisperx_worker.types import Result, Seconds, Segment, Warned


@dataclass(frozen=True)
class JobAnswer:
    """What a client gets of a job, and what the job left."""

    response: dict[str, Any]
    """The contract's response; of a failed job `error` and `logs`."""
    streamed: tuple[Segment, ...] = ()
    """Segments that were shown while the job ran, where it asked for `stream`."""
    result: Result | None = None
    """None where the job failed."""
    outputs: Mapping[str, str | bytes] = field(default_factory=dict)
    """Contents by name of the format, without json."""


def run_job(
    plugins: Host | Mapping[str, object] | None = None,
    recording: Recording | None = None,
    /,
    *,
    time_limit_s: Seconds = math.inf,
    **fields: Any,  # noqa: ANN401
) -> JobAnswer:
    """Run a whole job, all hooks included, and return what the client gets.

    Recognition, alignment, turns and names are those of the recording, by an engine that takes the place of the
    worker's own: an engine among the plugins runs where the job names it under `plugins`, or the settings do.

    Args:
        plugins: A host of `load_plugins`, or plugins by name, with the default settings.
        recording: Else `demo_recording()`.
        time_limit_s: How long the job may take.
        fields: Fields of the request. With `audio_file` or `audio_base64` the sound is fetched as the worker does it,
            and must be a WAV of 16 bits at 16 kHz; else it is that of the recording.

    Raises:
        JobCancelledError: When a plugin or an observer cancels the job.
    """
    host = plugins if isinstance(plugins, Host) else host_of(plugins or {})
    recording = recording or demo_recording()
    worker = worker_with_engines(host, recording)
    if not {"audio_file", "audio_base64"} & set(fields):
        worker = replace(worker, decode=lambda *_: (recording.audio, ()))
    streamed: list[Segment] = []
    observers = Observers(segments=streamed.extend)
    outcome = run_request(worker, "test", with_some_audio(fields), observers=observers, time_limit_s=time_limit_s)
    return JobAnswer(outcome.response, tuple(streamed), outcome.result, outcome.outputs)


def worker_with_engines(host: Host, recording: Recording) -> Worker:
    """Return a worker with a host's plugins and the kit's engines; the host stays as it is."""
    manager = pluggy.PluginManager(PROJECT)
    for specs in (hookspecs, observer_hookspecs, setup_hookspecs):
        manager.add_hookspecs(specs)
    manager.register(Engines(recording), NAME)
    for name, plugin in host.manager.list_name_plugin():
        manager.register(plugin, name)
    record = PluginRecord(NAME, DISTRIBUTION, "0", "active", hooks=ENGINES)
    larger = replace(host, manager=manager, records=[*host.records, record])
    return Worker(host.settings or make_settings(), larger, ModelCache(), decode=read_wav)


def read_wav(
    path: Path,
    _settings: Settings,
    _check_cancelled: Callable[[], None] = lambda: None,
    _request: ChannelRequest = ChannelRequest(),  # noqa: B008 - frozen
) -> tuple[Audio, tuple[Warned, ...]]:
    """Read a WAV without PyAV.

    Raises:
        BadInputError: When it is not mono, 16 bits, at 16 kHz.
    """
    try:
        with wave.open(str(path)) as file:
            kind = file.getnchannels(), file.getsampwidth(), file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    except (wave.Error, EOFError) as error:
        raise BadInputError(f"the kit reads WAV alone: {error}") from error
    if kind != (1, 2, SAMPLE_RATE_HZ):
        raise BadInputError("the kit reads one channel of 16 bits at 16 kHz")
    return Audio((samples / 32768).astype(np.float32)), ()
