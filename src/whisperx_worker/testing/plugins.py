"""Plugins loaded as the worker loads them, whatever the environment sets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from whisperx_worker.contract.fields import did_you_mean
from whisperx_worker.contract.plugin_rules import PluginRules, rules_variable
from whisperx_worker.contract.settings import Settings
from whisperx_worker.errors import PluginError, SettingsError
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host, mounted
from whisperx_worker.hooks.operators_rules import check_required

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whisperx_worker.hooks.host import Host

_NO_CHOICE: dict[str, Any] = {
    name: field.default
    for name, field in Settings.model_fields.items()
    if name.startswith("plugin") or name.endswith("_engine")
}
"""Settings about plugins as they are where the operator decides nothing."""


def load_plugin(
    plugin: object,
    name: str = "plugin",
    *,
    settings: Mapping[str, object] | None = None,
    rules: Mapping[str, Mapping[str, object]] | None = None,
) -> Host:
    """Return a host with this one plugin, as `load_plugins` does.

    Raises:
        PluginError: With the reason, where the worker would list the plugin as failed.
        SettingsError: As `load_plugins` does.
    """
    host = host_of({name: plugin}, make_settings(settings, rules), may_fail=True)
    record = host.records[0]
    if record.state != "active":
        raise PluginError(record.reason)
    return host


def load_plugins(
    *,
    settings: Mapping[str, object] | None = None,
    rules: Mapping[str, Mapping[str, object]] | None = None,
    may_fail: bool = False,
    **plugins: object,
) -> Host:
    """Return a host with plugins, loaded as the worker loads them.

    Args:
        settings: Fields of `Settings`, such as `plugins_limit_s`; `plugins_dir` adds the plugins of a folder. Jobs of
            the host get these settings.
        rules: What the operator decides, by plugin: `options`, `locked`, `secrets`, `job_may_disable`.
        may_fail: Whether the host may list a plugin as failed; `host.records` has the reason.
        plugins: Modules or objects, by name.

    Raises:
        PluginError: With the name and the reason, where the worker would list a plugin as failed.
        SettingsError: Where the worker would not start: a required plugin that is not active, options that a plugin
            does not take.
    """
    return host_of(plugins, make_settings(settings, rules), may_fail=may_fail)


def host_of(plugins: Mapping[str, object], settings: Settings | None = None, *, may_fail: bool = False) -> Host:
    """Return a host with plugins by name, as `load_plugins` does.

    Raises:
        PluginError: As `load_plugins` does.
        SettingsError: As `load_plugins` does.
    """
    settings = settings or make_settings()
    candidates = [Candidate(name, "test", "0", load=partial(_same, plugin)) for name, plugin in plugins.items()]
    host = load_host(settings, [*candidates, *mounted(settings.plugins_dir)])
    check_required(host)
    failed = [record for record in host.records if record.state == "failed"]
    if failed and not may_fail:
        raise PluginError(f"{failed[0].name}: {failed[0].reason}")
    return host


def _same(plugin: object) -> object:
    return plugin


def make_settings(
    settings: Mapping[str, object] | None = None, rules: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """Return settings that leave plugins alone, whatever the environment sets, but for what is given.

    Raises:
        SettingsError: When a setting is not there, or cannot be used.
    """
    if unknown := sorted({*(settings or {})} - Settings.model_fields.keys()):
        raise SettingsError(f"{unknown[0]!r} is no setting{did_you_mean(unknown[0], Settings.model_fields)}")
    made = [
        PluginRules(rules_variable(name), **{**given, "locked": frozenset(given.get("locked", ()))})
        for name, given in (rules or {}).items()
    ]
    fields: dict[str, Any] = {**_NO_CHOICE, "plugin_rules": tuple(made), **(settings or {})}
    return Settings(**fields)
