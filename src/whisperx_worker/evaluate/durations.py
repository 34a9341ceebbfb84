"""Lengths of recordings, from the headers of their files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker.evaluate.times import MAX_RECORDING_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from whisperx_worker.evaluate.hypothesis import Hypothesis
    from whisperx_worker.evaluate.reference import Reference
    from whisperx_worker.types import Seconds


def with_durations(found: Mapping[str, Hypothesis], references: Sequence[Reference]) -> dict[str, Hypothesis]:
    """Add the lengths of recordings that are there to results made before."""
    audio = {reference.name: reference.audio for reference in references}
    return {
        name: one if one.duration_s or not audio.get(name) else replace(one, duration_s=sound_duration_s(audio[name]))
        for name, one in found.items()
    }


def sound_duration_s(path: Path | None) -> Seconds | None:
    """Return the length in a sound file's header, or None where it has no possible one.

    None also where soundfile cannot read the file. A header written to a stream says 0, or more than any recording has.
    """
    try:
        import soundfile
    except ImportError:
        return None
    try:
        duration_s = float(soundfile.info(str(path)).duration)
    except (OSError, RuntimeError):
        return None
    return duration_s if 0 < duration_s <= MAX_RECORDING_S else None
