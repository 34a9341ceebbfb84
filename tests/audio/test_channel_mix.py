"""Several channels become one: what cancels is noticed where it does, and a film's centre is taken where it has sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whisperx_worker.audio.decode import decode
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.types import SAMPLE_RATE_HZ

SETTINGS = load_settings()
DIALOGUE = Path(__file__).parents[2] / "demo" / "dialogue.flac"
LENGTH = 30 * SAMPLE_RATE_HZ
CANCEL = "the channels cancel each other here; one was taken alone or with its polarity corrected"
FILM = {
    "3.0": "FL FR FC",
    "5.1": "FL FR FC LFE BL BR",
    "5.1(side)": "FL FR FC LFE SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
}


@pytest.fixture(scope="module")
def speech():
    return decode(DIALOGUE, SETTINGS)[0].samples[:LENGTH].copy()


@pytest.fixture
def mixed(tmp_path):
    """Mixes the channels of a FLAC file: the samples, and the warnings."""
    import av

    def mix(layout, *channels):
        path = tmp_path / "channels.flac"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("flac", rate=SAMPLE_RATE_HZ, layout=layout, format="s32")
            packed = np.round(np.stack(channels, 1) * 2**30).astype(np.int32)
            for start in range(0, len(packed), 4096):
                piece = np.ascontiguousarray(packed[start : start + 4096].reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(piece, format="s32", layout=layout)
                frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        audio, warnings = decode(path, SETTINGS)
        return audio.samples * 2, warnings

    return mix


def music(seed, length=LENGTH):
    """Changing notes and noise, louder than the speech."""
    rng = np.random.default_rng(seed)
    notes = np.repeat(rng.uniform(100, 2_000, length // 4_000 + 1), 4_000)[:length]
    sound = 0.2 * np.sin(2 * np.pi * notes * np.arange(length) / SAMPLE_RATE_HZ) + 0.05 * rng.standard_normal(length)
    return sound.astype(np.float32)


def likeness(samples, expected) -> float:
    """Normalised correlation."""
    return float(samples @ expected / np.sqrt((samples @ samples) * (expected @ expected) + 1e-20))


def split(sound, edge_hz):
    """Parts below and above a frequency."""
    spectrum = np.fft.rfft(sound)
    low = np.fft.irfft(np.where(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ) < edge_hz, spectrum, 0), len(sound))
    return low.astype(np.float32), sound - low.astype(np.float32)


@pytest.mark.parametrize("share", [1.0, 0.7, 0.5])
@pytest.mark.parametrize("turned", ["left", "right"])
def test_a_channel_that_is_the_others_inverse_does_not_destroy_it(mixed, speech, share, turned) -> None:
    pair = (speech, -share * speech) if turned == "right" else (-share * speech, speech)
    samples, warnings = mixed("stereo", *pair)
    assert abs(likeness(samples, speech)) > 0.999
    assert np.std(samples) == pytest.approx(np.std(speech) * (1 + share) / 2, rel=0.02)
    assert [warned.message for warned in warnings] == [CANCEL]
    assert warnings[0].span.start < 1
    assert warnings[0].span.end == pytest.approx(30, abs=1)


def test_a_polarity_that_turns_for_a_part_is_corrected_there(mixed, speech) -> None:
    other = speech.copy()
    other[10 * SAMPLE_RATE_HZ : 17 * SAMPLE_RATE_HZ + 800] *= -1
    samples, warnings = mixed("stereo", speech, other)
    assert likeness(samples, speech) > 0.995
    assert [warned.message for warned in warnings] == [CANCEL]
    assert (warnings[0].span.start, warnings[0].span.end) == pytest.approx((10, 17.05), abs=0.5)


@pytest.mark.parametrize("which", ["low", "high"])
def test_bands_that_cancel_alone_are_not_lost(mixed, speech, which) -> None:
    low, high = split(speech, 1_000)
    samples, warnings = mixed("stereo", speech, low - high if which == "high" else high - low)
    lost = high if which == "high" else low
    kept = split(samples, 1_000)[1 if which == "high" else 0]
    assert np.std(kept) > 0.5 * np.std(lost)
    assert {warned.message for warned in warnings} == {CANCEL}


def test_a_call_that_was_widened_by_inversion_keeps_both_people(mixed, speech) -> None:
    one, other = speech.copy(), np.roll(speech, LENGTH // 2)
    one[LENGTH // 2 :] = 0
    other[LENGTH // 2 :] = 0
    other = np.roll(other, LENGTH // 2)
    samples, warnings = mixed("stereo", one - 0.8 * other, other - 0.8 * one)
    first, second = slice(0, LENGTH // 2), slice(LENGTH // 2, None)
    assert abs(likeness(samples[first], one[first])) > 0.99
    assert abs(likeness(samples[second], other[second])) > 0.99
    assert {warned.message for warned in warnings} == {CANCEL}


def test_ordinary_stereo_is_mixed_without_a_word(mixed, speech) -> None:
    rng = np.random.default_rng(0)
    other, noise = np.roll(speech, LENGTH // 3), (0.01 * rng.standard_normal((2, LENGTH))).astype(np.float32)
    pairs = [
        (speech, speech), (speech, other), (speech, 0 * speech), (speech, 0.3 * other), (speech, -0.1 * speech),
        (speech + noise[0], speech + noise[1]), (noise[0], noise[1]), (speech, np.roll(speech, 8)),
        (speech, np.roll(speech, 48)),
    ]  # fmt: skip
    for left, right in pairs:
        samples, warnings = mixed("stereo", left, right)
        assert warnings == ()
        assert np.allclose(samples, (left + right) / 2, atol=1e-5)


@pytest.mark.parametrize("layout", FILM)
def test_the_front_centre_of_a_film_is_taken_and_told(mixed, speech, layout) -> None:
    names = FILM[layout].split()
    channels = [speech if name == "FC" else music(index) for index, name in enumerate(names)]
    samples, warnings = mixed(layout, *channels)
    assert np.allclose(samples, speech, atol=1e-5)
    assert [str(warned) for warned in warnings] == [
        f"0.00-30.00 s: of the {layout} channels only the front centre was taken, where films have their speech; "
        "the sound of the others was left out"
    ]


def test_a_film_whose_channels_say_the_same_or_nothing_is_no_warning(mixed, speech) -> None:
    none = 0 * speech
    for channels in ([speech] * 6, [none, none, speech, none, none, none]):
        samples, warnings = mixed("5.1", *channels)
        assert warnings == ()
        assert np.allclose(samples, speech, atol=1e-5)


def test_a_silent_front_centre_leaves_the_mix_and_the_bass_is_never_in_it(mixed, speech) -> None:
    none, bass = 0 * speech, music(1)
    samples, warnings = mixed("5.1", speech, speech, none, bass, none, none)
    assert likeness(samples, speech) > 0.9999
    assert warnings == ()
    samples, _ = mixed("2.1", speech, speech, bass)
    assert likeness(samples, speech) > 0.9999
    samples, _ = mixed("quad", speech, none, none, speech)
    assert likeness(samples, speech) > 0.9999


def test_channels_of_a_film_that_cancel_are_noticed_too(mixed, speech) -> None:
    none = 0 * speech
    samples, warnings = mixed("5.1", speech, -speech, none, none, none, none)
    assert abs(likeness(samples, speech)) > 0.999
    assert {warned.message for warned in warnings} == {CANCEL}


def test_where_the_front_centre_pauses_for_long_the_others_are_mixed_and_told(mixed, speech) -> None:
    none, whole = 0 * speech, np.tile(speech, 3)
    centre = np.concatenate([speech, none, none])
    others = [np.concatenate([music(index), speech, speech]) for index in range(2)]
    samples, warnings = mixed("3.0", *others, centre)
    assert np.allclose(samples[:LENGTH], speech, atol=1e-5)
    assert likeness(samples[LENGTH:], whole[LENGTH:]) > 0.99
    assert [str(warned) for warned in warnings][1] == (
        "30.00-90.00 s: the front centre of the 3.0 channels is silent here; all of them were mixed"
    )


def test_where_the_front_centre_pauses_for_a_moment_the_others_stay_out(mixed, speech) -> None:
    centre = np.tile(speech, 2)
    centre[10 * SAMPLE_RATE_HZ : 30 * SAMPLE_RATE_HZ] = 0
    samples, _ = mixed("3.0", music(1, 2 * LENGTH), music(2, 2 * LENGTH), centre)
    assert np.allclose(samples, centre, atol=1e-5)
