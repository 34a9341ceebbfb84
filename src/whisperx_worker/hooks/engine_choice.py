"""Choice of the plugin that runs an engine hook, by job and by settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pluggy import HookImpl

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job

ENGINES = ("transcribe", "align", "diarize", "verify_speakers")
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
    engines = {one.plugin_name: one for one in host.implementations(hook) if one.plugin_name not in job.plugins_off}
    by_job = [name for name in engines if name in job.request.plugins]
    chosen = [engines[by_job[0]] if len(by_job) == 1 else _choose(host, hook, engines, job.settings)]
    left = {name: one for name, one in engines.items() if one is not chosen[0]}
    while left:
        try:
            chosen.append(_choose(host, hook, left, job.settings, by_setting=False))
        except PluginError:  # several that nobody chose among
            break
        del left[chosen[-1].plugin_name]
    return chosen


def default_engine(host: Host, hook: str, settings: Settings) -> HookImpl:
    """Return the plugin of jobs that name none.

    It is the one in the settings, else the worker's own, else the only one.

    Raises:
        PluginError: When there is none, or several and none of them is named.
    """
    return _choose(host, hook, {one.plugin_name: one for one in host.implementations(hook)}, settings)


def _choose(
    host: Host, hook: str, engines: Mapping[str, HookImpl], settings: Settings, *, by_setting: bool = True
) -> HookImpl:
    named = settings.engine(hook)
    if named and named in engines:
        return engines[named]
    if named and by_setting:
        raise PluginError(f"{engine_variable(hook)} names the plugin {named!r}, which is not active")
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
