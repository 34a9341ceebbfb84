"""Pauses in which a codec sends nothing: they keep their length and are no damage, and damage is still told."""

from __future__ import annotations

import numpy as np
import pytest

from tests.media import LENGTH_S, Format, tone_with_click, write
from whisperx_worker.audio import track_decoder
from whisperx_worker.audio.decode import decode
from whisperx_worker.contract.settings import load_settings

SETTINGS = load_settings()
AMR = Format("amr", "libopencore_amrnb", 8_000, sample_format="s16", bit_rate=12_200)
FRAME_S = 0.02
HEAD, WIDE_HEAD = b"#!AMR\n", b"#!AMR-WB\n"
NO_DATA = bytes([15 << 3 | 4])
SID = bytes([8 << 3 | 4]) + bytes(5)
WIDE_SID = bytes([9 << 3 | 4]) + bytes(5)
LOST = bytes([14 << 3])
"""Of AMR-WB: the network lost speech."""
SPEECH_BYTES, WIDE_SPEECH_BYTES = 32, 18


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Two seconds of speech frames."""
    content = write(tmp_path_factory.mktemp("amr") / "talk.amr", AMR).read_bytes().removeprefix(HEAD)
    return [content[at : at + SPEECH_BYTES] for at in range(0, len(content), SPEECH_BYTES)][:100]


def wide_speech(frames=100):
    rng = np.random.default_rng(1)
    return [bytes([4]) + rng.bytes(WIDE_SPEECH_BYTES - 1) for _ in range(frames)]


def pause(sid, seconds):
    """What a telephone sends while nobody speaks: a description of the noise eight frames apart."""
    return [sid if number % 8 == 0 else NO_DATA for number in range(round(seconds / FRAME_S))]


@pytest.mark.parametrize("pause_s", [0.1, 5, 45, 1_000])
@pytest.mark.parametrize("wide", [False, True], ids=["AMR", "AMR-WB"])
def test_a_pause_of_a_telephone_is_silence_of_its_length_and_no_warning(decoded, speech, wide, pause_s) -> None:
    talk, head, sid = (wide_speech(), WIDE_HEAD, WIDE_SID) if wide else (speech, HEAD, SID)
    audio, warnings = decoded(head + b"".join([*talk, *pause(sid, pause_s), *talk]))
    assert warnings == []
    assert audio.duration_s == pytest.approx(2 * LENGTH_S + pause_s, abs=0.001)
    assert np.abs(audio.between(2.01, 1.99 + pause_s)).max(initial=0) == 0
    before, after = audio.between(0.1, 1.9), audio.between(2.1 + pause_s, 3.9 + pause_s)
    assert np.std(after) == pytest.approx(np.std(before), rel=0.1)


def test_silence_at_the_beginning_and_at_the_end_counts_and_a_silent_call_is_one(decoded, speech) -> None:
    audio, warnings = decoded(HEAD + b"".join([*pause(SID, 30), *speech, *pause(SID, 30)]))
    assert (audio.duration_s, warnings) == (pytest.approx(62, abs=0.001), [])
    audio, warnings = decoded(HEAD + b"".join(pause(SID, 3)))
    assert (audio.duration_s, warnings) == (pytest.approx(3, abs=0.001), [])


def test_damage_within_a_pause_is_told_where_it_is(decoded, speech) -> None:
    damaged = [*pause(SID, 2), *[bytes([12 << 3 | 4])] * 25, *pause(SID, 2)]
    audio, warnings = decoded(HEAD + b"".join([*speech, *damaged, *speech]))
    assert audio.duration_s == pytest.approx(8.5, abs=0.001)
    assert warnings == ["4.00-4.50 s: the recording is damaged here or a piece is missing"]


def test_speech_that_the_network_lost_is_told(decoded) -> None:
    _, warnings = decoded(WIDE_HEAD + b"".join([*wide_speech(), *[LOST] * 25, *wide_speech()]))
    assert warnings == ["2.00-2.50 s: the recording is damaged here or a piece is missing"]


def test_a_long_stretch_of_damage_does_not_end_the_file(decoded, speech) -> None:
    audio, warnings = decoded(HEAD + b"".join([*speech, *[bytes([12 << 3 | 4])] * 5_000, *speech]))
    assert audio.duration_s == pytest.approx(104, abs=0.001)
    assert warnings == ["2.00-102.00 s: the recording is damaged here or a piece is missing"]


def test_where_damage_ends_a_file_the_place_is_told(decoded, speech, monkeypatch) -> None:
    monkeypatch.setattr(track_decoder, "_MAX_LOSS_S", 60.0)
    audio, warnings = decoded(HEAD + b"".join([*speech, *[bytes([12 << 3 | 4])] * 5_000, *speech]))
    assert audio.duration_s == pytest.approx(2, abs=0.001)
    assert len(warnings) == 1
    assert warnings[0].startswith("2.00-62.0")
    assert warnings[0].endswith(" s: nothing can be decoded here for 60 s; the rest of the track was not read")


def test_packets_of_several_frames_keep_their_speech(tmp_path, speech) -> None:
    import av

    from tests.audio.test_decode import click_at

    plain = write(tmp_path / "one.3gp", Format("3gp", AMR.codec, 8_000, sample_format="s16", bit_rate=12_200))
    path = tmp_path / "several.nut"
    frames = [*speech[:50], *pause(SID, 2), *speech[50:]]
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for start in range(0, len(frames), 8):
            packet = av.Packet(b"".join(frames[start : start + 8]))
            packet.stream, packet.time_base = stream, source.streams.audio[0].time_base
            packet.pts = packet.dts = start * 160
            packet.duration = 160 * len(frames[start : start + 8])
            target.mux(packet)
    audio, warnings = decode(path, SETTINGS)
    assert warnings == ()
    assert audio.duration_s == pytest.approx(4, abs=0.05)
    assert click_at(audio.samples) == pytest.approx(1.25 + 2, abs=0.02)


@pytest.mark.parametrize("container", ["ogg", "webm"])
def test_opus_that_sends_next_to_nothing_in_a_pause_keeps_its_length(tmp_path, container) -> None:
    import av

    tone = tone_with_click(48_000)
    sound = np.concatenate([tone, np.zeros(48_000 * 30, np.float32), tone])
    path = tmp_path / "call"
    with av.open(str(path), "w", format=container) as target:
        options = {"application": "voip", "dtx": "1"}
        stream = target.add_stream("libopus", rate=48_000, layout="mono", format="flt", options=options)
        stream.bit_rate = 16_000
        for start in range(0, len(sound), 960):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 960], format="flt", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    audio, warnings = decode(path, SETTINGS)
    assert warnings == ()
    assert audio.duration_s == pytest.approx(34, abs=0.05)
