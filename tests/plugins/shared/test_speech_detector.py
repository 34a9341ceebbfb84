"""The detector of speech on real voices: loudness does not matter, and a telephone hardly."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.real_conditions import by_loud_telephone, by_telephone, compose, in_noise, one_of_each, seeded
from bench.real_voices import read_voices
from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker_plugins._shared.loudness import evening_gain, frame_levels_db
from whisperx_worker_plugins._shared.silero import FRAME_S, FRAME_SAMPLES, speech_probabilities
from whisperx_worker_plugins._shared.speech_intervals import detect_speech

pytestmark = pytest.mark.models


VOICES = read_voices()


@pytest.fixture(scope="module")
def talk():
    """A sentence of each of several real people, with pauses."""
    return compose(one_of_each(VOICES.russian)[:8], seeded("talk"))


def share_found(sound, piece):
    """Share of the voiced sound of a piece that is found in a distorted copy of it."""
    levels = frame_levels_db(piece.sound, FRAME_SAMPLES)
    found = np.zeros(len(levels) * FRAME_SAMPLES, bool)
    for start, end in detect_speech(sound.astype(np.float32), padding_ms=200, offset=0.363):
        found[start:end] = True
    return found[FRAME_SAMPLES // 2 :: FRAME_SAMPLES][levels > np.percentile(levels, 95) - 20].mean()


@given(st.floats(-40, 20))
@settings(max_examples=20)
def test_probabilities_are_the_same_at_any_loudness(talk, gain_db):
    louder = talk.sound * np.float32(10 ** (gain_db / 20))
    assert np.abs(speech_probabilities(louder) - speech_probabilities(talk.sound)).max() < 1e-3


CONDITIONS = {
    "quiet room": lambda piece: piece.sound,
    "narrow telephone": lambda piece: by_telephone(piece, seeded("line"), VOICES),
    "loud clipped telephone": lambda piece: by_loud_telephone(piece, seeded("line"), VOICES),
    "mains hum": lambda piece: piece.sound + hum(len(piece.sound)),
    "constant offset": lambda piece: piece.sound + np.float32(0.2),
    "clipped": lambda piece: np.clip(20 * piece.sound, -1, 1),
    "noise 5 dB below": lambda piece: in_noise(piece, seeded("noise"), VOICES, snr_db=5),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_speech_is_found_in_every_condition(talk, condition):
    assert share_found(CONDITIONS[condition](talk), talk) >= 0.98  # the rest are breaths and clicks


@pytest.mark.parametrize("below_db", [20, 30, 35])
def test_a_quiet_speaker_is_found_between_loud_ones(talk, below_db):
    sound = talk.sound.copy()
    for turn in talk.words[1::2]:
        sound[int(turn.start * SAMPLE_RATE_HZ) : int(turn.end * SAMPLE_RATE_HZ)] *= 10 ** (-below_db / 20)
    assert share_found(sound, talk) >= 0.97


def hum(samples):
    """Mains hum with its harmonics, as loud as speech."""
    phase = 2 * np.pi * 50 * np.arange(samples) / SAMPLE_RATE_HZ
    return np.float32(0.05) * sum(np.sin(phase * harmonic) / harmonic for harmonic in range(1, 8)).astype(np.float32)


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 513])
def test_recordings_shorter_than_a_frame_have_no_speech(samples):
    assert detect_speech(np.zeros(samples, np.float32), padding_ms=200) == []


def test_the_detector_runs_without_torch():
    code = (
        "import sys, numpy; from whisperx_worker_plugins._shared.silero import speech_probabilities as f; "
        "f(numpy.zeros(999, numpy.float32)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- loudness


def test_levels_are_of_full_scale():
    samples = np.concatenate([np.ones(512), np.full(512, 0.1), np.zeros(512), np.ones(256)]).astype(np.float32)
    assert frame_levels_db(samples, 512) == pytest.approx([0, -20, -200, -10 * np.log10(2)], abs=1e-3)


def test_gain_evens_out_loud_and_quiet_places_but_not_pauses():
    levels = np.repeat([-10.0, -100.0, -40.0, -100.0], int(20 / FRAME_S))
    gain_db = 20 * np.log10(evening_gain(levels, FRAME_S, reach_s=2.5))
    at = [int(second / FRAME_S) for second in (10, 30, 50, 70)]
    # Digital pauses: 40 dB more than the loudest places, which get -10.
    assert gain_db[at] == pytest.approx([-10, 30, 20, 30], abs=0.1)
