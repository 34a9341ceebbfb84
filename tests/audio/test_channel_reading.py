"""Channels read apart: where each lies, which of them are read, and what is told about the others."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from whisperx_worker.audio import decode_server
from whisperx_worker.audio.decode import decode
from whisperx_worker.contract.channels import GAP_S, ChannelRequest
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.errors import BadInputError
from whisperx_worker.types import SAMPLE_RATE_HZ

SETTINGS = load_settings()
DIALOGUE = Path(__file__).parents[2] / "demo" / "dialogue.flac"
LENGTH_S = 24
SEPARATE, AUTO = ChannelRequest("separate"), ChannelRequest("auto")
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 6: "hexagonal", 8: "octagonal", 12: "7.1.4"}
FORMATS = {"flac": "s16", "pcm_s16le": "s16", "libopus": "flt", "aac": "fltp", "pcm_mulaw": "s16"}


@pytest.fixture(scope="module")
def speech():
    return decode(DIALOGUE, SETTINGS)[0].samples[: LENGTH_S * SAMPLE_RATE_HZ].copy()


@pytest.fixture(scope="module")
def talk(speech):
    """Two people, each on a channel of their own, in turns of four seconds."""
    first = np.arange(len(speech)) // (4 * SAMPLE_RATE_HZ) % 2 == 0
    hiss = 1e-4 * np.random.default_rng(0).standard_normal((2, len(speech)))
    return (np.stack([np.where(first, speech, 0), np.where(first, 0, speech)]) + hiss).astype(np.float32)


@pytest.fixture
def read(tmp_path):
    """Writes tracks of channels into one file and decodes it: the audio, and the warnings."""

    def make(*tracks, request=SEPARATE, settings=SETTINGS, **how):
        path = tmp_path / "channels"
        write(path, tracks, **how)
        audio, warnings = decode(path, settings, request)
        return audio, [str(warned) for warned in warnings]

    return make


def write(path, tracks, container="matroska", codec="flac", rate_hz=SAMPLE_RATE_HZ):
    """Write tracks, each of shape (channels, n), at 16 kHz or for another rate resampled."""
    import av
    import soxr

    form = FORMATS[codec]
    with av.open(str(path), "w", format=container) as out:
        streams = [out.add_stream(codec, rate=rate_hz, layout=LAYOUTS[len(each)], format=form) for each in tracks]
        for stream, channels in zip(streams, tracks, strict=True):
            resampled = soxr.resample(channels.T, SAMPLE_RATE_HZ, rate_hz).T if rate_hz != SAMPLE_RATE_HZ else channels
            for start in range(0, resampled.shape[1], 960):
                piece = resampled[:, start : start + 960].astype(np.float32)
                piece = np.round(piece * 32_767).astype(np.int16) if form == "s16" else piece
                piece = piece if form.endswith("p") else piece.T.reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(piece), format=form, layout=LAYOUTS[len(channels)]
                )
                frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))


def likeness(samples, expected) -> float:
    """Normalised correlation."""
    length = min(len(samples), len(expected))
    a, b = samples[:length], expected[:length]
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-20))


@pytest.mark.parametrize("request_", [SEPARATE, AUTO], ids=["separate", "auto"])
@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        ("wav", "pcm_s16le", 16_000),
        ("wav", "pcm_mulaw", 8_000),
        ("flac", "flac", 44_100),
        ("ogg", "libopus", 48_000),
        ("mp4", "aac", 44_100),
        ("matroska", "flac", 48_000),
    ],
)
def test_the_channels_of_a_call_lie_one_after_the_other(read, talk, container, codec, rate_hz, request_) -> None:
    audio, warnings = read(talk, container=container, codec=codec, rate_hz=rate_hz, request=request_)
    assert warnings == []
    length_s = audio.channel_spans[0].duration_s
    assert length_s == pytest.approx(LENGTH_S, abs=0.1)
    assert audio.channel_spans[1].start == pytest.approx(length_s + GAP_S)
    assert audio.channel_spans[1].duration_s == pytest.approx(length_s)
    assert audio.duration_s == pytest.approx(2 * length_s + GAP_S)
    assert not audio.between(length_s, length_s + GAP_S).any()
    for samples, expected in zip(audio.channels, talk, strict=True):
        assert likeness(samples, expected) > (0.85 if rate_hz == 8_000 else 0.97)


def test_a_process_of_its_own_reads_the_same_channels(tmp_path, talk) -> None:
    path = tmp_path / "call"
    write(path, [talk])
    for request in (SEPARATE, AUTO, ChannelRequest("separate", 0)):
        (here, told_here), (apart, told_apart) = (
            decode(path, SETTINGS, request),
            decode_server.decode(path, SETTINGS, lambda: None, request),
        )
        assert (here.channel_spans, told_here) == (apart.channel_spans, told_apart)
        assert np.array_equal(here.samples, apart.samples)


@pytest.mark.parametrize("count", [3, 4, 6, 8])
def test_up_to_eight_channels_are_read_apart(read, speech, count) -> None:
    turn = len(speech) // count
    channels = np.stack(
        [np.where(np.arange(len(speech)) // turn == number, speech, 0) for number in range(count)]
    ).astype(np.float32)
    audio, _ = read(channels)
    assert len(audio.channel_spans) == count
    assert all(
        np.allclose(samples, expected, atol=1e-4) for samples, expected in zip(audio.channels, channels, strict=True)
    )


def test_more_than_eight_channels_are_refused_or_mixed(read, speech) -> None:
    channels = np.stack([speech] * 12)
    sentence = "the recording has 12 channels; at most 8 can be read apart"
    with pytest.raises(BadInputError, match=rf"^{sentence}$"):
        read(channels, container="wav", codec="pcm_s16le")
    audio, warnings = read(channels, container="wav", codec="pcm_s16le", request=AUTO)
    assert (audio.channel_spans, warnings[-1]) == ((), f"{sentence}, so they were mixed")


def test_tracks_of_one_recording_are_its_channels(read, talk) -> None:
    short = talk[1][: 15 * SAMPLE_RATE_HZ]
    audio, warnings = read(talk[:1], short[None])
    assert warnings == [
        "the channels are numbered through the tracks: 0 is of track 1, 1 is of track 2",
    ]
    assert [span.duration_s for span in audio.channel_spans] == [LENGTH_S, LENGTH_S]
    assert np.allclose(audio.channels[0], talk[0], atol=1e-4)
    assert np.allclose(audio.channels[1][: len(short)], short, atol=1e-4)
    assert not audio.channels[1][len(short) :].any()


def test_a_silent_track_keeps_the_numbers_of_those_after_it(read, talk) -> None:
    audio, warnings = read(talk[:1], 0 * talk[:1], talk[1:])
    assert [bool(samples.any()) for samples in audio.channels] == [True, False, True]
    assert warnings[-1] == "channel 1 has no sound"


def test_one_track_can_be_taken_by_its_number(read, talk) -> None:
    for number in (0, 1):
        audio, warnings = read(talk[:1], talk[1:], request=ChannelRequest("mix", number))
        assert warnings == []
        assert np.allclose(audio.samples, talk[number], atol=1e-4)


@pytest.mark.parametrize(
    ("count", "have"), [(1, "one sound track, number 0"), (2, "2 sound tracks, numbered from 0 to 1")]
)
def test_a_track_that_is_not_there_is_refused_with_those_that_are(read, talk, count, have) -> None:
    with pytest.raises(BadInputError, match=rf"^audio_track is 2, but the file has {have}$"):
        read(*[talk[:1]] * count, request=ChannelRequest("mix", 2))


def test_the_wanted_track_with_nothing_in_it_is_refused(read, talk) -> None:
    with pytest.raises(BadInputError, match=r"^audio_track 1, of the file's 2 from 0, has nothing in it$"):
        read(talk[:1], talk[:1, :0], request=ChannelRequest("mix", 1))


@pytest.mark.parametrize("request_", [SEPARATE, ChannelRequest("separate", 0)], ids=["default", "by number"])
def test_all_channels_together_keep_to_the_limit(read, talk, request_) -> None:
    settings = load_settings(max_audio_s=30.0)
    sentence = (
        r"^the recording's 2 channels, read apart, are together longer than 30 s, the most that this worker takes$"
    )
    with pytest.raises(BadInputError, match=sentence):
        read(talk, request=request_, settings=settings)


def test_what_is_too_long_apart_is_mixed_where_that_is_left_open(read, talk) -> None:
    audio, warnings = read(talk, request=AUTO, settings=load_settings(max_audio_s=30.0))
    assert (audio.channel_spans, audio.duration_s) == ((), LENGTH_S)
    assert warnings == [
        "the channels differ but were mixed, since the recording's 2 channels, read apart, are together longer than "
        "30 s, the most that this worker takes"
    ]


def test_a_mono_recording_has_nothing_to_read_apart(read, speech) -> None:
    plain, _ = read(speech[None], request=ChannelRequest())
    for request, told in ((SEPARATE, ["the recording has one channel; all of its speech is channel 0"]), (AUTO, [])):
        audio, warnings = read(speech[None], request=request)
        assert (audio.channel_spans, warnings) == ((), told)
        assert np.array_equal(audio.samples, plain.samples)


def test_a_change_of_the_number_of_channels_is_told_and_nothing_is_lost(tmp_path, talk) -> None:
    content = b""
    for channels in (talk[:1], talk, talk[:1]):
        write(tmp_path / "piece", [channels], container="adts", codec="aac", rate_hz=44_100)
        content += (tmp_path / "piece").read_bytes()
    (tmp_path / "whole").write_bytes(content)
    audio, warnings = decode(tmp_path / "whole", SETTINGS, SEPARATE)
    changes = [warned for warned in warnings if "number of channels changes" in warned.message]
    assert [warned.span.start for warned in changes] == pytest.approx([LENGTH_S, 2 * LENGTH_S], abs=0.3)
    assert [warned.message for warned in changes] == [
        "the number of channels changes here; channels 0 to 1 of the track go on",
        "the number of channels changes here; only channel 0 of the track go on",
    ]
    first, second = audio.channels
    assert np.sqrt(np.mean(np.square(first))) == pytest.approx(np.sqrt(np.mean(np.square(talk[0]))), rel=0.05)
    alone = np.sqrt(np.mean(np.square(second[: 23 * SAMPLE_RATE_HZ])))
    assert alone < 1e-4 < np.sqrt(np.mean(np.square(second[25 * SAMPLE_RATE_HZ : 47 * SAMPLE_RATE_HZ])))


def test_channels_that_are_not_read_take_no_space(tmp_path, speech) -> None:
    from whisperx_worker.audio.decode import decode_into

    write(tmp_path / "equal", [np.stack([speech, speech])])
    with (tmp_path / "equal").open("rb", buffering=0) as file, (tmp_path / "samples").open("w+b") as store:
        decode_into(store, file, 3_600.0, SEPARATE)
    found = (tmp_path / "samples").stat()
    assert found.st_size == (2 * LENGTH_S + GAP_S) * SAMPLE_RATE_HZ * 4
    assert found.st_blocks * 512 <= LENGTH_S * SAMPLE_RATE_HZ * 4 + 65_536
