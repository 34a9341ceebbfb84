"""What channels are, by their samples: one sound in several, silence, noise, or people of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whisperx_worker.audio.channel_analysis import analyse_channels
from whisperx_worker.audio.decode import decode
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.runtime.sample_file import new_store
from whisperx_worker.types import SAMPLE_RATE_HZ

DIALOGUE = Path(__file__).parents[2] / "demo" / "dialogue.flac"


@pytest.fixture(scope="module")
def speech():
    return decode(DIALOGUE, load_settings())[0].samples[: 40 * SAMPLE_RATE_HZ].copy()


@pytest.fixture(scope="module")
def talk(speech):
    """Two people in turns of four seconds."""
    first = np.arange(len(speech)) // (4 * SAMPLE_RATE_HZ) % 2 == 0
    return np.where(first, speech, 0), np.where(first, 0, speech)


def analysed(*channels):
    stores = []
    for samples in channels:
        stores.append(new_store())
        stores[-1].write(np.asarray(samples, np.float32).data)
    return analyse_channels(stores, [True] * len(stores))


def hiss(length, level, seed=0):
    return level * np.random.default_rng(seed).standard_normal(length).astype(np.float32)


def filtered(samples, response):
    size = 1 << (len(samples) + len(response)).bit_length()
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]


def room(delay, gain, seed):
    """Response of a room: the direct sound, and reverberation of a fifth of a second."""
    tail = np.random.default_rng(seed).standard_normal(3_200) * np.exp(-np.arange(3_200) / 500)
    response = 0.08 * gain * tail
    response[delay] += gain
    return response


@pytest.mark.parametrize(
    ("gain", "delay", "noise", "kind"),
    [
        (1.0, 0, 0.0, "same"),
        (0.5, 0, 1e-4, "same"),
        (1.0, 40, 1e-3, "same"),
        (-1.0, 0, 0.0, "inverse"),
        (-0.7, 20, 1e-4, "inverse"),
        (0.1, 1_600, 1e-4, "leak"),
        (0.06, 0, 3e-5, "leak"),
    ],
)
def test_a_channel_with_only_the_sound_of_another_is_recognised(speech, gain, delay, noise, kind) -> None:
    copy = gain * np.roll(speech, delay) + hiss(len(speech), noise)
    found = analysed(speech, copy)
    assert (found.kinds, found.sources, found.read, found.differ) == ({1: kind}, {1: 0}, (0,), False)


def test_the_louder_of_a_sound_and_its_leak_is_read_whatever_its_number(speech) -> None:
    found = analysed(0.1 * np.roll(speech, 800) + hiss(len(speech), 1e-4), speech)
    assert (found.kinds, found.sources, found.read) == ({0: "leak"}, {0: 1}, (1,))


@pytest.mark.parametrize(
    ("other", "kind", "read"), [("silence", "silent", (0,)), ("hiss", "noise", (0, 1)), ("far hiss", "silent", (0,))]
)
def test_silence_and_noise_are_no_speech(speech, other, kind, read) -> None:
    level = {"silence": 0.0, "hiss": 3e-3, "far hiss": 1e-5}[other]
    found = analysed(speech, hiss(len(speech), level))
    assert (found.kinds, found.read, found.differ) == ({1: kind}, read, False)


@pytest.mark.parametrize("gain", [1.0, 0.1])
@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_two_people_differ_also_at_other_levels_and_with_echo(talk, gain, leak) -> None:
    one, other = talk[0], gain * talk[1]
    found = analysed(
        one + leak * np.roll(other, 900) + hiss(len(one), 1e-4),
        other + leak * np.roll(one, 700) + hiss(len(one), 1e-4, 1),
    )
    assert (found.kinds, found.read, found.differ) == ({}, (0, 1), True)


def test_one_word_of_its_own_makes_a_channel_worth_reading(speech) -> None:
    word = np.zeros_like(speech)
    word[20 * SAMPLE_RATE_HZ : 21 * SAMPLE_RATE_HZ] = speech[:16_000] + speech[16_000:32_000]
    found = analysed(speech, speech + word)
    assert found.read == (0, 1)


def test_two_microphones_in_one_room_do_not_differ(talk) -> None:
    left = filtered(talk[0], room(20, 1.0, 0)) + filtered(talk[1], room(50, 0.6, 1))
    right = filtered(talk[0], room(45, 0.6, 2)) + filtered(talk[1], room(25, 1.0, 3))
    assert not analysed(left, right).differ


def test_stereo_music_does_not_differ() -> None:
    rng, length = np.random.default_rng(0), 40 * SAMPLE_RATE_HZ
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    parts = [
        np.sin(2 * np.pi * np.repeat(rng.uniform(200, 1_500, 400), length // 400) * time_s)
        * np.repeat(rng.uniform(0.3, 1, 400), length // 400)
        for _ in range(2)
    ]
    assert not analysed(0.2 * parts[0] + 0.05 * parts[1], 0.05 * parts[0] + 0.2 * parts[1]).differ


def test_of_several_channels_each_sound_is_read_once(talk) -> None:
    found = analysed(talk[0], talk[1], -talk[0], 0 * talk[0], talk[1])
    assert found.read == (0, 1)
    assert found.kinds == {2: "inverse", 3: "silent", 4: "same"}
    assert found.sources == {2: 0, 4: 1}
    assert list(found.sentences()) == [
        "channel 3 has no sound",
        "channel 2 has the sound of channel 0 with opposite phase, and was not read a second time",
        "channel 4 has the sound of channel 1, and was not read a second time",
    ]
