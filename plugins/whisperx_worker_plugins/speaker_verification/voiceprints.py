"""Voiceprints of the speakers of a job."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import Voiceprint, intervals, write_voiceprint
from whisperx_worker_plugins.speaker_verification.enrolment import MIN_SPEECH_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Job, SpeakerMatch, VoiceEmbeddings
    from whisperx_worker_plugins.speaker_verification.voices import Voice


def with_voiceprints(
    matches: Sequence[SpeakerMatch],
    voices: Sequence[Voice],
    vectors: NDArray[np.float32],
    model: VoiceEmbeddings,
    job: Job,
) -> list[SpeakerMatch]:
    """Return matches with the voiceprints of speakers that have enough clean speech; warn of the others.

    Args:
        matches: One for each voice.
        voices: Speakers and segments; segments have no voiceprints.
        vectors: Shape (voices, d), each of length 1.
        model: For the name and revision of the speaker model.
        job: For the warnings.
    """
    made = []
    for match, voice, vector in zip(matches, voices, vectors, strict=True):
        speech_s = intervals.total_s(voice.spans)
        text = None
        if voice.segment is None and speech_s >= MIN_SPEECH_S:
            text = write_voiceprint(Voiceprint(vector, model.model, model.revision, speech_s))
        elif voice.segment is None:
            job.warn(
                f"{voice.speaker} has {speech_s:.1f} s of clean speech, too little for a voiceprint, "
                f"which needs {MIN_SPEECH_S:.1f} s"
            )
        made.append(match if text is None else replace(match, voiceprint=text))
    return made
