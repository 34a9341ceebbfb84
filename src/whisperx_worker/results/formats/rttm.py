"""NIST's Rich Transcription Time Marked (RTTM) format of turns. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker.types import Result


def write_rttm(result: Result) -> str:
    """Return one line for each turn; turns may overlap."""
    lines = []
    for turn in sorted(result.turns, key=lambda turn: (turn.start, turn.end)):
        start, end = round(turn.start, 3), round(turn.end, 3)
        speaker = "_".join(turn.speaker.split())
        lines.append(f"SPEAKER recording 1 {start:.3f} {end - start:.3f} <NA> <NA> {speaker} <NA> <NA>\n")
    return "".join(lines)
