"""Names of speakers by the speaker model of another plugin."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.plugins.speaker_verification.test_speaker_verification import ANNA, IVAN, NAME, SHELF, SHIPPED, sound
from whisperx_worker import Audio, ModelCache, Settings, Transcript, hookimpl
from whisperx_worker.models.locate import shipped_models
from whisperx_worker.testing import load_plugins, make_diarization, make_job, run_engine
from whisperx_worker.voices.calibration import calibrate, write_calibration
from whisperx_worker_plugins import speaker_verification

pytestmark = pytest.mark.models


class Wrapper:
    """A speaker model that is the worker's own, under another name."""

    def __init__(self):
        self.sounds = []

    @hookimpl
    def embed_voices(self, sounds, next_engine):
        self.sounds += sounds
        return replace(next_engine(), model="wrapped", revision="of its own", calibration=None)


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


def test_a_models_calibration_decides_and_gives_the_probability_of_a_false_name(tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(shipped_models() / SHIPPED, folder)
    host = load_plugins(**{NAME: speaker_verification})
    made = np.random.default_rng(0).normal(size=(40, 64))
    people = [f"p{number // 2}" for number in range(40)]
    made[1::2] = made[::2] + 0.3 * made[1::2]
    vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    job = make_job(host, speaker_samples=[*ANNA, *IVAN])
    job.settings, job.models = Settings(speaker_model=str(folder), device="cpu"), ModelCache()
    write_calibration(calibrate(vectors, people, job.embed_voices([]).revision), folder / "calibration.json")
    audio, transcript = Audio(sound("anna")), Transcript((), "ru")
    turns = make_diarization((0.0, audio.duration_s, "A"))
    found = {}
    for threshold in (None, 0.5):
        job = make_job(host, speaker_samples=[*ANNA, *IVAN], speaker_threshold=threshold)
        job.settings, job.models = Settings(speaker_model=str(folder), device="cpu"), ModelCache()
        given = {"audio": audio, "transcript": transcript, "diarization": turns}
        (found[threshold],) = run_engine(host, "verify_speakers", list, job, **given)

    assert [match.speaker_id for match in found.values()] == ["Anna", "Anna"]
    assert found[None].similarity == found[0.5].similarity > 0.9
    assert 0 < found[None].false_name_probability <= 0.01
    assert found[0.5].false_name_probability == found[None].false_name_probability
