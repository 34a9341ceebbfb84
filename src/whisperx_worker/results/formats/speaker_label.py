"""Speaker of a segment as readers see it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker.types import Segment


def speaker_label(segment: Segment) -> str | None:
    """Return the name of a verified speaker, else the anonymous label."""
    label = segment.speaker_id if segment.speaker_id not in {None, "unknown"} else segment.speaker
    return " ".join(label.split()) if label else None


def labelled_text(segment: Segment) -> str:
    """Return the text of a segment after its speaker in brackets."""
    label = speaker_label(segment)
    return f"[{label}]: {segment.text.strip()}" if label else segment.text.strip()
