"""Validation of a request and of its plugins' options, with all mistakes in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from whisperx_worker.contract.audio_source import AudioSource, parse_source, source_mistakes
from whisperx_worker.contract.base64_audio import base64_mistakes
from whisperx_worker.contract.fields import did_you_mean, is_model_name, joined, lowered, quoted, sentence, shown
from whisperx_worker.contract.request import ALIASES, Request
from whisperx_worker.contract.speaker_mistakes import RESERVED_NAME, speaker_mistakes
from whisperx_worker.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whisperx_worker.contract.plugin_rules import PluginRules

ENABLED = "enabled"
"""Option that every plugin has."""

THRESHOLD_VARIABLES = {
    "nospeechthreshold": "NO_SPEECH_THRESHOLD",
    "logprobthreshold": "LOGPROB_THRESHOLD",
    "compressionratiothreshold": "COMPRESSION_RATIO_THRESHOLD",
}
"""Environment variables of the thresholds that no job sets, by name without separators."""


@dataclass(frozen=True)
class Abilities:
    """Formats, plugins and options that the loaded plugins offer."""

    outputs: frozenset[str]
    plugins: frozenset[str]
    options: Mapping[str, type]
    """Options schema by plugin name."""
    rules: Mapping[str, PluginRules] = field(default_factory=dict)
    """Rules of the operator by plugin name."""
    on_request: frozenset[str] = frozenset()
    """Plugins that take part only in jobs that name them."""
    schemes: frozenset[str] = frozenset()
    """Schemes of addresses that plugins fetch."""


def parse_request(data: object, abilities: Abilities, *, local: bool = False) -> tuple[Request, dict[str, object]]:
    """Validate a request and every plugin's options.

    Args:
        data: Content of `input`.
        abilities: Of the loaded plugins.
        local: Whether the request comes from a person on this machine, who may name paths.

    Returns:
        The request, and the validated options of every plugin that has a schema.

    Raises:
        BadInputError: With all the mistakes in one sentence.
    """
    if not isinstance(data, dict):
        raise BadInputError('the job has no input: send {"input": {"audio_file": ...}}')
    mistakes = _unknown_names(data)
    known = _resolve_aliases(data, mistakes)
    sources = _parse_sources(known, abilities.schemes, local=local)
    request, in_speakers = None, list[str]()
    try:
        request = Request.model_validate(known, context=sources)
    except ValidationError as error:
        for detail in error.errors():
            is_nested = detail["loc"][0] == "speakers" and len(detail["loc"]) > 1
            (in_speakers if is_nested else mistakes).append(_mistake(detail))
    wrong = {mistake.split(" ", 1)[0] for mistake in mistakes}
    mistakes += _contradictions(known, wrong, sources, local=local)
    options = _parse_options(known.get("plugins"), abilities, mistakes)
    mistakes += _unknown_formats(known.get("output_formats"), abilities)
    if mistakes or request is None:
        # The sentences of `speaker_mistakes` are better, where there are any.
        raise BadInputError(joined(mistakes or in_speakers))
    return request, options


def _unknown_names(data: Mapping[object, object]) -> list[str]:
    """Return a mistake for each field that does not exist or that only the operator sets."""
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
        hint = did_you_mean(str(name), [*Request.model_fields, *ALIASES])
        mistakes.append(f"{shown(str(name))} is not a field of the request{hint}")
    return mistakes


def _resolve_aliases(data: Mapping[str, object], mistakes: list[str]) -> dict[str, object]:
    """Return the known fields under their own names, and add mistakes."""
    known = {name: value for name, value in data.items() if name in Request.model_fields}
    for alias, name in ALIASES.items():
        if alias in data:
            if name in data:
                mistakes.append(f"{alias} is another name of {name}; send one of them")
            known[name] = data[alias]
    return known


def _parse_sources(known: Mapping[str, Any], schemes: frozenset[str], *, local: bool) -> dict[str, AudioSource]:
    """Parse the recording and the samples, by the text that names each."""
    of_speakers = [one.get("samples") for one in _items(known.get("speakers")) if isinstance(one, Mapping)]
    samples = [sample for listed in [known.get("speaker_samples"), *of_speakers] for sample in _items(listed)]
    given = [sample.get("url") for sample in samples if isinstance(sample, Mapping)]
    return {
        text: parse_source(text, local=local, schemes=schemes)
        for text in [known.get("audio_file"), *given]
        if isinstance(text, str)
    }


def _items(value: object) -> list[object] | tuple[object, ...]:
    """Return a list or a tuple as it is, and nothing of another type."""
    return value if isinstance(value, list | tuple) else ()


_SAMPLE_MISTAKES = {
    "extra_forbidden": "is not a field of a sample",
    "model_type": "must be an object with name and url or audio_base64",
}


def _mistake(detail: Any) -> str:  # noqa: ANN401
    """Return the sentence about an error of pydantic."""
    name = str(detail["loc"][0])
    if name in {"speaker_samples", "speakers"} and len(detail["loc"]) > 1:
        place = f"{name}[{detail['loc'][1]}]" + "".join(f".{quoted(part)}" for part in detail["loc"][2:])
        reason = _SAMPLE_MISTAKES.get(detail["type"], f": {lowered(detail['msg'])}")
        return f"{place} {reason}".replace(" :", ":")
    return sentence(Request, name, name, detail)


def _contradictions(
    known: Mapping[str, Any], wrong: set[str], sources: Mapping[str, AudioSource], *, local: bool
) -> list[str]:
    """Return the mistakes between fields, and those in the sources of audio."""
    mistakes = _recording_mistakes(known.get("audio_file"), known.get("audio_base64"), sources)
    model = known.get("model")
    if isinstance(model, str) and model and not local and not is_model_name(model):
        mistakes.append(f"model must be a model's name or org/name, not {shown(model)}")
    if wrong.isdisjoint({"vad_onset", "vad_offset"}):
        onset, offset = (known.get(name, Request.model_fields[name].default) for name in ("vad_onset", "vad_offset"))
        if offset > onset:
            mistakes.append(f"vad_offset must not be above vad_onset, but {offset} is above {onset}")
    if wrong.isdisjoint({"num_speakers", "min_speakers", "max_speakers"}):
        mistakes += _count_mistakes(*(known.get(f"{which}_speakers") for which in ("num", "min", "max")))
    mistakes += speaker_mistakes(known, sources)
    formats = known.get("output_formats")
    is_apart = known.get("channels", "mix") != "mix"
    if "rttm" in _items(formats) and not known.get("diarization") and not is_apart:
        mistakes.append('output_formats: rttm needs diarization, or channels "separate" or "auto"')
    if "channel_names" not in wrong:
        mistakes += _channel_name_mistakes(_items(known.get("channel_names")), is_apart=is_apart)
    return mistakes


def _recording_mistakes(file: object, inline: object, sources: Mapping[str, AudioSource]) -> list[str]:
    if file is None and inline is None:
        return ["the recording is missing: send audio_file or audio_base64"]
    if file is not None and inline is not None:
        return ["audio_file and audio_base64 are both there; send one of them"]
    if isinstance(file, str) and file:
        return source_mistakes("audio_file", sources[file])
    if isinstance(inline, str) and inline:
        return base64_mistakes("audio_base64", inline)
    return []


def _count_mistakes(exactly: Any, least: Any, most: Any) -> list[str]:  # noqa: ANN401
    mistakes = []
    if least is not None and most is not None and least > most:
        mistakes.append(f"min_speakers must not be above max_speakers, but {least} is above {most}")
    if exactly is not None and least is not None and exactly < least:
        mistakes.append(f"num_speakers must not be below min_speakers, but {exactly} is below {least}")
    if exactly is not None and most is not None and exactly > most:
        mistakes.append(f"num_speakers must not be above max_speakers, but {exactly} is above {most}")
    return mistakes


def _channel_name_mistakes(names: Iterable[object], *, is_apart: bool) -> list[str]:
    given = [name.strip() for name in names if isinstance(name, str)]
    if not given:
        return []
    mistakes = [] if is_apart else ['channel_names needs channels "separate" or "auto"']
    for place, name in enumerate(given):
        if RESERVED_NAME.fullmatch(name):
            mistakes.append(f"channel_names[{place}] must not be {shown(name)}: strangers are called that")
        elif " ".join(name.split()) in (" ".join(other.split()) for other in given[:place]):
            mistakes.append(f"channel_names has {shown(name)} twice; each channel needs a name of its own")
    return mistakes


def plugins_off(request: Request, abilities: Abilities) -> frozenset[str]:
    """Return the plugins that take no part in a job.

    These are the ones that it disables, and those on request that neither it nor the operator's options name.
    """
    disabled = {name for name, given in request.plugins.items() if given.get(ENABLED) is False}
    named = {*request.plugins, *(name for name, rules in abilities.rules.items() if rules.options or rules.secrets)}
    return frozenset(disabled | (abilities.on_request - named))


def option_fields(schema: type) -> Mapping[str, Any]:
    """Return the JSON schema of each option of a plugin, by name."""
    return _adapter(schema)[1]


def validate_options(schema: type, given: Mapping[str, object]) -> object:
    """Return a plugin's options, with defaults where none are given.

    Raises:
        ValidationError: When one is wrong.
    """
    return _adapter(schema)[0].validate_python(dict(given))


def _parse_options(plugins: object, abilities: Abilities, mistakes: list[str]) -> dict[str, object]:
    """Validate the options of every plugin, those of the operator and defaults included, and add mistakes."""
    sent = plugins if isinstance(plugins, Mapping) else {}
    for name, given in sent.items():
        if name not in abilities.plugins:
            hint = did_you_mean(str(name), abilities.plugins)
            mistakes.append(f"plugins: there is no active plugin {shown(name)}{_listed(abilities.plugins)}{hint}")
        elif isinstance(given, Mapping):
            mistakes += _refused_options(name, given, abilities)
    options: dict[str, object] = {}
    for name, schema in abilities.options.items():
        given = sent.get(name, {})
        if not isinstance(given, Mapping):
            continue
        rules = abilities.rules.get(name)
        known = {option: value for option, value in given.items() if option in option_fields(schema)}
        merged = {**rules.options, **known, **rules.secrets} if rules else known
        try:
            options[name] = validate_options(schema, merged)
        except ValidationError as error:
            mistakes += [
                ".".join(["plugins", name, *map(str, detail["loc"])]) + f": {lowered(detail['msg'])}"
                for detail in error.errors()
            ]
    return options


def _refused_options(name: str, given: Mapping[str, object], abilities: Abilities) -> Iterable[str]:
    """Yield a mistake for each option that a job may not send."""
    rules = abilities.rules.get(name)
    if ENABLED in given:
        if not isinstance(given[ENABLED], bool):
            yield f"plugins.{name}.{ENABLED} must be true or false, not {shown(given[ENABLED])}"
        elif not given[ENABLED] and not (name in abilities.on_request or (rules and rules.job_may_disable)):
            yield f"plugins.{name}.{ENABLED}: this worker lets no job do without the plugin"
    others = [option for option in given if option != ENABLED]
    if name not in abilities.options:
        if others:
            yield f"plugins.{name} takes no options"
        return
    fields = option_fields(abilities.options[name])
    for option in others:
        if option not in fields:
            yield f"plugins.{name} has no option {shown(option)}{_listed(fields)}"
        elif rules and (option in rules.locked or option in rules.secrets):
            yield f"plugins.{name}.{option} is set by the worker, not by a job"


@cache
def _adapter(schema: type) -> tuple[TypeAdapter[object], Mapping[str, object]]:
    """Return the validator of a plugin's options and their names; cached, since it takes milliseconds."""
    adapter = TypeAdapter[object](schema)
    return adapter, adapter.json_schema().get("properties", {})


def _unknown_formats(formats: object, abilities: Abilities) -> list[str]:
    return [
        f"output_formats: there is no format {shown(name)}{_listed(abilities.outputs)}"
        for name in _items(formats)
        if isinstance(name, str) and name not in abilities.outputs
    ]


def _listed(names: Iterable[str]) -> str:
    return f" (there are: {', '.join(sorted(names))})" if names else ""
