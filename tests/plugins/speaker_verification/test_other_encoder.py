"""Names of speakers by the speaker model of another plugin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.plugins.speaker_verification.test_speaker_verification import ANNA, IVAN, NAME, SHELF, SHIPPED, sound
from whisperx_worker import Audio, Settings, Transcript, hookimpl
from whisperx_worker.testing import load_plugins, make_diarization, make_job, run_engine
from whisperx_worker_plugins import speaker_verification

pytestmark = pytest.mark.models


class Wrapper:
    """A speaker model that is the worker's own, under another name."""

    def __init__(self):
        self.sounds = []

    @hookimpl
    def embed_voices(self, sounds, next_engine):
        self.sounds += sounds
        return replace(next_engine(), model="wrapped", revision="of its own")


def test_the_encoder_of_another_plugin_serves_the_naming():
    wrapper = Wrapper()
    host = load_plugins(**{NAME: speaker_verification}, wrapper=wrapper)
    job = make_job(host, speaker_samples=[*ANNA, *IVAN], plugins={"wrapper": {}})
    job.settings, job.models = Settings(speaker_model=SHIPPED, device="cpu", embed_voices_engine=NAME), SHELF
    anna = Audio(np.concatenate([sound("anna"), sound("ivan")]))
    middle = len(sound("anna")) / 16_000
    turns = make_diarization((0.0, middle, "A"), (middle, anna.duration_s, "B"))

    matches = run_engine(
        host, "verify_speakers", list, job, audio=anna, transcript=Transcript((), "ru"), diarization=turns
    )

    assert [(match.speaker, match.speaker_id) for match in matches] == [("A", "Anna"), ("B", "Ivan")]
    assert len(wrapper.sounds) > len([*ANNA, *IVAN])
