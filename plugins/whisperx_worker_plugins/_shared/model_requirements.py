"""Production model of a plugin: its hub id and pinned revision, whichever model the operator sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker import ModelRequirement


def with_production_model(configured: ModelRequirement, production: ModelRequirement) -> list[ModelRequirement]:
    """Return the configured model, pinned if it is the production model; else both.

    Args:
        configured: The operator's model.
        production: The plugin's default, on request, with its hub id or revision.
    """
    if configured.name == production.name:
        return [replace(configured, hub_id=production.hub_id, pinned_revision=production.pinned_revision)]
    return [configured, production]
