"""Choice of the plugin that runs an engine hook, by job and by settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.contract.fields import did_you_mean
from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.host import taking_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pluggy import HookImpl

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job

ENGINES = (
    "detect_speech", "identify_language", "transcribe", "align", "diarize", "embed_voices", "verify_speakers",
)  # fmt: skip
"""Hooks that one plugin implements per job, in the order of the stages."""


def engine_for_job(host: Host, hook: str, job: Job) -> HookImpl:
    """Return the engine that the job names, else the default one.

    Raises:
        PluginError: When there is none, or several and none of them is named.
    """
    return engines_for_job(host, hook, job)[0]


def engines_for_job(host: Host, hook: str, job: Job) -> list[HookImpl]:
    """Return the engine of a job, and those that it may wrap.

    Each is the choice where the ones before it are not there.

    Raises:
        PluginError: When there is none, or several and none of them is named.
    """
    engines = {one.plugin_name: one for one in taking_part(host, hook, job)}
    by_job = [name for name in engines if name in job.request.plugins]
    first = engines[by_job[0]] if len(by_job) == 1 else _choose(host, hook, engines, job.settings)
    return _with_wrapped(host, hook, engines, first, job.settings)


def recognition_steps(transcribers: Sequence[HookImpl]) -> tuple[str, ...]:
    """Return the steps of recognition: `transcribe`, after those that make its arguments.

    Args:
        transcribers: The engine of `transcribe`, and those that it may wrap.
    """
    wrapped = [place for place, one in enumerate(transcribers) if "next_engine" not in arguments_of(one)]
    used = transcribers[: wrapped[0] + 1] if wrapped else transcribers
    taken = set().union(*map(arguments_of, used))
    before = ["detect_speech"] * bool(taken & {"speech", "language"}) + ["identify_language"] * ("language" in taken)
    return (*before, "transcribe")


def default_recognition_steps(host: Host, settings: Settings) -> tuple[str, ...]:
    """Return the steps of recognition for jobs that name no engine and no language."""
    engines = {one.plugin_name: one for one in host.implementations("transcribe")}
    try:
        first = _choose(host, "transcribe", engines, settings)
    except PluginError:  # no engine can be chosen, which is a finding of its own
        return ("transcribe",)
    return recognition_steps(_with_wrapped(host, "transcribe", engines, first, settings))


def arguments_of(implementation: HookImpl) -> set[str]:
    """Return the names of the arguments that a hook function takes."""
    return {*implementation.argnames, *implementation.kwargnames}


def default_engine(host: Host, hook: str, settings: Settings) -> HookImpl:
    """Return the plugin of jobs that name none.

    It is the one in the settings, else the worker's own, else the only one.

    Raises:
        PluginError: When there is none, or several and none of them is named.
    """
    return _choose(host, hook, {one.plugin_name: one for one in host.implementations(hook)}, settings)


def _with_wrapped(
    host: Host, hook: str, engines: Mapping[str, HookImpl], first: HookImpl, settings: Settings
) -> list[HookImpl]:
    """Return an engine and those that it may wrap, as far as each is the choice."""
    chosen = [first]
    left = {name: one for name, one in engines.items() if one is not first}
    while left:
        try:
            chosen.append(_choose(host, hook, left, settings, by_setting=False))
        except PluginError:  # several that nobody chose among
            break
        del left[chosen[-1].plugin_name]
    return chosen


def _choose(
    host: Host, hook: str, engines: Mapping[str, HookImpl], settings: Settings, *, by_setting: bool = True
) -> HookImpl:
    named = settings.engine(hook)
    if named and named in engines:
        return engines[named]
    if named and by_setting:
        hint = did_you_mean(named, engines)
        raise PluginError(f"{engine_variable(hook)} names the plugin {named!r}, which is not active{hint}")
    own = [engine for name, engine in engines.items() if name in host.own]
    for choice in (own, list(engines.values())):
        if len(choice) == 1:
            return choice[0]
    if not engines:
        raise PluginError(f"{hook}: no active plugin does this step")
    listed = ", ".join(sorted(engines))
    raise PluginError(
        f"{hook}: several plugins do this step ({listed}); "
        f"name one in {engine_variable(hook)} or in the job's `plugins`"
    )


def engine_variable(hook: str) -> str:
    """Return the environment variable that chooses the engine of a hook."""
    return f"WHISPERX_WORKER_{hook.upper()}_ENGINE"
