"""The values that flow through a job, all frozen: a plugin answers with a new value, never a changed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

Seconds: TypeAlias = float
"""A time from the start of the recording, or a length, in seconds."""

SAMPLE_RATE_HZ = 16_000
"""Every `Audio` inside the worker has this rate."""


@dataclass(frozen=True, eq=False)
class Audio:
    """The decoded recording: decoded once, shared by every stage."""

    samples: NDArray[np.float32]
    """Shape (n,), mono, nominally in -1..1, at 16,000 Hz. Read-only."""

    def __post_init__(self) -> None:
        self.samples.setflags(write=False)

    @property
    def duration_s(self) -> Seconds:
        """Length of the recording."""
        return len(self.samples) / SAMPLE_RATE_HZ

    def between(self, start: Seconds, end: Seconds) -> NDArray[np.float32]:
        """The samples from `start` to `end`, cut to what exists; a view, not a copy."""
        return self.samples[max(0, round(start * SAMPLE_RATE_HZ)) : max(0, round(end * SAMPLE_RATE_HZ))]


@dataclass(frozen=True)
class Span:
    """A stretch of time."""

    start: Seconds
    end: Seconds

    @property
    def duration_s(self) -> Seconds:
        """Length of the stretch."""
        return self.end - self.start


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
    """Who says it; with diarization."""
    speaker_guessed: bool = False
    """True where nobody's turn covers the word: the speaker is that of the nearest turn or word."""

    # A long recording has tens of thousands of words, and the `__init__` of a frozen dataclass takes twice as long.
    def __init__(  # noqa: PLR0913  the fields
        self,
        word: str,
        start: Seconds | None = None,
        end: Seconds | None = None,
        score: float | None = None,
        speaker: str | None = None,
        speaker_guessed: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        fields = self.__dict__
        fields["word"], fields["start"], fields["end"], fields["score"] = word, start, end, score
        fields["speaker"], fields["speaker_guessed"] = speaker, speaker_guessed


@dataclass(frozen=True)
class Segment:
    """A stretch of speech with its text."""

    start: Seconds
    """Where it begins, in seconds from the start of the recording."""
    end: Seconds
    """Where it ends, in seconds."""
    text: str
    """What is said."""
    words: tuple[Word, ...] = ()
    """The words in time order; with alignment. With diarization alone their times are the recogniser's, less exact."""
    speaker: str | None = None
    """Who says it; with diarization."""
    speaker_guessed: bool = False
    """True where nobody's turn covers it and the nearest is taken, or where words without times may be another's."""
    speaker_id: str | None = None
    """The enrolled name, or "unknown"; with verification."""
    similarity: float | None = None
    """Cosine of this voice and the named one, -1..1; with verification."""
    avg_logprob: float | None = None
    """Mean log-probability of the tokens of the chunk that this was decoded in."""
    no_speech_prob: float | None = None
    """Probability that the chunk holds no speech, 0..1."""
    compression_ratio: float | None = None
    """How well the chunk's text compresses; above 2.4 it repeats itself."""
    temperature: float | None = None
    """The temperature that the chunk was decoded at."""


@dataclass(frozen=True)
class Transcript:
    """What was said, in time order."""

    segments: tuple[Segment, ...]
    language: str | None
    """ISO code; None when nobody speaks and nobody said which language it is."""
    language_probability: float | None = None
    """None when the job named the language."""
    speech: tuple[Span, ...] = ()
    """Where the voice activity detector heard speech."""

    @property
    def text(self) -> str:
        """All of the text, one space between segments."""
        return " ".join(segment.text.strip() for segment in self.segments)


@dataclass(frozen=True)
class SpeakerTurn:
    """One speaker speaks from `start` to `end`."""

    start: Seconds
    end: Seconds
    speaker: str


@dataclass(frozen=True, eq=False)
class Diarization:
    """Who speaks when."""

    turns: tuple[SpeakerTurn, ...]
    """In time order; two may overlap."""
    exclusive: tuple[SpeakerTurn, ...]
    """In time order; no two overlap. Words get their speakers from these; where there are none, from `turns`, of which
    then the one that began last is heard."""
    embeddings: Mapping[str, NDArray[np.float32]]
    """One vector of shape (d,) per speaker."""


@dataclass(frozen=True)
class SpeakerMatch:
    """Which enrolled person a diarized speaker, or a segment, sounds like."""

    speaker: str | None
    """The diarized label; None when a segment was compared without diarization."""
    speaker_id: str
    """The enrolled name, or "unknown"."""
    similarity: float
    """Cosine of this voice and the nearest enrolled one, -1..1."""
    runner_up: float | None = None
    """Similarity of the second-best enrolled person."""
    speech_s: Seconds = 0.0
    """How much clean speech the comparison rests on."""
    segment: int | None = None
    """Index of the segment in the transcript, when one segment was compared."""


@dataclass(frozen=True)
class Result:
    """Everything that a finished job knows; outputs are made from it."""

    transcript: Transcript
    duration_s: Seconds
    speakers: tuple[SpeakerMatch, ...] = ()
    """What verification found, by speaker and by segment."""
    turns: tuple[SpeakerTurn, ...] = ()
    """Who speaks when, overlaps included; with diarization."""


@dataclass(frozen=True)
class Warned:
    """Something that the client should know: what, why, and where in the recording."""

    message: str
    span: Span | None = None

    def __str__(self) -> str:
        """One line, with its times in front where it has any."""
        return f"{self.span.start:.2f}-{self.span.end:.2f} s: {self.message}" if self.span else self.message
