"""Production model of this plugin, at its pinned revision."""

from __future__ import annotations

from whisperx_worker import ModelRequirement

PINNED_MODEL = ModelRequirement(
    "speechbrain/spkrec-ecapa-voxceleb",
    "embed_voices",
    on_request=True,
    pinned_revision="0f99f2d0ebe89ac095bcc5903c4dd8f72b367286",
)
"""Default model, at the revision that its threshold was measured with."""
