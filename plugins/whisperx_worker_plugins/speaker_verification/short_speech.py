"""Names withheld from voices with little speech. Pure but for the warnings.

The embedding of a second or two depends on what is said as much as on who says it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import Seconds, intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Job
    from whisperx_worker_plugins.speaker_verification.naming import Naming
    from whisperx_worker_plugins.speaker_verification.voices import Voice

MIN_NAMED_S: Seconds = 3.0
"""Clean speech that a name needs."""


def without_short(voices: Sequence[Voice], namings: Sequence[Naming], job: Job) -> list[Naming]:
    """Return the namings without names of speakers and of segments without a speaker that are too short.

    A short segment of a speaker keeps its own: it counts only where it agrees with the speaker's.

    Args:
        voices: Speakers and segments.
        namings: One for each voice.
        job: For the warnings.
    """
    is_short = [
        naming.person is not None
        and (voice.segment is None or voice.speaker is None)
        and intervals.total_s(voice.spans) < MIN_NAMED_S
        for voice, naming in zip(voices, namings, strict=True)
    ]
    withheld = [voice for voice, is_one in zip(voices, is_short, strict=True) if is_one]
    for voice in withheld:
        if voice.segment is None:
            speech_s = intervals.total_s(voice.spans)
            job.warn(
                f"{voice.speaker} has {speech_s:.1f} s of clean speech; a name needs {MIN_NAMED_S:g} s", lossless=True
            )
    if segments := [voice.spans for voice in withheld if voice.segment is not None]:
        count = "1 segment has" if len(segments) == 1 else f"{len(segments)} segments have"
        places = job.places([span for spans in segments for span in spans])
        job.warn(f"{count} less than {MIN_NAMED_S:g} s of speech, which a name needs ({places})", lossless=True)
    return [replace(one, person=None) if is_one else one for one, is_one in zip(namings, is_short, strict=True)]
