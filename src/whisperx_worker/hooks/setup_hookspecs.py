"""Specifications of the hooks outside of jobs: what a plugin is and offers, and its beginning and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.hooks.hookspecs import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.plugin_info import PluginInfo
    from whisperx_worker.models.cache import ModelCache
    from whisperx_worker.models.requirement import ModelRequirement
    from whisperx_worker.results.extra_schema import ExtraSchema
    from whisperx_worker.results.formats.output_format import OutputFormat


@hookspec
def register_plugin() -> PluginInfo | None:
    """Setup. Say what the host has to know of this plugin before any job.

    Called once, when the plugin is loaded. `api` is the range of `API_VERSION` that it works with: a worker of another
    version does not load it, and says so. None: nothing special.

    Example:
        >>> from whisperx_worker import PluginInfo, hookimpl
        >>> @hookimpl
        ... def register_plugin() -> PluginInfo:
        ...     return PluginInfo(on_request=True, api=">=1.0,<2")
    """


@hookspec
def register_options() -> type | None:
    """Setup. Return the options' schema: a pydantic model or dataclass, all fields with defaults.

    Called once, when the plugin is loaded. Jobs send `{"plugins": {"<plugin name>": {...}}}`; it is validated before
    any heavy work and arrives in the plugin's hooks as `options`. None: this plugin takes no options.

    Example:
        >>> from dataclasses import dataclass
        >>> from whisperx_worker import hookimpl
        >>> @dataclass(frozen=True)
        ... class Options:
        ...     keep_digits: int = 2
        >>> @hookimpl
        ... def register_options() -> type[Options]:
        ...     return Options
    """


@hookspec
def register_extra() -> ExtraSchema | None:
    """Setup. Return the schemas of the data that this plugin adds to words, segments, speakers and results.

    Called once, when the plugin is loaded. `with_extra(segment, "<plugin name>", joy=0.5)` adds data in any hook, and
    the response has it as `segments[].extra.<plugin name>`. Before outputs are written all of it is checked: JSON
    values, at most 64 KB and 8 levels in one value, and what the schema says, strictly. Data that fails is left out,
    and a warning names the plugin. None: the data has no schema, and only has to be JSON.

    Example:
        >>> from dataclasses import dataclass
        >>> from whisperx_worker import ExtraSchema, hookimpl
        >>> @dataclass(frozen=True)
        ... class Mood:
        ...     joy: float
        >>> @hookimpl
        ... def register_extra() -> ExtraSchema:
        ...     return ExtraSchema(segment=Mood)
    """


@hookspec
def register_outputs() -> Sequence[OutputFormat] | None:
    """Setup. Return output formats that jobs may name in `output_formats`.

    Called once, when the plugin is loaded. A format that another plugin or the worker already has is a failure of this
    plugin. None: no formats.

    The writer of a format takes any subset of `result`, `job`, `options` and `audio`, by name; one argument of another
    name is the result. `audio` is the recording after `pre_audio`, which stays in memory only for jobs with a format
    that takes it. Answer with text, or with bytes and a media type: in the response these are base64. A writer that
    raises, or returns something else, is left out of `outputs`, and the client gets a warning.

    Example:
        >>> from whisperx_worker import OutputFormat, hookimpl
        >>> @hookimpl
        ... def register_outputs() -> list[OutputFormat]:
        ...     return [
        ...         OutputFormat("shout", ".txt", lambda result: result.transcript.text.upper()),
        ...         OutputFormat("pcm", ".raw", lambda audio: audio.samples.tobytes(), "audio/x-raw"),
        ...     ]
    """


@hookspec
def register_models(settings: Settings) -> Sequence[ModelRequirement] | None:
    """Setup. Return the models that this plugin loads under these settings.

    Called once per worker, by `whisperx-worker preload` and by `doctor`. The libraries that the models need are
    imported before the plugin's steps, one thread at a time. Import nothing heavy and look at no file. None: it loads
    none that the worker could fetch. If it raises, that is logged.

    Example:
        >>> from whisperx_worker import ModelRequirement, Settings, hookimpl
        >>> @hookimpl
        ... def register_models(settings: Settings) -> list[ModelRequirement]:
        ...     return [ModelRequirement("org/denoiser", "pre_audio", files=("model.onnx",))]
    """


@hookspec
def shutdown() -> None:
    """Setup. Release what is held outside of the process: connections, buffers that are to be sent.

    Called once, when the process ends by itself; not where it is killed. What it raises is logged.

    Example:
        >>> from whisperx_worker import hookimpl
        >>> @hookimpl
        ... def shutdown() -> None:
        ...     print("good-bye")
    """


@hookspec
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Setup. Load what every job will need, so that the first one does not wait.

    Called once, when a worker starts (`WHISPERX_WORKER_WARM_UP`), never by the command line. On RunPod it is a fitness
    check: a worker ends where the plugin that transcribes raises, or the GPU fails whoever notices. Else what is raised
    is logged, and the first job loads its models itself.

    Example:
        >>> from whisperx_worker import ModelCache, Settings, hookimpl
        >>> @hookimpl
        ... def warm_up(models: ModelCache, settings: Settings) -> None:
        ...     with models.use(("tokenizer", "ru"), load=lambda: object()):
        ...         pass
    """
