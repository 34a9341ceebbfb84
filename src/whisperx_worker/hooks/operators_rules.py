"""Settings of the operator for single plugins: that they are there, and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from whisperx_worker.contract.fields import did_you_mean, joined, lowered
from whisperx_worker.contract.plugin_rules import rules_variable, secret_texts
from whisperx_worker.contract.validation import option_fields, validate_options
from whisperx_worker.errors import SettingsError
from whisperx_worker.logs import redaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whisperx_worker.contract.plugin_rules import PluginRules
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host, PluginRecord


def check_required(host: Host) -> None:
    """Check that the plugins are active that the operator requires.

    Raises:
        SettingsError: When one is not.
    """
    states = {record.name: record for record in host.records}
    if lacking := [f"{name} is {_why_not(states[name])}" for name in sorted(host.required - host.active)]:
        raise SettingsError(f"WHISPERX_WORKER_PLUGINS_REQUIRE: {joined(lacking)}")


def _why_not(record: PluginRecord) -> str:
    return "not installed" if record.state == "missing" else f"{record.state}: {record.reason}"


def apply_rules(host: Host, settings: Settings) -> None:
    """Give each active plugin its rules, and check them.

    Raises:
        SettingsError: When rules have options that the plugin does not take.
    """
    active_last = sorted(host.records, key=lambda record: record.state == "active")
    by_variable = {rules_variable(record.name): record for record in active_last}  # of two with one name the active one
    mistakes: list[str] = []
    for rules in settings.plugin_rules:
        secrets = secret_texts(rules)
        redaction.hide(secrets)
        if any(len(secret) < redaction.MIN_SECRET for secret in secrets):
            mistakes.append(f"{rules.variable}: a secret needs {redaction.MIN_SECRET} characters to be masked")
        record = by_variable.get(rules.variable)
        if record is None:
            hint = did_you_mean(rules.variable, by_variable)
            host.problems.append(f"{rules.variable} is of a plugin that is not installed{hint}")
        elif record.state == "active":
            host.rules[record.name] = rules
            if rules.job_may_disable and record.name in host.required:
                mistakes.append(f"{rules.variable}: job_may_disable is true of a plugin that is required")
            mistakes += [f"{rules.variable}: {wrong}" for wrong in _wrong_options(rules, host.options.get(record.name))]
    if mistakes:
        raise SettingsError(joined(mistakes))


def _wrong_options(rules: PluginRules, schema: type | None) -> Iterator[str]:
    fields = option_fields(schema) if schema else {}
    for option in sorted({*rules.options, *rules.locked, *rules.secrets}):
        if option not in fields:
            yield f"the plugin has no option {option!r}"
            return
    if schema:
        try:
            validate_options(schema, {**rules.options, **rules.secrets})
        except ValidationError as error:
            for detail in error.errors(include_input=False):
                yield f"{'.'.join(map(str, detail['loc']))}: {lowered(detail['msg'])}"
