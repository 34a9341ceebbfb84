"""Libraries of the extra `evaluate`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from whisperx_worker.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whisperx_worker.evaluate.reference import Reference

ALWAYS = ("jiwer", "num2words")
FOR_SPEAKERS = ("meeteval", "pyannote.metrics")


class MissingLibraryError(WorkerError, ImportError):
    """Library of an extra that is not installed."""


def check_libraries(references: Iterable[Reference]) -> None:
    """Check that what the references can be measured with is installed.

    Raises:
        MissingLibraryError: With all that are missing.
    """
    has_speakers = any(reference.speaker_turns for reference in references)
    missing = [name for name in (*ALWAYS, *(FOR_SPEAKERS if has_speakers else ())) if not _is_installed(name)]
    if missing:
        raise MissingLibraryError(
            f"`evaluate` needs {' and '.join(missing)}: `pip install '.[evaluate]'` brings what it measures with"
        )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
