"""Settings of the worker, read from the environment at its start."""

from __future__ import annotations

import difflib
import logging
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from whisperx_worker.contract.fields import described, is_model_name, joined, sentence
from whisperx_worker.contract.plugin_rules import PREFIX as RULES_PREFIX
from whisperx_worker.contract.plugin_rules import PluginRules, read_plugin_rules
from whisperx_worker.errors import SettingsError
from whisperx_worker.runtime import machine

log = logging.getLogger(__name__)

PREFIX = "WHISPERX_WORKER_"

Names = Annotated[tuple[str, ...], NoDecode]
"""Names separated by commas."""


class Settings(BaseSettings):
    """Choices of the operator. `variables` returns the environment variables of each field."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
    )

    hf_token: SecretStr | None = described(
        None,
        "Hugging Face token for gated models; a job's own token wins",
        "a token",
        secret=True,
        validation_alias="HF_TOKEN",
    )
    no_speech_threshold: float = described(
        0.6,
        "above it (and below the log-probability threshold) a chunk is silence",
        "a number from 0 to 1",
        ge=0,
        le=1,
        validation_alias=AliasChoices("NO_SPEECH_THRESHOLD", "ASR_NO_SPEECH_THRESHOLD"),
    )
    logprob_threshold: float = described(
        -1.0,
        "below it the model is not sure of a text, which is then doubtful",
        "a number of at most 0",
        le=0,
        validation_alias=AliasChoices("LOGPROB_THRESHOLD", "ASR_LOGPROB_THRESHOLD"),
    )
    compression_ratio_threshold: float = described(
        2.4,
        "above it a chunk repeats itself and is decoded again at the next temperature",
        "a number above 0",
        gt=0,
        validation_alias=AliasChoices("COMPRESSION_RATIO_THRESHOLD", "ASR_COMPRESSION_RATIO_THRESHOLD"),
    )
    models: Path = described(Path("/models"), "folder of models, one sub-folder each", "a folder")
    model: str = described(
        "faster-whisper-large-v3-russian", "recognition model of jobs that name none", "a model's name", min_length=1
    )
    align_model: str | None = described(
        None, "alignment model for every language, in place of the table by language", "a model's name", min_length=1
    )
    diarization_model: str = described(
        "pyannote/speaker-diarization-community-1",
        "diarization model of jobs that name none",
        "a model's name",
        min_length=1,
    )
    speaker_model: str = described(
        "speechbrain/spkrec-ecapa-voxceleb",
        "embedding model that speakers are verified with",
        "a model's name",
        min_length=1,
    )
    hub_models: Names = described(
        (),
        "models that may be downloaded from the Hugging Face hub, as `org/name` or `org/name@revision`; `*` is any",
        "names of models separated by commas",
    )
    device: Literal["auto", "cpu", "cuda"] = described(
        "auto",
        "where models run: `auto`, `cpu` or `cuda`; where RunPod gave a GPU, `auto` is `cuda`",
        '"auto", "cpu" or "cuda"',
    )
    threads: int = described(
        0, "CPU threads of the models; 0 is all that the process may use", "a whole number from 0 to 256", ge=0, le=256
    )
    memory_budget_mb: int = described(
        0,
        "loaded models above this size are let go, least recently used first; 0 is no limit",
        "a whole number of at least 0",
        ge=0,
    )
    chunk_s: float | None = described(
        None,
        "longest piece of speech that is recognised at once, in seconds; else what suits the model, mostly 30",
        "a number from 1 to 30",
        ge=1,
        le=30,
    )
    warm_up: bool = described(False, "load models when the worker starts", "true or false")
    detect_speech_engine: str | None = described(
        None, "plugin that detects speech, where several can", "a plugin's name"
    )
    identify_language_engine: str | None = described(
        None, "plugin that identifies the language, where several can", "a plugin's name"
    )
    transcribe_engine: str | None = described(None, "plugin that transcribes, where several can", "a plugin's name")
    align_engine: str | None = described(None, "plugin that aligns, where several can", "a plugin's name")
    diarize_engine: str | None = described(None, "plugin that diarizes, where several can", "a plugin's name")
    embed_voices_engine: str | None = described(
        None, "plugin with the speaker model, where several have one", "a plugin's name"
    )
    verify_speakers_engine: str | None = described(
        None, "plugin that verifies speakers, where several can", "a plugin's name"
    )
    plugins_allow: Annotated[tuple[str, ...] | None, NoDecode] = described(
        None, "the only plugins that may be active, in the order in which chains run them", "names separated by commas"
    )
    plugins_block: Names = described((), "plugins that must not be active", "names separated by commas")
    plugins_require: Names = described(
        (), "plugins without which the worker does not start and no job runs", "names separated by commas"
    )
    plugins_order: Names = described(
        (), "order in which chains run these plugins, before all others", "names separated by commas"
    )
    plugins_isolate: Names = described(
        (), "plugins that run in processes of their own, which may crash or hang", "names separated by commas"
    )
    plugin_rules: tuple[PluginRules, ...] = described(
        (),
        "JSON for one plugin: its `options` where jobs send none, those that are `locked` for jobs, `secrets`, and "
        '`"job_may_disable": true`',
        "an object",
        validation_alias=f"{RULES_PREFIX}<NAME>",
    )
    plugins_limit_s: float | None = described(
        None, "longest time of one call of a plugin, in seconds; else no limit", "a number above 0", gt=0
    )
    plugins_dir: Path | None = described(
        None, "folder of further plugins: `name.py` or `name/__init__.py`", "a folder that exists"
    )
    jobs_at_once: int = described(
        1,
        "jobs that the worker takes at a time, fewer when memory is short",
        "a whole number from 1 to 64",
        ge=1,
        le=64,
    )
    max_job_s: float | None = described(
        None,
        "longest time of a job, in seconds; else what the job's `policy` says, else no limit",
        "a number above 0",
        gt=0,
    )
    max_memory_mb: int = described(
        0,
        "memory of the process above which the worker takes one job at a time, and asks RunPod for a fresh one; "
        "0 is nine tenths of what the container has",
        "a whole number of at least 0",
        ge=0,
    )
    max_payload_mb: float = described(20.0, "largest request, in megabytes of JSON", "a number above 0", gt=0)
    max_audio_s: float = described(43_200.0, "longest recording, in seconds", "a number above 0", gt=0)
    max_audio_mb: float = described(
        2_048.0, "largest recording before decoding, in megabytes", "a number above 0", gt=0
    )
    max_sample_s: float = described(600.0, "longest sample of a voice, in seconds", "a number above 0", gt=0)
    max_sample_mb: float = described(
        100.0, "largest sample of a voice before decoding, in megabytes", "a number above 0", gt=0
    )
    voices: Path | None = described(
        None, "library of voices of the command line; else one in the user's data folder", "a file"
    )
    bucket_name: str | None = described(
        None,
        "bucket for results that are too large for RunPod; else RunPod's own rule, one for each month (`11-26`)",
        "a bucket's name",
        min_length=1,
        validation_alias="BUCKET_NAME",
    )
    fetch_timeout_s: float = described(
        30.0, "longest silence of a server while audio is fetched, in seconds", "a number above 0", gt=0
    )
    min_fetch_kb_per_s: float = described(
        16.0,
        "slowest pace of a server after the first `WHISPERX_WORKER_FETCH_TIMEOUT_S`, in kilobytes per second; 0 is any",
        "a number of at least 0",
        ge=0,
    )
    log_file: Path = described(Path("container_log.txt"), "where everything is logged", "a file that can be written")
    log_format: Literal["text", "json"] = described(
        "text", "how a line of the log is written; `json`: one object per line", '"text" or "json"'
    )
    log_tail_lines: int = described(200, "lines of a job's log in its response", "a whole number of at least 0", ge=0)

    @field_validator(
        "hub_models",
        "plugins_allow",
        "plugins_block",
        "plugins_require",
        "plugins_order",
        "plugins_isolate",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("device")
    @classmethod
    def _gpu_of_runpod(cls, value: str) -> str:
        return "cuda" if value == "auto" and machine.on_runpod_gpu() else value

    @field_validator("hub_models")
    @classmethod
    def _names_of_models(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(name != "*" and not is_model_name(name.partition("@")[0]) for name in value):
            raise ValueError("no name of a model")
        return value

    @field_validator("plugins_dir")
    @classmethod
    def _exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("no such folder")
        return value

    @property
    def cpu_threads(self) -> int:
        """CPU threads of a model: the operator's number, else all that the process may use."""
        return self.threads or machine.cores()

    def engine(self, hook: str) -> str | None:
        """Return the plugin that the operator chose for an engine hook."""
        chosen: str | None = getattr(self, f"{hook}_engine", None)
        return chosen


def variables(field: str) -> tuple[str, ...]:
    """Return the environment variables of a field, in order of precedence."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (alias,) if isinstance(alias, str) else (PREFIX + field.upper(),)


def unknown_variables() -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none."""
    known = {name for field in Settings.model_fields for name in variables(field)}
    sentences = []
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name.startswith(RULES_PREFIX) or name in known:
            continue
        nearest = difflib.get_close_matches(name, known, n=1)
        sentences.append(f"{name} is no setting{f'; {nearest[0]} is' if nearest else ''}")
    return sentences


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401
    """Read the environment.

    Args:
        overrides: Values that win over the environment, by field name.

    Raises:
        SettingsError: Naming every variable whose value cannot be used.
    """
    unknown = unknown_variables()
    if about_plugins := [sentence for sentence in unknown if sentence.startswith(f"{PREFIX}PLUGINS_")]:
        raise SettingsError(joined(about_plugins))  # one that was to require a plugin would require none
    for warning in unknown:
        log.warning("%s", warning)
    overrides = {"plugin_rules": read_plugin_rules(), **overrides}
    try:
        return Settings(**overrides)
    except ValidationError as error:
        mistakes = []
        for detail in error.errors():
            place = str(detail["loc"][0])
            field = next((name for name in Settings.model_fields if place in {name, *variables(name)}), place)
            set_by = next((name for name in variables(field) if os.environ.get(name)), variables(field)[0])
            mistakes.append(sentence(Settings, field, set_by, detail))
        raise SettingsError(joined(mistakes)) from None
