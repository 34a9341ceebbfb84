"""Voiceprints of speakers, made in one job and used in another, on the shipped encoder and the demo's call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.plugins.speaker_verification.test_speaker_verification import (
    ANNA,
    IVAN,
    NAME,
    SHELF,
    SHIPPED,
    call,
    names,
    sample,
    sound,
    verify,
    warnings,
)
from tests.voiceprints import some_text
from whisperx_worker import (
    Audio,
    BadInputError,
    Diarization,
    Settings,
    SpeakerTurn,
    Transcript,
    read_voiceprint,
    write_voiceprint,
)
from whisperx_worker.pipeline.voiceprints import refuse_other_models
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins import speaker_verification

pytestmark = pytest.mark.models
__all__ = ["call"]


def job_of(**fields):
    job = make_job(load_plugin(speaker_verification, name=NAME), diarization=True, **fields)
    job.settings = Settings(speaker_model=SHIPPED, device="cpu")
    job.models = SHELF
    return job


def voiceprints(call, **fields):
    """Voiceprints of the speakers of the call, by label."""
    matches = verify(job_of(return_voiceprints=True, **fields), *call)
    return {match.speaker: match.voiceprint for match in matches if match.segment is None}


def known(**people):
    return [{"name": name, "voiceprints": [text]} for name, text in people.items()]


def test_each_speaker_has_a_voiceprint_where_nobody_is_to_be_recognised(call):
    matches = verify(job_of(return_voiceprints=True), *call)

    assert [(match.speaker, match.speaker_id, match.similarity, match.segment) for match in matches] == [
        ("SPEAKER_00", None, None, None),
        ("SPEAKER_01", None, None, None),
    ]
    read = [read_voiceprint(match.voiceprint) for match in matches]
    assert [(one.model, len(one.embedding)) for one in read] == [(SHIPPED, len(read[0].embedding))] * 2
    assert [round(one.speech_s, 2) for one in read] == [28.38, 25.5]
    assert read[0].embedding @ read[1].embedding < 0.5


def test_voiceprints_are_the_same_whether_people_are_compared_or_not(call):
    assert voiceprints(call, speaker_samples=[*ANNA, *IVAN]) == voiceprints(call)


def test_a_job_that_does_not_ask_for_them_makes_none(call):
    assert all(match.voiceprint is None for match in verify(job_of(speaker_samples=ANNA), *call))


def test_segments_have_none(call):
    matches = verify(job_of(return_voiceprints=True, speaker_samples=ANNA), *call)

    assert [match.segment is None for match in matches if match.voiceprint] == [True, True]
    assert len(matches) > 2


def test_people_are_named_by_voiceprints_alone(call):
    made = voiceprints(call)
    job = job_of(speakers=known(Anna=made["SPEAKER_00"], Ivan=made["SPEAKER_01"]))
    matches = verify(job, *call)

    assert names(matches) == {"SPEAKER_00": "Anna", "SPEAKER_01": "Ivan"}
    assert [round(match.similarity, 3) for match in matches[:2]] == [1.0, 1.0]
    assert warnings(job) == []


def test_the_voiceprint_of_a_recording_of_one_person_names_them_in_a_call(call):
    whole = sound("anna")
    turn = (SpeakerTurn(0.0, len(whole) / 16_000, "SPEAKER_00"),)
    alone = Audio(whole), Transcript((), "ru"), Diarization(turn, turn, {})
    job = job_of(speakers=[{"name": "Anna", "voiceprints": [voiceprints(alone)["SPEAKER_00"]]}])

    assert names(verify(job, *call)) == {"SPEAKER_00": "Anna", "SPEAKER_01": "unknown"}


def test_a_person_is_the_mean_of_voiceprints_and_samples_by_their_speech(call):
    long = read_voiceprint(voiceprints(call)["SPEAKER_00"])
    short = replace(long, embedding=-long.embedding, speech_s=2.0)
    both = [write_voiceprint(one) for one in (long, short)]
    job = job_of(speakers=[{"name": "Anna", "voiceprints": both}])

    assert verify(job, *call)[0].similarity == 1.0
    assert warnings(job) == ["the samples of Anna do not sound like one person"]
    with_sample = job_of(speakers=[{"name": "Anna", "voiceprints": [both[0]], "samples": [strip_name(ANNA[0])]}])
    assert 0.9 < verify(with_sample, *call)[0].similarity < 1.0


def strip_name(given):
    return {"audio_base64": given["audio_base64"]}


def test_a_speaker_with_too_little_speech_has_none_and_that_is_told():
    turns = (
        SpeakerTurn(0.0, 0.8, "SPEAKER_00"),
        SpeakerTurn(1.0, 1.3, "SPEAKER_01"),
        SpeakerTurn(2.0, 4.0, "SPEAKER_02"),
    )
    job = job_of(return_voiceprints=True)
    matches = verify(job, Audio(sound("dialogue")[:80_000]), Transcript((), "ru"), Diarization(turns, turns, {}))

    assert [(match.speaker, match.voiceprint is None) for match in matches] == [
        ("SPEAKER_00", True),
        ("SPEAKER_02", False),
    ]
    assert warnings(job) == [
        "SPEAKER_01 has 0.3 s of clean speech, too little to compare",
        "SPEAKER_00 has 0.8 s of clean speech, too little for a voiceprint, which needs 1.0 s",
    ]


def test_where_no_sample_can_be_used_voiceprints_are_made_still(call):
    job = job_of(return_voiceprints=True, speaker_samples=[sample("Anna", np.zeros(16_000, np.float32))])
    matches = verify(job, *call)

    assert all(match.voiceprint and match.speaker_id is None for match in matches)
    assert warnings(job)[-1] == "none of the speaker samples can be used; speakers have no names"


def test_a_voiceprint_of_another_model_is_refused_before_anything_is_fetched():
    own = job_of().embed_voices([])
    foreign = job_of(speakers=known(Anna=some_text(1, model="speechbrain/spkrec-ecapa-voxceleb", revision="0f99f2d0")))

    with pytest.raises(BadInputError) as refused:
        refuse_other_models(foreign)
    assert str(refused.value) == (
        "speakers: the voiceprints are of the speaker model speechbrain/spkrec-ecapa-voxceleb, revision 0f99f2d0, and this "
        f"worker compares by {SHIPPED}, revision {own.revision}; send samples, or voiceprints of its model"
    )


def test_a_voiceprint_of_the_models_revision_and_another_dimension_is_no_crash(call):
    own = job_of().embed_voices([])
    job = job_of(speakers=known(Anna=some_text(1, revision=own.revision, dimension=7)))

    with pytest.raises(BadInputError, match=r"^the voiceprints of Anna have another dimension than the speaker model$"):
        verify(job, *call)
