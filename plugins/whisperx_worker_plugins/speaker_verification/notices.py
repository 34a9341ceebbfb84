"""Warnings of a job about voices and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, intervals
from whisperx_worker_plugins.speaker_verification.embeddings import has_two_voices
from whisperx_worker_plugins.speaker_verification.enrolment import CHECKED_PIECE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Audio, Job, VoiceEmbeddings
    from whisperx_worker_plugins.speaker_verification.enrolment import Person
    from whisperx_worker_plugins.speaker_verification.naming import Naming
    from whisperx_worker_plugins.speaker_verification.voices import Voice

MIN_PIECES_OF_TWO = 4
"""Number of pieces from which two voices can be found: `has_two_voices` needs two of each."""
MAX_PLACES = 5
"""Number of segments that one warning names."""


def warn_of_short_speech(voices: Sequence[Voice], is_comparable: NDArray[np.bool_], job: Job) -> None:
    """Warn of speakers who cannot be compared; a segment then has its speaker's name."""
    for voice, is_one in zip(voices, is_comparable, strict=True):
        if voice.segment is None and not is_one:
            job.warn(
                f"{voice.speaker} has {intervals.total_s(voice.spans):.1f} s of clean speech, too little to compare"
            )


def warn_of_missing_calibration(model: VoiceEmbeddings, job: Job) -> None:
    """Warn that the probability of a false name is unknown."""
    job.warn(
        f"no calibration was made for the speaker model {model.model}, so it is not known how likely a name is false; "
        "calibrate-speakers makes one",
        lossless=True,
    )


def warn_of_taken_names(named: Sequence[tuple[Voice, Naming]], people: Sequence[Person], job: Job) -> None:
    """Warn of speakers with a nearest person that is another speaker's name."""
    for voice, naming in named:
        if naming.taken is not None:
            other = next(v.speaker for v, given in named if given.person == naming.taken)
            job.warn(f"{voice.speaker} sounds like {people[naming.taken].name} too, who is already {other}")


def warn_of_mixed_segments(named: Sequence[tuple[Voice, Naming]], audio: Audio, job: Job) -> None:
    """Warn of named segments with two voices, where there are no turns.

    Long ones only: a second voice needs two pieces of its own.
    """
    mixed = []
    for voice, naming in named:
        sound = voice.sound(audio)
        count = round(len(sound) / SAMPLE_RATE_HZ / CHECKED_PIECE_S)
        if voice.speaker is not None or naming.person is None or count < MIN_PIECES_OF_TWO:
            continue
        job.stop_if_cancelled()
        embeddings = job.embed_voices(np.array_split(sound, count))
        pieces = embeddings.vectors
        if has_two_voices(pieces[np.isfinite(pieces).all(axis=1)], embeddings.threshold):
            mixed.append(voice.spans[0])
    if mixed:
        places = job.places(mixed[:MAX_PLACES])
        more = f" and {len(mixed) - MAX_PLACES} more" if len(mixed) > MAX_PLACES else ""
        job.warn(f"a segment has one name, but sounds like two people ({places}{more}); diarization would part them")
