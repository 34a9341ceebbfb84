"""People of a request, known by voiceprints and samples. `speaker_mistakes` checks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, StringConstraints

from whisperx_worker.contract.audio_source import AudioSource, InlineAudio, parse_source, source_stem
from whisperx_worker.voices.voiceprint import Voiceprint, read_voiceprint

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_SPEAKERS = 200
MAX_SAMPLES = 200
"""Samples of a request, those of `speakers` and `speaker_samples` together."""
MAX_VOICEPRINTS = 100
"""Voiceprints of one person."""
MAX_NAME = 200
"""Letters of a name."""


class Strict(BaseModel):
    """Frozen data of a request, without unknown fields and conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


ParsedSources: TypeAlias = Mapping[str, AudioSource]
"""Sources of a request by the text that names them; the context of validation."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]


class SpeakerSample(Strict):
    """A recording of a person to be recognised."""

    name: Name | None = None
    url: str | None = None
    audio_base64: str | None = None
    _source: AudioSource | None = PrivateAttr(None)

    def model_post_init(self, sources: ParsedSources | None) -> None:
        """Take the source that validation parsed."""
        if self.url is None:
            self._source = InlineAudio(self.audio_base64 or "")
        elif sources is not None:
            self._source = sources.get(self.url)

    @property
    def source(self) -> AudioSource | None:
        """Source of the audio; None for a URL that did not come with a request."""
        return self._source


class Speaker(Strict):
    """A person who may speak."""

    name: Name
    voiceprints: Annotated[tuple[SecretStr, ...], Field(strict=False, max_length=MAX_VOICEPRINTS)] = ()
    samples: Annotated[tuple[SpeakerSample, ...], Field(strict=False, max_length=MAX_SAMPLES)] = ()
    """With the person's name."""

    def model_post_init(self, _sources: ParsedSources | None) -> None:
        """Name the samples."""
        vars(self)["samples"] = tuple(one.model_copy(update={"name": self.name}) for one in self.samples)

    def read_voiceprints(self) -> tuple[Voiceprint, ...]:
        """Return the voiceprints, read.

        Raises:
            BadInputError: When one is damaged, which validation refuses.
        """
        return tuple(read_voiceprint(one.get_secret_value().strip()) for one in self.voiceprints)


@dataclass(frozen=True)
class ReferenceVoice:
    """Person of a request, and what shows how they sound."""

    name: str
    voiceprints: tuple[Voiceprint, ...] = ()
    samples: tuple[SpeakerSample, ...] = ()


def reference_voices_of(speakers: Iterable[Speaker], samples: Iterable[SpeakerSample]) -> tuple[ReferenceVoice, ...]:
    """Return the people of `speakers` and `speaker_samples`, in order, samples of one name together."""
    by_name: dict[str, tuple[SpeakerSample, ...]] = {}
    for sample in samples:
        by_name[sample_name(sample)] = (*by_name.get(sample_name(sample), ()), sample)
    return (
        *(ReferenceVoice(one.name, one.read_voiceprints(), one.samples) for one in speakers),
        *(ReferenceVoice(name, samples=of_one) for name, of_one in by_name.items()),
    )


def sample_name(sample: SpeakerSample) -> str:
    """Return the person's name of a sample, else the stem of its file name."""
    # Only a person on this machine can name a file, and only where there is one.
    return sample.name or source_stem(sample.source or parse_source(sample.url or "", local=True))
