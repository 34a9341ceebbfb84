"""Properties of a plugin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PluginInfo:
    """Answer to `register_plugin`."""

    on_request: bool = False
    """Whether it takes part only in jobs that name it.

    Where the operator gives it options or requires it, it takes part in all jobs.
    """
