"""The request: what a client may ask, checked as a whole before anything heavy runs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints, TypeAdapter, ValidationError

from whisperx_worker.contract.audio_source import stem_of, wrong_base64, wrong_place
from whisperx_worker.contract.languages import LANGUAGES
from whisperx_worker.contract.validation import described, is_model_name, joined, lowered, sentence, shown
from whisperx_worker.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

ALIASES = {"diarize": "diarization"}

THRESHOLD_VARIABLES = {
    "nospeechthreshold": "NO_SPEECH_THRESHOLD",
    "logprobthreshold": "LOGPROB_THRESHOLD",
    "compressionratiothreshold": "COMPRESSION_RATIO_THRESHOLD",
}
"""Thresholds that are the worker's own, by their name without separators, and the variable that sets each."""

COMPUTE_TYPES = (
    "auto", "default", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16",
    "float32",
)  # fmt: skip

_MAX_SAMPLES = 200


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


_NAME_OF_A_STRANGER = re.compile(r"unknown|SPEAKER_\d+", re.IGNORECASE)


class SpeakerSample(_Strict):
    """A recording of a person to be recognised."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | None = None
    url: str | None = None
    audio_base64: str | None = None


Text = Annotated[str, StringConstraints(max_length=4_000)]


def _known_language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError("unknown language")
    return code


class Request(_Strict):
    """Everything that a job may ask for. `parse` makes it; the documentation's table is made from its fields."""

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
        "the first temperature; above 0 the best of five varied candidates, the same every time",
        "a number from 0 to 1",
        ge=0,
        le=1,
    )
    temperature_increment_on_fallback: float | None = described(
        0.2,
        "step to the next temperature for chunks that fail a threshold; null: no fallback",
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
        None, "say which enrolled person each speaker is; true where `speaker_samples` is given", "true or false"
    )
    speaker_samples: Annotated[tuple[SpeakerSample, ...], "list"] = described(
        (),
        'list of `{"name", "url" or "audio_base64"}`; `name` defaults to the file\'s stem',
        f"a list of at most {_MAX_SAMPLES} objects with name and url or audio_base64",
        strict=False,
        max_length=_MAX_SAMPLES,
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

    @property
    def wants_verification(self) -> bool:
        """Whether speakers are to be named."""
        return bool(self.speaker_samples) if self.speaker_verification is None else self.speaker_verification


@dataclass(frozen=True)
class Abilities:
    """What the loaded plugins let a job ask for."""

    outputs: frozenset[str]
    plugins: frozenset[str]
    options: Mapping[str, type]
    """Options schema by plugin name."""


def parse(data: object, abilities: Abilities, *, local: bool = False) -> tuple[Request, dict[str, object]]:
    """Check a request and every plugin's options.

    Args:
        data: What stands under `input`.
        abilities: What the loaded plugins add.
        local: Whether the request comes from a person on this machine, who may name paths.

    Returns:
        The request, and the validated options of every plugin that has a schema.

    Raises:
        BadInputError: With all the mistakes in one sentence.
    """
    if not isinstance(data, dict):
        raise BadInputError('the job has no input: send {"input": {"audio_file": ...}}')
    mistakes = [*_names_that_do_not_exist(data)]
    known = _renamed(data, mistakes)
    request = None
    try:
        request = Request.model_validate(known)
    except ValidationError as error:
        mistakes += [_mistake(detail) for detail in error.errors()]
    wrong = {mistake.split(" ", 1)[0] for mistake in mistakes}
    mistakes += _contradictions(known, wrong, local=local)
    options = _options(known.get("plugins"), abilities, mistakes)
    mistakes += _unknown_formats(known.get("output_formats"), abilities)
    if mistakes or request is None:
        raise BadInputError(joined(mistakes))
    return request, options


def _names_that_do_not_exist(data: Mapping[object, object]) -> list[str]:
    mistakes = []
    for name in data:
        if name in Request.model_fields or name in ALIASES:
            continue
        bare = re.sub(r"[^a-z]", "", str(name).lower()).removeprefix("asr")
        if bare in THRESHOLD_VARIABLES:
            mistakes.append(
                f"{name} is set by the worker, not by a job; "
                f"its operator sets the environment variable {THRESHOLD_VARIABLES[bare]}"
            )
            continue
        near = difflib.get_close_matches(str(name), [*Request.model_fields, *ALIASES], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        mistakes.append(f"{shown(str(name))} is not a field of the request{hint}")
    return mistakes


def _renamed(data: Mapping[str, object], mistakes: list[str]) -> dict[str, object]:
    """The known fields, under their own names."""
    known = {name: value for name, value in data.items() if name in Request.model_fields}
    for alias, name in ALIASES.items():
        if alias in data:
            if name in data:
                mistakes.append(f"{alias} is another name of {name}; send one of them")
            known[name] = data[alias]
    return known


_WRONG_SAMPLES = {
    "extra_forbidden": "is not a field of a sample",
    "model_type": "must be an object with name and url or audio_base64",
}


def _mistake(detail: Any) -> str:  # noqa: ANN401
    name = str(detail["loc"][0])
    if name == "speaker_samples" and len(detail["loc"]) > 1:
        place = f"speaker_samples[{detail['loc'][1]}]" + "".join(f".{_as_name(part)}" for part in detail["loc"][2:])
        reason = _WRONG_SAMPLES.get(detail["type"], f": {lowered(detail['msg'])}")
        return f"{place} {reason}".replace(" :", ":")
    return sentence(Request, name, name, detail)


def _as_name(part: object) -> str:
    """The name of a field as it stands in a path, quoted where a client made it up out of other characters."""
    name = str(part)
    return name if name.isidentifier() else shown(name)


def _contradictions(known: Mapping[str, Any], wrong: set[str], *, local: bool) -> list[str]:
    """Values that are right alone and wrong together, and places of audio that cannot be right."""
    mistakes = _wrong_recording(known.get("audio_file"), known.get("audio_base64"), local=local)
    model = known.get("model")
    if isinstance(model, str) and model and not local and not is_model_name(model):
        mistakes.append(f"model must be a model's name or org/name, not {shown(model)}")
    if wrong.isdisjoint({"vad_onset", "vad_offset"}):
        onset, offset = (known.get(name, Request.model_fields[name].default) for name in ("vad_onset", "vad_offset"))
        if offset > onset:
            mistakes.append(f"vad_offset must not be above vad_onset, but {offset} is above {onset}")
    if wrong.isdisjoint({"num_speakers", "min_speakers", "max_speakers"}):
        mistakes += _wrong_speaker_counts(*(known.get(f"{which}_speakers") for which in ("num", "min", "max")))
    samples = known.get("speaker_samples")
    for index, sample in enumerate(samples if isinstance(samples, list | tuple) else ()):
        if isinstance(sample, Mapping):
            mistakes += _wrong_sample(f"speaker_samples[{index}]", sample, local=local)
    formats = known.get("output_formats")
    if isinstance(formats, list | tuple) and "rttm" in formats and not known.get("diarization"):
        mistakes.append("output_formats: rttm needs diarization")
    if known.get("speaker_verification") is True and not samples:
        mistakes.append("speaker_verification needs speaker_samples")
    return mistakes


def _wrong_recording(file: object, inline: object, *, local: bool) -> list[str]:
    if file is None and inline is None:
        return ["the recording is missing: send audio_file or audio_base64"]
    if file is not None and inline is not None:
        return ["audio_file and audio_base64 are both there; send one of them"]
    if isinstance(file, str) and file:
        return wrong_place("audio_file", file, local=local)
    if isinstance(inline, str) and inline:
        return wrong_base64("audio_base64", inline)
    return []


def _wrong_speaker_counts(exactly: Any, least: Any, most: Any) -> list[str]:  # noqa: ANN401
    mistakes = []
    if least is not None and most is not None and least > most:
        mistakes.append(f"min_speakers must not be above max_speakers, but {least} is above {most}")
    if exactly is not None and least is not None and exactly < least:
        mistakes.append(f"num_speakers must not be below min_speakers, but {exactly} is below {least}")
    if exactly is not None and most is not None and exactly > most:
        mistakes.append(f"num_speakers must not be above max_speakers, but {exactly} is above {most}")
    return mistakes


def _wrong_sample(place: str, sample: Mapping[str, object], *, local: bool) -> list[str]:
    url, inline = sample.get("url"), sample.get("audio_base64")
    if (url is None) == (inline is None):
        return [f"{place} needs exactly one of url and audio_base64"]
    if isinstance(url, str):
        wrong = wrong_place(f"{place}.url", url, local=local)
        stem = stem_of(url, local=local) if not wrong else ""
        return wrong or _wrong_name(place, sample, "this url", stem)
    if isinstance(inline, str):
        return _wrong_name(place, sample, "base64", "") + wrong_base64(f"{place}.audio_base64", inline)
    return []


def _wrong_name(place: str, sample: Mapping[str, object], source: str, stem: str) -> list[str]:
    name = sample.get("name") or stem
    if not name:
        return [f"{place}.name is missing, and {source} has no file name to take it from"]
    if isinstance(name, str) and _NAME_OF_A_STRANGER.fullmatch(name.strip()):
        return [f'{place}.name must not be "{name.strip()}": strangers are called that']
    return []


def sample_name(sample: SpeakerSample) -> str:
    """Who a sample is of: its name, else the stem of its file's name."""
    # Only a person on this machine can name a file, and only where there is one.
    return sample.name or stem_of(sample.url or "", local=True)


def _options(plugins: object, abilities: Abilities, mistakes: list[str]) -> dict[str, object]:
    """Every plugin's options: as sent, else its defaults."""
    sent = plugins if isinstance(plugins, Mapping) else {}
    for name in sent:
        if name not in abilities.plugins:
            mistakes.append(f"plugins: there is no active plugin {shown(name)}{_among(abilities.plugins)}")
        elif sent[name] and name not in abilities.options:
            mistakes.append(f"plugins.{name} takes no options")
    options: dict[str, object] = {}
    for name, schema in abilities.options.items():
        given = sent.get(name, {})
        adapter, fields = _adapter(schema)
        if not isinstance(given, Mapping):
            continue
        unknown = [
            f"plugins.{name} has no option {shown(option)}{_among(fields)}" for option in given if option not in fields
        ]
        mistakes += unknown
        try:
            options[name] = adapter.validate_python({k: v for k, v in given.items() if k in fields})
        except ValidationError as error:
            mistakes += [
                ".".join(["plugins", name, *map(str, detail["loc"])]) + f": {lowered(detail['msg'])}"
                for detail in error.errors()
            ]
    return options


@cache
def _adapter(schema: type) -> tuple[TypeAdapter[object], Mapping[str, object]]:
    """What validates a plugin's options, and their names; made once, for it takes milliseconds."""
    adapter = TypeAdapter[object](schema)
    return adapter, adapter.json_schema().get("properties", {})


def _unknown_formats(formats: object, abilities: Abilities) -> list[str]:
    if not isinstance(formats, list | tuple):
        return []
    return [
        f"output_formats: there is no format {shown(name)}{_among(abilities.outputs)}"
        for name in formats
        if isinstance(name, str) and name not in abilities.outputs
    ]


def _among(names: Iterable[str]) -> str:
    return f" (there are: {', '.join(sorted(names))})" if names else ""
