"""Production model of this plugin, at its pinned revision."""

from __future__ import annotations

from whisperx_worker import ModelRequirement

PINNED_MODEL = ModelRequirement(
    "jonatasgrosman/wav2vec2-large-xlsr-53-russian",
    "align",
    on_request=True,
    pinned_revision="2329100508896c6d9b157019803ab5601e6f3406",
)
"""Model for Russian in whisperX's table, which cannot be imported without PyTorch."""
