"""Echo of one channel in another: suppressed where there is one, and nothing else is changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whisperx_worker.audio.channel_analysis import analyse_channels
from whisperx_worker.audio.channel_leak import find_leaks
from whisperx_worker.audio.channel_spectra import inverse_transform, transform
from whisperx_worker.audio.decode import decode
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.runtime.sample_file import new_store, samples_in
from whisperx_worker.types import SAMPLE_RATE_HZ

DIALOGUE = Path(__file__).parents[2] / "demo" / "dialogue.flac"
LENGTH = 64 * SAMPLE_RATE_HZ
"""More than a block, so that blocks must fit together."""


@pytest.fixture(scope="module")
def speech():
    whole = decode(DIALOGUE, load_settings())[0].samples
    return np.tile(whole, 2)[:LENGTH], np.tile(np.roll(whole, 30 * SAMPLE_RATE_HZ), 2)[:LENGTH]


@pytest.fixture(scope="module")
def call(speech):
    """Two people: one, then both, then the other, and again; each with the noise of a microphone."""
    turn = np.arange(LENGTH) // (10 * SAMPLE_RATE_HZ) % 3
    hiss = 3e-4 * np.random.default_rng(0).standard_normal((2, LENGTH))
    return (np.stack([np.where(turn != 0, speech[0], 0), np.where(turn != 1, speech[1], 0)]) + hiss).astype(np.float32)


def echo(samples, attenuation_db, delay_s):
    """Leak of a headset: late, weak, and without low and high frequencies."""
    rng = np.random.default_rng(round(attenuation_db))
    response = np.fft.rfft(rng.standard_normal(64) * np.exp(-np.arange(64) / 15), 2 * LENGTH)
    hz = np.fft.rfftfreq(2 * LENGTH, 1 / SAMPLE_RATE_HZ)
    response *= (hz > 300) & (hz < 3_400)
    band = (hz > 300) & (hz < 3_000)
    response *= 10 ** (-attenuation_db / 20) / np.sqrt(np.mean(np.abs(response[band]) ** 2))
    late = np.exp(-2j * np.pi * hz * delay_s)
    return np.fft.irfft(np.fft.rfft(samples, 2 * LENGTH) * response * late)[:LENGTH].astype(np.float32)


def cleaned(*channels):
    """Return the channels without leaks, and the sentences about them."""
    stores = []
    for samples in channels:
        stores.append(new_store())
        stores[-1].write(np.asarray(samples, np.float32).data)
    leaks = find_leaks(stores, analyse_channels(stores, [True] * len(stores)))
    for number in leaks.into:
        written = new_store()
        written.truncate(LENGTH * 4)
        leaks.write_without(number, written, 0)
        stores[number] = written
    return [samples_in(store) for store in stores], list(leaks.sentences())


def level_db(samples, seconds):
    """Level of the parts of a signal in which the same people speak."""
    second = np.arange(LENGTH) // SAMPLE_RATE_HZ % 30
    part = samples[:LENGTH][(second >= seconds.start % 30 + 1) & (second < seconds.start % 30 + 9)]
    return 10 * np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-12)


NOBODY_BUT_OTHER, NOBODY_BUT_ONE = slice(0, 10), slice(10, 20)


@pytest.mark.parametrize(("attenuation_db", "delay_s"), [(10, 0.0), (18, 0.04), (25, 0.15), (32, 0.3)])
def test_echo_of_one_channel_falls_to_the_noise_and_speech_stays(call, attenuation_db, delay_s) -> None:
    leaked = echo(call[0], attenuation_db, delay_s)
    (first, second), sentences = cleaned(call[0], call[1] + leaked)
    assert sentences == ["echo was suppressed: of channel 0 in channel 1"]
    assert np.array_equal(first, call[0])
    assert level_db(second, NOBODY_BUT_ONE) < level_db(call[1], NOBODY_BUT_ONE) + 3
    for seconds in (slice(0, 10), slice(20, 30)):
        lost = level_db(second - call[1], seconds) - level_db(call[1], seconds)
        assert lost < -12


def test_echo_in_both_directions_is_suppressed_in_both(call) -> None:
    mixed = call[0] + echo(call[1], 20, 0.09), call[1] + echo(call[0], 15, 0.22)
    found, sentences = cleaned(*mixed)
    assert sentences == ["echo was suppressed: of channel 1 in channel 0, of channel 0 in channel 1"]
    for number, seconds in ((0, NOBODY_BUT_OTHER), (1, NOBODY_BUT_ONE)):
        assert level_db(found[number], seconds) < level_db(call[number], seconds) + 3


@pytest.mark.parametrize("common", [0.0, 3e-3], ids=["own noise", "common noise"])
def test_a_clean_call_stays_as_it_is(call, common) -> None:
    noise = (common * np.random.default_rng(5).standard_normal(LENGTH)).astype(np.float32)
    found, sentences = cleaned(call[0] + noise, call[1] + noise)
    assert sentences == []
    assert np.array_equal(found[0], call[0] + noise)
    assert np.array_equal(found[1], call[1] + noise)


def test_two_who_speak_at_the_same_time_throughout_have_no_echo(speech) -> None:
    assert cleaned(*speech)[1] == []


def test_spectra_give_the_samples_back() -> None:
    samples = np.random.default_rng(0).standard_normal(20_480).astype(np.float32)
    assert np.allclose(inverse_transform(transform(samples))[768:-768], samples[768:-768], atol=1e-5)
