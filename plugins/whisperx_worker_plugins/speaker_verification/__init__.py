"""Names for speakers: embeddings of a SpeechBrain encoder, compared with enrolled people by their cosine.

enrolment makes one embedding of each person's samples and voiceprints · voices finds the clean speech of speakers and
segments · encoder embeds it · embeddings compares · threshold is the similarity that a name needs · naming decides who
gets which name · short_speech withholds names · comparison explains the result · voiceprints makes those of speakers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from whisperx_worker import (
    BadInputError,
    ModelName,
    ModelRequirement,
    OomBackoff,
    SpeakerMatch,
    VoiceEmbeddings,
    WorkerError,
    hookimpl,
    intervals,
)
from whisperx_worker_plugins._shared.model_folder import use_model_folder
from whisperx_worker_plugins._shared.model_requirements import with_production_model
from whisperx_worker_plugins.speaker_verification import encoder as encoders
from whisperx_worker_plugins.speaker_verification import notices
from whisperx_worker_plugins.speaker_verification.comparison import Comparison
from whisperx_worker_plugins.speaker_verification.decision import decide
from whisperx_worker_plugins.speaker_verification.embeddings import similarities
from whisperx_worker_plugins.speaker_verification.enrolment import enrol
from whisperx_worker_plugins.speaker_verification.naming import UNKNOWN, name_independently, name_uniquely, with_cosines
from whisperx_worker_plugins.speaker_verification.pinned_model import PINNED_MODEL
from whisperx_worker_plugins.speaker_verification.short_speech import without_short
from whisperx_worker_plugins.speaker_verification.voiceprints import with_voiceprints
from whisperx_worker_plugins.speaker_verification.voices import voices_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray
    from pydantic import SecretStr

    from whisperx_worker import Audio, Diarization, Job, ModelCache, Settings, Transcript
    from whisperx_worker_plugins.speaker_verification.encoder import Encoder
    from whisperx_worker_plugins.speaker_verification.enrolment import Person
    from whisperx_worker_plugins.speaker_verification.naming import Naming
    from whisperx_worker_plugins.speaker_verification.voices import Voice


class Options(BaseModel):
    """Options of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: ModelName | None = None
    """Speaker model in place of the operator's."""
    allow_same_person: bool = False
    """Whether two diarized speakers may be the same enrolled person."""


@hookimpl
def register_options() -> type[Options]:
    """Let jobs name their speaker model, and let two speakers have one name."""
    return Options


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """Return the operator's speaker model."""
    return with_production_model(
        ModelRequirement(
            settings.speaker_model,
            "embed_voices",
            encoders.REVISION_FILES,
            libraries=("speechbrain", "torch"),
            imports=encoders.IMPORTS,
        ),
        PINNED_MODEL,
    )


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the speaker model."""
    with use_encoder(settings.speaker_model, models, settings, None):
        pass


@hookimpl
def embed_voices(sounds: Sequence[NDArray[np.float32]], job: Job, options: Options | None) -> VoiceEmbeddings:
    """Embed sounds by the job's speaker model.

    Raises:
        WorkerError: When it is nowhere, or cannot be loaded.
    """
    name = (options.model if options else None) or job.settings.speaker_model
    with use_encoder(name, job.models, job.settings, job.request.huggingface_access_token) as encoder:
        vectors = encoder.embed(
            sounds,
            job.request.batch_size,
            OomBackoff(job, "embed_voices"),
            lambda done: job.progress("embed_voices", done),
        )
        return VoiceEmbeddings(vectors, encoder.model, encoder.revision, encoder.threshold.value, encoder.calibration)


@hookimpl
def verify_speakers(
    audio: Audio, transcript: Transcript, diarization: Diarization | None, job: Job, options: Options | None
) -> list[SpeakerMatch]:
    """Compare every diarized speaker and every segment with the enrolled people.

    A speaker is compared by all of their clean speech, a segment by its own. A segment that is too short to compare has
    no match of its own; it then has its speaker's.

    Raises:
        WorkerError: When there is no model, or no person can be enrolled and no voiceprint is asked for.
    """
    people = enrol(job)
    voices = voices_of(transcript, diarization)
    if not people:
        if not job.request.return_voiceprints:
            raise WorkerError("none of the speaker samples can be used")
        if job.request.reference_voices:
            job.warn("none of the speaker samples can be used; speakers have no names")
        voices = [voice for voice in voices if voice.segment is None]
    return _match_voices(audio, voices, people, job, options)


def _match_voices(
    audio: Audio, voices: Sequence[Voice], people: Sequence[Person], job: Job, options: Options | None
) -> list[SpeakerMatch]:
    """Return the matches of all voices that can be compared."""
    job.progress("verify_speakers", 0.5)
    embeddings = job.embed_voices([voice.sound(audio) for voice in voices])
    is_comparable = np.asarray(np.isfinite(embeddings.vectors).all(axis=1))
    notices.warn_of_short_speech(voices, is_comparable, job)
    if not is_comparable.any():
        return []
    comparable = [voice for voice, is_one in zip(voices, is_comparable, strict=True) if is_one]
    vectors = embeddings.vectors[is_comparable]
    if people:
        matches = _name_voices(audio, comparable, vectors, people, embeddings, job, options)
    else:
        matches = [SpeakerMatch(voice.speaker, speech_s=_speech_s(voice)) for voice in comparable]
    return (
        with_voiceprints(matches, comparable, vectors, embeddings, job) if job.request.return_voiceprints else matches
    )


def _name_voices(  # noqa: PLR0913  what is compared, and how
    audio: Audio,
    comparable: Sequence[Voice],
    vectors: NDArray[np.float32],
    people: Sequence[Person],
    model: VoiceEmbeddings,
    job: Job,
    options: Options | None,
) -> list[SpeakerMatch]:
    """Return the matches of voices with people, at least one of each.

    Raises:
        BadInputError: When voiceprints have another dimension than the speaker model.
    """
    if len(people[0].embedding) != vectors.shape[1]:
        raise BadInputError(f"the voiceprints of {people[0].name} have another dimension than the speaker model")
    enrolled = np.stack([person.embedding for person in people])
    cosines = similarities(vectors, enrolled)
    decision = decide(vectors, enrolled, cosines, model, job)
    speakers = sum(voice.segment is None for voice in comparable)
    # Without diarization segments are compared instead of speakers.
    shown = slice(speakers or None)
    Comparison(comparable[shown], people, cosines[shown], decision.scores[shown], decision.threshold).explain(
        audio, job
    )
    of_speakers, of_segments = decision.scores[:speakers], decision.scores[speakers:]
    namings = (
        name_independently(of_speakers, decision.threshold.value)
        if options and options.allow_same_person
        else name_uniquely(of_speakers, decision.threshold.value, decision.max_behind)
    )
    namings += name_independently(of_segments, decision.threshold.value)
    namings = [with_cosines(*one) for one in zip(namings, decision.scores, cosines, strict=True)]
    notices.warn_of_taken_names(list(zip(comparable, namings, strict=True))[:speakers], people, job)
    if job.request.speaker_threshold is None:
        namings = without_short(comparable, namings, job)
    if decision.calibration is None and any(naming.person is not None for naming in namings):
        notices.warn_of_missing_calibration(model, job)
    probabilities = [decision.false_name_probability(number, naming) for number, naming in enumerate(namings)]
    named = list(zip(comparable, namings, strict=True))
    notices.warn_of_mixed_segments(named, audio, job)
    return [
        _speaker_match(voice, naming, people, probability)
        for (voice, naming), probability in zip(named, probabilities, strict=True)
    ]


def _speaker_match(voice: Voice, naming: Naming, people: Sequence[Person], probability: float | None) -> SpeakerMatch:
    return SpeakerMatch(
        speaker=voice.speaker,
        speaker_id=UNKNOWN if naming.person is None else people[naming.person].name,
        similarity=round(naming.similarity, 4),
        runner_up=None if naming.runner_up is None else round(naming.runner_up, 4),
        speech_s=_speech_s(voice),
        segment=voice.segment,
        false_name_probability=probability,
    )


def _speech_s(voice: Voice) -> float:
    return round(intervals.total_s(voice.spans), 3)


def use_encoder(
    name: str, models: ModelCache, settings: Settings, token: SecretStr | None
) -> AbstractContextManager[Encoder]:
    """Use the speaker model of that name, loaded once per process and device.

    Raises:
        WorkerError: When it is nowhere, or cannot be loaded.
    """

    def load(folder: Path, device: str) -> Encoder:
        return encoders.load_encoder(folder, name, device)

    return use_model_folder(
        name, models, settings, token, plugin="speaker_verification", stage="embed_voices", load=load
    )
