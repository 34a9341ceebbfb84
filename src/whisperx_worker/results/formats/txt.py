"""Plain text, one segment per line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.results.formats.speaker_label import labelled_text

if TYPE_CHECKING:
    from whisperx_worker.types import Result


def write_txt(result: Result) -> str:
    """Return one line for each segment."""
    return "".join(f"{labelled_text(segment)}\n" for segment in result.transcript.segments)
