"""Fields of a job's request. `validation` checks them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PrivateAttr, SecretStr, StringConstraints, field_validator

from whisperx_worker.contract.audio_source import AudioSource, InlineAudio, parse_source
from whisperx_worker.contract.channels import MAX_CHANNELS, Channels
from whisperx_worker.contract.fields import described
from whisperx_worker.contract.languages import LANGUAGES
from whisperx_worker.contract.speakers import (
    MAX_SAMPLES,
    MAX_SPEAKERS,
    ParsedSources,
    ReferenceVoice,
    Speaker,
    SpeakerSample,
    Strict,
    reference_voices_of,
)
from whisperx_worker.types import ReadOnlyDict

ALIASES = {"diarize": "diarization"}
"""Other names of fields."""

COMPUTE_TYPES = (
    "auto", "default", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16",
    "float32",
)  # fmt: skip

MAX_TRACK = 10_000
"""Number of an audio track at most."""

ChannelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=4_000)]


def _known_language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError("unknown language")
    return code


class Request(Strict):
    """Options of a job, as `parse_request` validates them. The documentation's table is made from it."""

    audio_file: str | None = described(
        None,
        "http(s) URL, `data:` URI or bare base64 of the recording; in the command line and the library also a path",
        "an http(s) URL, a data: URI or base64",
        secret=True,
        min_length=1,
    )
    audio_base64: str | None = described(
        None, "the recording itself; exactly one of the two", "base64", secret=True, min_length=1
    )
    model: str | None = described(
        None,
        "recognition model; null is the worker's own, `WHISPERX_WORKER_MODEL`",
        'a model\'s name, such as "faster-whisper-large-v3-russian"',
        min_length=1,
    )
    compute_type: Literal[COMPUTE_TYPES] | None = described(  # type: ignore[valid-type]
        None,
        "precision of the model; null is `float16` on CUDA and `int8` on a CPU",
        f"one of {', '.join(COMPUTE_TYPES)}",
    )
    language: Annotated[str, AfterValidator(_known_language)] | None = described(
        None, "ISO code; null detects it", 'one of Whisper\'s language codes, such as "ru" or "en", or null'
    )
    language_detection_min_prob: float = described(
        0.0,
        "0: all windows vote, weighted by their speech; above: they are looked at one by one until one reaches it",
        "a number from 0 to 1",
        ge=0,
        le=1,
    )
    language_detection_max_tries: int = described(
        5, "windows to look at, spread over the speech of the whole file", "a whole number of at least 1", ge=1
    )
    task: Literal["transcribe", "translate"] = described(
        "transcribe", "`translate` gives English text", '"transcribe" or "translate"'
    )
    initial_prompt: Text | None = described(
        None, "text that the recording might continue", "text of at most 4000 characters", secret=True
    )
    hotwords: Text | None = described(
        None, "words that are likely to occur", "text of at most 4000 characters", secret=True
    )
    batch_size: int = described(32, "chunks that are decoded at once", "a whole number from 1 to 1024", ge=1, le=1024)
    beam_size: int = described(5, "width of the beam search", "a whole number from 1 to 100", ge=1, le=100)
    temperature: float = described(
        0.0,
        "the first temperature; above 0 the best of three varied candidates, the same every time",
        "a number from 0 to 1",
        ge=0,
        le=1,
    )
    temperature_increment_on_fallback: float | None = described(
        0.2,
        "step to the next temperature for chunks that repeat themselves; null: no fallback",
        "a number from 0.05 to 1, or null",
        ge=0.05,
        le=1,
    )
    length_penalty: float = described(
        1.0, "exponent of the length in the beam's score", "a number from 0 to 10", ge=0, le=10
    )
    vad_onset: float = described(
        0.500, "speech begins where its probability reaches this", "a number from 0 to 1", ge=0, le=1
    )
    vad_offset: float = described(
        0.363, "speech ends where its probability falls below this", "a number from 0 to 1", ge=0, le=1
    )
    align_output: bool = described(False, "word times by forced alignment", "true or false")
    channels: Channels = described(
        "mix",
        "`separate`: each channel is recognised by itself and is one speaker, `CHANNEL_0` …, or several with "
        "`diarization`; `auto`: where the channels really differ",
        '"mix", "separate" or "auto"',
    )
    channel_names: tuple[ChannelName, ...] = described(
        (),
        "names of the channels, in their order, in place of `CHANNEL_0` …",
        f"a list of at most {MAX_CHANNELS} names",
        strict=False,
        max_length=MAX_CHANNELS,
    )
    audio_track: int | None = described(
        None,
        "number of the audio track of a container, from 0; null: the default one",
        "a whole number of at least 0, or null",
        ge=0,
        le=MAX_TRACK,
    )
    diarization: bool = described(False, "say who speaks when (alias `diarize`)", "true or false")
    num_speakers: int | None = described(
        None, "how many speakers there are", "a whole number from 1 to 100, or null", ge=1, le=100
    )
    min_speakers: int | None = described(
        None, "at least so many", "a whole number from 1 to 100, or null", ge=1, le=100
    )
    max_speakers: int | None = described(None, "at most so many", "a whole number from 1 to 100, or null", ge=1, le=100)
    huggingface_access_token: SecretStr | None = described(
        None, "token for gated models (else `HF_TOKEN`); never logged, returned or kept", "text", secret=True
    )
    speaker_verification: bool | None = described(
        None, "say which person each speaker is; true where `speakers` or `speaker_samples` is given", "true or false"
    )
    speakers: Annotated[tuple[Speaker, ...], "list"] = described(
        (),
        'people who may speak: list of `{"name", "voiceprints": [...], "samples": [{"url" or "audio_base64"}]}`',
        f"a list of at most {MAX_SPEAKERS} objects with name, and voiceprints or samples",
        secret=True,
        strict=False,
        max_length=MAX_SPEAKERS,
    )
    return_voiceprints: bool = described(
        False, "give each speaker of the response a `voiceprint`, for `speakers` of other jobs", "true or false"
    )
    speaker_samples: Annotated[tuple[SpeakerSample, ...], "list"] = described(
        (),
        'list of `{"name", "url" or "audio_base64"}`; `name` defaults to the file\'s stem',
        f"a list of at most {MAX_SAMPLES} objects with name and url or audio_base64",
        strict=False,
        max_length=MAX_SAMPLES,
    )
    speaker_threshold: float | None = described(
        None,
        'similarity below which a speaker is "unknown"; null is the model\'s own',
        "a number from -1 to 1, or null",
        ge=-1,
        le=1,
    )
    output_formats: tuple[str, ...] = described(
        ("json",), "formats to answer in; plugins may add some", "a list of formats", strict=False
    )
    plugins: Mapping[str, dict[str, Any]] = described(
        {},
        "options of plugins: `{plugin: {option: value}}`; naming an engine's plugin also chooses it",
        "an object of plugin names, each with an object of options",
    )
    stream: bool = described(
        False, "show segments at RunPod's `/stream` as they are recognised; the answer stays the same", "true or false"
    )
    strict: bool = described(False, "true: a warning becomes an error, save one of memory", "true or false")
    debug: bool = described(False, "stage timings, what was loaded and what was removed", "true or false")

    _source: AudioSource = PrivateAttr(InlineAudio(""))

    @field_validator("plugins")
    @classmethod
    def _read_only(cls, plugins: Mapping[str, dict[str, Any]]) -> Mapping[str, dict[str, Any]]:
        """Keep plugins from changing the options of others."""
        return ReadOnlyDict({name: ReadOnlyDict(options) for name, options in plugins.items()})

    def model_post_init(self, sources: ParsedSources | None) -> None:
        """Take the source that validation parsed."""
        if self.audio_file is None:
            self._source = InlineAudio(self.audio_base64 or "")
        else:
            self._source = (sources or {}).get(self.audio_file) or parse_source(self.audio_file, local=False)

    @property
    def source(self) -> AudioSource:
        """Source of the recording, parsed from `audio_file` or `audio_base64`."""
        return self._source

    @property
    def wants_verification(self) -> bool:
        """Whether to verify speakers, or to make their voiceprints, which is the same stage."""
        return self.return_voiceprints or bool(self.reference_voices)

    @property
    def reference_voices(self) -> tuple[ReferenceVoice, ...]:
        """People of `speakers` and `speaker_samples`; none where verification is switched off."""
        if self.speaker_verification is False:
            return ()
        return reference_voices_of(self.speakers, self.speaker_samples)
