"""Production model of this plugin, at its pinned revision."""

from __future__ import annotations

from whisperx_worker import ModelRequirement

PINNED_MODEL = ModelRequirement(
    "pyannote/speaker-diarization-community-1",
    "diarize",
    on_request=True,
    pinned_revision="3533c8cf8e369892e6b79ff1bf80f7b0286a54ee",
)
"""Model with the parts that a folder of pyannote's own pipeline does not name."""
