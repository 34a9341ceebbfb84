"""Former path of `LinkedSpeakerDiarization`, for model folders that still name it. Deprecated."""

import warnings

from whisperx_worker_plugins.linked_diarization.pipeline import LinkedSpeakerDiarization

__all__ = ["LinkedSpeakerDiarization"]

warnings.warn(
    f"{__name__} is deprecated: name {LinkedSpeakerDiarization.__module__} in config.yaml",
    DeprecationWarning,
    stacklevel=2,
)
