"""Names of verified people on the segments of a transcript. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker.types import ReadOnlyDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whisperx_worker.types import Segment, SpeakerMatch, Transcript


def apply_names(transcript: Transcript, matches: Iterable[SpeakerMatch]) -> Transcript:
    """Set the names and similarities that verification found on segments.

    The match of a diarized speaker applies to all segments of that speaker. The match of a single segment replaces it
    where both have the same name, and applies alone where the speaker has no match; its extra data goes to the segment.
    """
    found = tuple(matches)
    by_speaker = {match.speaker: match for match in found if match.segment is None}
    by_segment = {match.segment: match for match in found if match.segment is not None}
    segments = (
        _apply_name(segment, by_speaker.get(segment.speaker) if segment.speaker else None, by_segment.get(index))
        for index, segment in enumerate(transcript.segments)
    )
    return replace(transcript, segments=tuple(segments))


def _apply_name(segment: Segment, voice: SpeakerMatch | None, own: SpeakerMatch | None) -> Segment:
    match = own if voice is None or (own and own.speaker_id == voice.speaker_id) else voice
    if match is None:
        return segment
    extra = ReadOnlyDict({**segment.extra, **own.extra}) if own and own.extra else segment.extra
    return replace(segment, speaker_id=match.speaker_id, similarity=match.similarity, extra=extra)
