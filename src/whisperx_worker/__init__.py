"""whisperx-worker: a plugin host around a transcription pipeline. What plugins may rely on is in `__init__.pyi`."""

from lazy_loader import attach_stub

from whisperx_worker.deprecation import warn_renamed

_import, __dir__, __all__ = attach_stub(__name__, __file__)
_RENAMED = {
    "Fitting": "OomBackoff",
    "ModelShelf": "ModelCache",
    "NeededModel": "ModelRequirement",
    "spans": "intervals",
}
"""Public names before 0.2; the old ones work, with a warning, until 0.3."""


def __getattr__(name: str) -> object:
    if (current := _RENAMED.get(name)) is None:
        return _import(name)
    warn_renamed(f"whisperx_worker.{name}", current)
    return _import(current)
