"""Job as plugins see it: request, settings, models, warnings and progress. It never holds audio or text."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from whisperx_worker.deprecation import warn_renamed
from whisperx_worker.errors import BadInputError, JobCancelledError, OutOfTimeError, PluginError, StrictError
from whisperx_worker.logs.job_log import events
from whisperx_worker.results.channel_folding import fold_segment, fold_segments
from whisperx_worker.results.channel_layout import NO_CHANNELS, ChannelLayout
from whisperx_worker.runtime.health import Health
from whisperx_worker.types import DecodedText, ReadOnlyDict, Seconds, Segment, Span, Warned

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker.contract.audio_source import PluginAddress
    from whisperx_worker.contract.request import Request
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.trace import PluginCall
    from whisperx_worker.models.cache import ModelCache
    from whisperx_worker.types import Audio, SpeakerMatch, SpeakerTurn
    from whisperx_worker.voices.embeddings import VoiceEmbeddings

log = logging.getLogger(__name__)

OnProgress: TypeAlias = Callable[[str, float], None]
"""Gets the stage's name and the part of it that is done, in 0..1."""


Decode: TypeAlias = Callable[..., "tuple[Audio, tuple[Warned, ...]]"]
"""Decodes a file, with warnings about it.

Its arguments are the path, the settings, a function that stops it by raising, and a `ChannelRequest`.
"""

OnSegments: TypeAlias = Callable[[Sequence[Segment]], None]
"""Gets segments with text and times, in no order and not final."""


NameSpeakers: TypeAlias = (
    "Callable[[Job, Audio, Sequence[SpeakerMatch], Sequence[SpeakerTurn]], tuple[SpeakerMatch, ...]]"
)
"""Returns what verification found with names of another source, such as a library of voices."""


@dataclass(frozen=True)
class StageEnd:
    """A stage of a job that has ended, well or not."""

    stage: str
    """Its name, as in `timings`; the last one is "job", the whole of it."""
    began_at: float
    """Seconds since the epoch."""
    seconds: Seconds
    """Duration on a monotonic clock."""
    error: BaseException | None = None
    """What ended it; its text may name files and hosts."""


@dataclass(frozen=True)
class Observers:
    """Functions that are called while a job runs; none of them may raise."""

    progress: OnProgress = lambda _stage, _fraction: None
    """Called by one thread at a time."""
    segments: OnSegments = lambda _segments: None
    """Gets segments as they are recognised, where the job asked for `stream`.

    Called by one thread at a time.
    """
    stage_ended: Callable[[Job, StageEnd], None] = lambda _job, _ended: None
    """Called in the thread that ran the stage."""
    started: Callable[[Job], None] = lambda _job: None
    """Gets the job before it runs, so that another thread can cancel it."""


NO_OBSERVERS = Observers()
"""Observers that ignore every call."""


def _fetch_nothing(address: PluginAddress, _folder: Path, _job: Job) -> Path:
    raise BadInputError(f"no plugin of this job fetches addresses of the kind {address.scheme}:")


def _embed_nothing(_sounds: Sequence[NDArray[np.float32]], _job: Job) -> VoiceEmbeddings:
    raise PluginError("embed_voices: no active plugin does this step")


@dataclass(frozen=True)
class PluginCalls:
    """Functions that call hooks of the plugins, for what a job does by itself."""

    partial: Callable[[tuple[Segment, ...], Job], tuple[Segment, ...]] = lambda segments, _job: segments
    """Returns text as the client may see it before it is final."""
    decoded: Callable[[DecodedText, Job], DecodedText] = lambda decoded, _job: decoded
    """Returns a chunk's text as the plugins leave it."""
    fetch_address: Callable[[PluginAddress, Path, Job], Path] = _fetch_nothing
    """Fetches an address of a plugin's scheme into a folder."""
    embed_voices: Callable[[Sequence[NDArray[np.float32]], Job], VoiceEmbeddings] = _embed_nothing
    """Returns embeddings of sounds."""
    stage_ended: Callable[[Job, StageEnd], None] = lambda _job, _ended: None
    """Called at the end of a stage."""


NO_PLUGINS = PluginCalls()
"""Calls of a job without plugins."""
_FIXED = frozenset({"id", "request", "options", "plugins", "plugins_off", "health", "decode", "name_speakers"})
"""Attributes of a job that decide what other plugins see and do."""


def _place(segment: Segment) -> dict[str, object]:
    channel = {} if segment.channel is None else {"channel": segment.channel}
    return {**channel, "start": segment.start, "end": segment.end}


def _renamed_observer(old: str, current: str) -> property:
    """Property of a job for an observer's name before 0.2."""

    def get(job: Job) -> object:
        warn_renamed(f"Job.{old}", f"Job.observers.{current}")
        return getattr(job.observers, current)

    def set_(job: Job, value: Any) -> None:  # noqa: ANN401
        warn_renamed(f"Job.{old}", f"Job.observers.{current}", frames=3)
        job.observers = replace(job.observers, **{current: value})

    return property(get, set_, doc="Deprecated name of an observer.")


@dataclass(eq=False)
class Job:
    """Context of a hook beside its value. Safe to use from several threads at once."""

    id: str
    request: Request
    settings: Settings
    models: ModelCache
    """Loaded models, shared between jobs."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Each plugin's validated options, by plugin name; a hook gets its own one as the argument `options`."""
    local: bool = False
    """Whether samples that a plugin makes may be paths.

    True of a job from a person on this machine.
    """
    observers: Observers = NO_OBSERVERS
    plugins: PluginCalls = NO_PLUGINS
    """Hooks of the plugins that the job itself calls."""
    plugins_off: frozenset[str] = frozenset()
    """Plugins that take no part in it."""
    time_limit_s: Seconds = math.inf
    """How long the job may take, from its making on."""
    timings: dict[str, Seconds] = field(default_factory=dict)
    """Wall-clock seconds by stage, named `<stage>_s`."""
    notes: dict[str, object] = field(default_factory=dict)
    """Further fields of `debug` in the response. Values must be JSON."""
    calls: list[PluginCall] = field(default_factory=list)
    """Calls of plugins so far, in the order of their ends, where the job asked for `debug`."""
    health: Health = field(default_factory=Health)
    """Health of the process; gets what plugins raise."""
    decode: Decode | None = None
    """Decodes its recording in place of ffmpeg, in tests of plugins."""
    layout: ChannelLayout = NO_CHANNELS
    """Where its channels lie, while stages work on channels laid one after the other."""
    name_speakers: NameSpeakers | None = None
    """Names speakers after verify_speakers, in a job from a person on this machine."""
    _began_s: float = field(default_factory=time.monotonic)
    _warnings: list[Warned] = field(default_factory=list)
    _noted: dict[str, list[tuple[Segment, str]]] = field(default_factory=dict)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _reporting: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        vars(self)["options"] = ReadOnlyDict(self.options)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIXED and name in vars(self):
            raise AttributeError(f"{name} of a job cannot be changed")
        object.__setattr__(self, name, value)

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """Warnings of `warn`, in order."""
        return tuple(self._warnings)

    @property
    def left_s(self) -> Seconds:
        """Seconds until its time is over."""
        return max(0.0, self._began_s + self.time_limit_s - time.monotonic())

    def warn(self, message: str, span: Span | None = None, *, lossless: bool = False) -> None:
        """Warn the client of something: what and why, in one sentence, and where in the recording.

        Args:
            message: The sentence; `places` writes times into it.
            span: The part of the recording that it is true of, in times of the value that the hook got.
            lossless: Whether `strict` lets it pass: nothing in the answer is missing or more doubtful for it.

        Raises:
            StrictError: When the job asked for `strict` and something is missing or doubtful.
            TypeError: When the message is no text, or the span no Span.
        """
        if not (isinstance(message, str) and isinstance(span, Span | None)):
            raise TypeError("a warning is a text, and a Span where it has a place")
        warned = self.layout.warned(message, span)
        log.warning("%s", warned)
        if self.request.strict and not lossless:
            raise StrictError(f"strict: {warned}")
        self._warnings.append(warned)

    def places(self, spans: Sequence[Span]) -> str:
        """Return intervals as text for a sentence, in the recording's own time.

        Args:
            spans: In times of the value that the hook got.

        Returns:
            Such as "1.00-2.50, 4.00-4.20 s", after "channel 1, " where channels are read apart.
        """
        return self.layout.describe(spans)

    def progress(self, stage: str, fraction: float) -> None:
        """Report how far a stage is, and stop here if the job was cancelled.

        Call it once per batch.

        Raises:
            JobCancelledError: When the job was cancelled, its time is over, or a stage beside this
                one failed it.
        """
        self.stop_if_cancelled()
        with self._reporting:
            self.observers.progress(stage, min(1.0, max(0.0, fraction)))

    def stop_if_cancelled(self) -> None:
        """Raise when the job was cancelled or its time is over; for code without a fraction.

        Raises:
            JobCancelledError: As `progress` does.
        """
        if self._cancelled.is_set():
            raise JobCancelledError("the job was cancelled")
        if not self.left_s:
            raise OutOfTimeError(
                f"the job is not done in the {self.time_limit_s:g} s that it has; send the recording in parts, "
                "or give the job more time"
            )

    def recognised(self, segments: Sequence[Segment]) -> None:
        """Show the client text that is not final yet, where the job asked for it: `stream`.

        The plugins' `partial` hooks change it before.

        Raises:
            JobEndError: When a plugin ends the job.
        """
        if self.request.stream and segments:
            shown = fold_segments(self._shown(segments), self.layout)
            with self._reporting:
                self.observers.segments(shown)

    def decoded(self, decoded: DecodedText) -> DecodedText:
        """Return a chunk's text as the plugins' `decoded` hooks leave it; for recognisers.

        Where the answer has another text, that is the chunk's. Where it has `retry`, the chunk is to be decoded again
        at the next temperature, if there is one. Call it before `recognised`.

        Raises:
            JobEndError: When a plugin ends the job.
        """
        return self.plugins.decoded(decoded, self)

    def note_text(self, fate: str, segment: Segment, why: str) -> None:
        """Note text that is not in the answer, for `debug`.

        Args:
            fate: Field of `debug` that lists it, such as "removed".
            segment: The text, in times of the value that the hook got.
            why: Reason in words, without the text.
        """
        noted = [(piece, why) for piece in fold_segment(segment, self.layout)]
        self._noted.setdefault(fate, []).extend(noted)

    def noted_texts(self) -> dict[str, list[dict[str, object]]]:
        """Return what `note_text` noted, by fate, as the plugins' `partial` hooks leave it."""
        return {
            fate: [
                {**_place(shown), "text": shown.text, "why": why}
                for segment, why in noted
                for shown in self._shown([segment])
            ]
            for fate, noted in self._noted.items()
        }

    def fetch_address(self, address: PluginAddress, folder: Path) -> Path:
        """Fetch an address of a plugin's scheme.

        Raises:
            BadInputError: When no plugin fetches it, or its plugin says so.
            FetchError: When the plugin could not fetch it.
        """
        return self.plugins.fetch_address(address, folder, self)

    def embed_voices(self, sounds: Sequence[NDArray[np.float32]]) -> VoiceEmbeddings:
        """Return embeddings of sounds of one voice each, by the speaker model of the job.

        Args:
            sounds: Each of shape (n,), mono, at 16,000 Hz. With none, the answer names the model and its threshold.

        Raises:
            PluginError: When no plugin can be chosen for it, or the chosen one fails.
        """
        return self.plugins.embed_voices(sounds, self)

    def _shown(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """Return text as the client may see it before it is final."""
        return self.plugins.partial(tuple(segments), self)

    def cancel(self) -> None:
        """Make the next `progress` call raise."""
        self._cancelled.set()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside, and report its beginning and its end."""
        self.progress(name, 0.0)
        with self.timed(name):
            yield
        self.progress(name, 1.0)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time what runs inside; log its end and call the observers, also after an exception."""
        began_at, began_s = time.time(), time.perf_counter()
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            seconds = round(time.perf_counter() - began_s, 3)
            self.timings[f"{name}_s"] = seconds
            kind = type(error).__name__ if error else None
            fields = {"event": "stage_ended", "stage": name, "seconds": seconds, "error": kind}
            events.info("stage %s: %.3f s%s", name, seconds, f", ended by {kind}" if kind else "", extra=fields)
            ended = StageEnd(name, began_at, seconds, error)
            self.observers.stage_ended(self, ended)
            self.plugins.stage_ended(self, ended)

    on_progress = _renamed_observer("on_progress", "progress")
    on_segments = _renamed_observer("on_segments", "segments")
    on_stage_ended = _renamed_observer("on_stage_ended", "stage_ended")
