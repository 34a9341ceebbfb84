"""Choice of the plugin that runs an engine hook, by job and by settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.errors import PluginError

if TYPE_CHECKING:
    from pluggy import HookImpl

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job

ENGINES = ("transcribe", "align", "diarize", "verify_speakers")
"""Hooks that one plugin implements per job, in the order of the stages."""


def engine_for_job(host: Host, hook: str, job: Job) -> HookImpl:
    """Return the engine that the job names, else the `default_engine`.

    Raises:
        PluginError: When there is none, or several and none of them is named.
    """
    engines = {implementation.plugin_name: implementation for implementation in host.implementations(hook)}
    by_job = [name for name in engines if name in job.request.plugins]
    return engines[by_job[0]] if len(by_job) == 1 else default_engine(host, hook, job.settings)


def default_engine(host: Host, hook: str, settings: Settings) -> HookImpl:
    """Return the plugin of jobs that name none: the one in the settings, else the only one.

    Raises:
        PluginError: When there is none, or several and none of them is named.
    """
    engines = {implementation.plugin_name: implementation for implementation in host.implementations(hook)}
    if by_setting := settings.engine(hook):
        if by_setting in engines:
            return engines[by_setting]
        raise PluginError(f"{_engine_variable(hook)} names the plugin {by_setting!r}, which is not active")
    if len(engines) == 1:
        return next(iter(engines.values()))
    if not engines:
        raise PluginError(f"{hook}: no active plugin does this step")
    listed = ", ".join(sorted(engines))
    raise PluginError(
        f"{hook}: several plugins do this step ({listed}); "
        f"name one in {_engine_variable(hook)} or in the job's `plugins`"
    )


def _engine_variable(hook: str) -> str:
    return f"WHISPERX_WORKER_{hook.upper()}_ENGINE"
