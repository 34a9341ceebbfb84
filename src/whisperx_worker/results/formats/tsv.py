"""Tab-separated values with times in milliseconds. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.results.formats.speaker_label import labelled_text

if TYPE_CHECKING:
    from whisperx_worker.types import Result


def write_tsv(result: Result) -> str:
    """Return a header and one row for each segment."""
    rows = [
        f"{round(1000 * s.start)}\t{round(1000 * s.end)}\t{' '.join(labelled_text(s).split())}"
        for s in result.transcript.segments
    ]
    return "\n".join(["start\tend\ttext", *rows]) + "\n"
