"""Local SpeechBrain folders, loaded without the hub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def local_arguments(folder: Path, device: str) -> dict[str, Any]:
    """Return arguments of SpeechBrain's `from_hparams` for a folder of this machine.

    Published folders name their place on the hub, from where SpeechBrain would fetch the weights.

    Args:
        folder: With `hyperparams.yaml` and the checkpoints that it names.
        device: "cpu" or "cuda".
    """
    hyperparams = (folder / "hyperparams.yaml").read_text(encoding="utf-8")
    names_hub_path = re.search(r"^pretrained_path\s*:", hyperparams, re.MULTILINE)
    return {
        "source": str(folder),
        "overrides": {"pretrained_path": str(folder)} if names_hub_path else {},
        "run_opts": {"device": device},
    }
