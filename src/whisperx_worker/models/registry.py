"""Hub ids, short names and pinned revisions of models, as plugins register them.

They hold for the process: `find_model` works from them wherever it is called.
"""

from __future__ import annotations

_hub_ids: dict[str, str] = {}
"""Hub ids of models by their short name."""
_revisions: dict[str, str] = {}
"""Pinned revisions by hub id."""


def register(name: str, hub_id: str | None, revision: str | None) -> None:
    """Register the hub id and the pinned revision of a model.

    Args:
        name: The model's name, a hub id or a short name.
        hub_id: Its id on the hub, where the name is a short one.
        revision: The commit to download where no other is named.
    """
    if hub_id:
        _hub_ids[name] = hub_id
    if revision:
        _revisions[hub_id or name] = revision


def hub_id_of(name: str) -> str:
    """Return the hub id of a model; a name without an entry is its own hub id."""
    return _hub_ids.get(name, name)


def short_name_of(hub_id: str) -> str:
    """Return the name of a model's folder by its hub id."""
    return next((name for name, other in _hub_ids.items() if other == hub_id), hub_id)


def pinned_revision(name: str) -> str | None:
    """Return the pinned revision of a model, or None where there is none."""
    return _revisions.get(hub_id_of(name))
