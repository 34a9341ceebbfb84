"""Values that flow through a job, all frozen: a plugin returns a new value, never a changed one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Seconds: TypeAlias = float
"""A time from the start of the recording, or a length, in seconds."""

JSON: TypeAlias = "bool | int | float | str | list[JSON] | tuple[JSON, ...] | dict[str, JSON] | None"
"""Value that JSON can carry; numbers are finite, and a tuple becomes a list."""

Extra: TypeAlias = "Mapping[str, Mapping[str, JSON]]"
"""Further data of a value, by plugin; read-only. `with_extra` adds to it."""

T = TypeVar("T")

SAMPLE_RATE_HZ = 16_000
"""Every `Audio` inside the worker has this rate."""


class ReadOnlyDict(dict[str, T]):
    """Dict that refuses every change; unlike a mapping proxy it can be copied, pickled and written as JSON."""

    def _refuse(self, *_arguments: object, **_named: object) -> NoReturn:
        raise TypeError("this is read-only; answer with a changed copy (with_extra makes one of extra data)")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> Any:  # noqa: ANN401
        """Return how to copy or unpickle it, which would else set its items."""
        return type(self), (dict(self),)


NO_EXTRA: Extra = ReadOnlyDict()
"""The `extra` of a value that no plugin added to."""


def _no_extra() -> Extra:
    return NO_EXTRA


@dataclass(frozen=True, eq=False)
class Audio:
    """Decoded recording, shared by every stage."""

    samples: NDArray[np.float32]
    """Shape (n,), mono, nominally in -1..1, at 16,000 Hz. Read-only."""
    channel_spans: tuple[Span, ...] = ()
    """Interval of `samples` that each channel has, where channels are read apart.

    The channels lie one after the other and have one length; between them is silence. Times of all values up to
    `finalize` are times of `samples`.
    """

    def __post_init__(self) -> None:
        _freeze(self, "channel_spans")
        self.samples.setflags(write=False)
        # A view of a read-only buffer stays read-only, whoever holds it.
        view = memoryview(self.samples)  # type: ignore[arg-type]
        if view.contiguous and view.nbytes and view.ndim == 1:
            frozen = np.frombuffer(view.toreadonly(), self.samples.dtype)
            object.__setattr__(self, "samples", frozen)

    @property
    def duration_s(self) -> Seconds:
        """Length of the recording."""
        return len(self.samples) / SAMPLE_RATE_HZ

    def between(self, start: Seconds, end: Seconds) -> NDArray[np.float32]:
        """Return the existing samples from `start` to `end`, as a view."""
        return self.samples[max(0, round(start * SAMPLE_RATE_HZ)) : max(0, round(end * SAMPLE_RATE_HZ))]

    @property
    def channels(self) -> tuple[NDArray[np.float32], ...]:
        """Samples of each channel, as views; of one that is not read apart, all."""
        return tuple(self.between(span.start, span.end) for span in self.channel_spans) or (self.samples,)


def _freeze(value: object, *names: str) -> None:
    """Make tuples of the lists in a value's fields."""
    for name in names:
        if type(getattr(value, name)) is list:
            object.__setattr__(value, name, tuple(getattr(value, name)))


@dataclass(frozen=True)
class Span:
    """A stretch of time."""

    start: Seconds
    end: Seconds

    @property
    def duration_s(self) -> Seconds:
        """Length of the stretch."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class Speech:
    """Where a recording has speech."""

    spans: tuple[Span, ...]
    """Speech intervals in time order, disjoint, with some sound around the speech."""
    faint: tuple[Span, ...] = ()
    """Intervals between them that may be speech, in time order, disjoint."""
    probabilities: NDArray[np.float32] | None = None
    """Probability of speech in each frame, shape (frames,), in 0..1. Read-only.

    With these a recogniser cuts a long interval where speech is least probable.
    """
    frame_s: Seconds = 0.0
    """Length of a frame; the first one begins at 0."""

    def __post_init__(self) -> None:
        _freeze(self, "spans", "faint")
        if isinstance(self.probabilities, np.ndarray):
            self.probabilities.setflags(write=False)


@dataclass(frozen=True)
class Language:
    """Language that is spoken."""

    code: str
    """ISO code."""
    probability: float | None = None
    """In 0..1; None where the job names the language."""


@dataclass(frozen=True)
class DecodedText:
    """Text of one chunk as a recogniser decoded it."""

    span: Span
    """The chunk's interval of the recording."""
    text: str
    avg_logprob: float
    """Mean log-probability of its tokens."""
    temperature: float
    """Temperature that it was decoded at."""
    retry: bool = False
    """Whether the chunk is to be decoded again, at the next temperature."""


@dataclass(frozen=True)
class Word:
    """One word with its times."""

    word: str
    """The word as it is written, punctuation included."""
    start: Seconds | None = None
    """Where it begins, in seconds."""
    end: Seconds | None = None
    """Where it ends, in seconds."""
    score: float | None = None
    """Mean probability of its characters, 0..1."""
    speaker: str | None = None
    """Speaker label; with diarization, or of its channel."""
    speaker_guessed: bool = False
    """True when no turn of the speaker covers the word; a near turn, word or sentence decides."""
    extra: Extra = field(default_factory=_no_extra, hash=False)
    """Data of plugins, by plugin."""

    # A long recording has tens of thousands of words, and the `__init__` of a frozen dataclass takes twice as long.
    def __init__(  # noqa: PLR0913  the fields
        self,
        word: str,
        start: Seconds | None = None,
        end: Seconds | None = None,
        score: float | None = None,
        speaker: str | None = None,
        speaker_guessed: bool = False,  # noqa: FBT001, FBT002
        extra: Extra = NO_EXTRA,
    ) -> None:
        fields = self.__dict__
        fields["word"], fields["start"], fields["end"], fields["score"] = word, start, end, score
        fields["speaker"], fields["speaker_guessed"], fields["extra"] = speaker, speaker_guessed, extra


@dataclass(frozen=True)
class Segment:
    """A stretch of speech with its text."""

    start: Seconds
    """Where it begins, in seconds from the start of the recording."""
    end: Seconds
    """Where it ends, in seconds."""
    text: str
    """Text of the segment."""
    words: tuple[Word, ...] = ()
    """Words in time order; with alignment.

    With diarization alone their times are the less exact ones of the recogniser.
    """
    speaker: str | None = None
    """Speaker label; with diarization, or of its channel."""
    speaker_guessed: bool = False
    """True when no turn covers the segment, or when words without times may be another speaker's."""
    speaker_id: str | None = None
    """Enrolled name, or "unknown"; with verification."""
    similarity: float | None = None
    """Cosine of this voice and the named one, -1..1; with verification."""
    avg_logprob: float | None = None
    """Mean log-probability of the tokens of the chunk that this was decoded in."""
    no_speech_prob: float | None = None
    """Probability that the chunk holds no speech, 0..1."""
    compression_ratio: float | None = None
    """Letters of the chunk's text for each byte of it compressed, what people can repeat counted once.

    Above 2.4 it repeats itself."""
    temperature: float | None = None
    """The temperature that the chunk was decoded at."""
    doubtful: bool = False
    """True where a sign is against the text; a warning names it."""
    extra: Extra = field(default_factory=_no_extra, hash=False)
    """Data of plugins, by plugin."""
    channel: int | None = None
    """Number of its channel, from 0, where channels are read apart."""

    def __post_init__(self) -> None:
        _freeze(self, "words")


@dataclass(frozen=True)
class Transcript:
    """Recognised text in time order."""

    segments: tuple[Segment, ...]
    language: str | None
    """ISO code; None when there is no speech and the job named no language."""
    language_probability: float | None = None
    """None when the job named the language."""
    speech: tuple[Span, ...] = ()
    """Speech intervals that the voice activity detector found."""

    def __post_init__(self) -> None:
        _freeze(self, "segments", "speech")

    @property
    def text(self) -> str:
        """All of the text, one space between segments."""
        return " ".join(segment.text.strip() for segment in self.segments)


@dataclass(frozen=True)
class SpeakerTurn:
    """Stretch of one speaker's speech."""

    start: Seconds
    end: Seconds
    speaker: str


@dataclass(frozen=True, eq=False)
class Diarization:
    """Who speaks when."""

    turns: tuple[SpeakerTurn, ...]
    """In time order; two may overlap."""
    exclusive: tuple[SpeakerTurn, ...]
    """In time order, without overlaps. Words get their speakers from these.

    Where there are none, from `turns`, of which at any moment the one that began last counts.
    """
    embeddings: Mapping[str, NDArray[np.float32]]
    """One vector of shape (d,) per speaker."""

    def __post_init__(self) -> None:
        _freeze(self, "turns", "exclusive")
        if type(self.embeddings) is dict:
            object.__setattr__(self, "embeddings", ReadOnlyDict(self.embeddings))


@dataclass(frozen=True)
class SpeakerMatch:
    """Diarized speaker, or the voice of a segment, with the nearest enrolled person."""

    speaker: str | None
    """The diarized label; None when a segment was compared without diarization."""
    speaker_id: str | None = None
    """The enrolled name, or "unknown"; None where nothing was compared."""
    similarity: float | None = None
    """Cosine of this voice and the nearest enrolled one, -1..1; None where nothing was compared."""
    runner_up: float | None = None
    """Similarity of the second-best enrolled person."""
    speech_s: Seconds = 0.0
    """How much clean speech the comparison rests on."""
    segment: int | None = None
    """Index of the segment in the transcript, when one segment was compared."""
    extra: Extra = field(default_factory=_no_extra, hash=False)
    """Data of plugins, by plugin; that of a compared segment goes to the segment."""
    voiceprint: str | None = field(default=None, repr=False)
    """The speaker's voiceprint, where the job asked for it. Biometric: never log it."""
    false_name_probability: float | None = None
    """Probability, 0..1, that a stranger would get this name at this similarity; None without a calibration."""


@dataclass(frozen=True)
class Result:
    """Everything that a job found; outputs are made from it."""

    transcript: Transcript
    duration_s: Seconds
    speakers: tuple[SpeakerMatch, ...] = ()
    """What verification found, by speaker and by segment."""
    turns: tuple[SpeakerTurn, ...] = ()
    """Who speaks when, overlaps included; with diarization or channels read apart."""
    extra: Extra = field(default_factory=_no_extra, hash=False)
    """Data of plugins about the whole recording, by plugin."""

    def __post_init__(self) -> None:
        _freeze(self, "speakers", "turns")


HasExtra = TypeVar("HasExtra", Word, Segment, SpeakerMatch, Result)


def with_extra(value: HasExtra, plugin: str, /, **data: JSON) -> HasExtra:
    """Return a value with a plugin's data added to its `extra`.

    Args:
        value: A word, segment, speaker or result.
        plugin: The plugin's name, as it is registered.
        data: What it adds to its data there, or puts in the place of what has the same name.

    Example:
        >>> with_extra(Word("Алло"), "mood", joy=0.5).extra
        {'mood': {'joy': 0.5}}
    """
    own = ReadOnlyDict({**value.extra.get(plugin, {}), **data})
    return replace(value, extra=ReadOnlyDict({**value.extra, plugin: own}))


@dataclass(frozen=True)
class Warned:
    """Warning for the client, with its place in the recording."""

    message: str
    span: Span | None = None
    channel: int | None = None
    """Number of the channel that it is about, from 0, where channels are read apart."""

    def __str__(self) -> str:
        """Return one line, with the channel and the times in front if there are any."""
        where = [] if self.channel is None else [f"channel {self.channel}"]
        where += [f"{self.span.start:.2f}-{self.span.end:.2f} s"] if self.span else []
        return ": ".join([", ".join(where), self.message]) if where else self.message
