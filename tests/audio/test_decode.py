"""Decoding: every container and codec keeps its length, level, pitch and times, and every broken file is told as such."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.media import CLICK_S, LENGTH_S, LEVEL, TONE_HZ, Format, tone_with_click, write
from whisperx_worker.audio.decode import decode, decode_into
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.errors import BadInputError
from whisperx_worker.runtime.sample_file import new_store
from whisperx_worker.types import SAMPLE_RATE_HZ, Span

SPEECH = Path(__file__).resolve().parents[3] / "shared" / "audio" / "jfk.flac"
SETTINGS = load_settings()

WAV = Format("wav", "pcm_s16le", 16_000, sample_format="s16")
MP3 = Format("mp3", "libmp3lame", 44_100)
OPUS = Format("ogg", "libopus", sample_format="flt")
FLAC = Format("flac", "flac", sample_format="s16")
M4A = Format("m4a", "aac", 44_100, container="ipod")
MP4 = Format("mp4", "aac", channels=2, video=True)
WEBM = Format("webm", "libopus", channels=2, sample_format="flt", container="webm")
FORMATS = (
    WAV, MP3, OPUS, FLAC, M4A, MP4, WEBM,
    Format("wav", "pcm_u8", 16_000, sample_format="u8"),
    Format("wav", "pcm_s16le", 44_100, 2, "s16"),
    Format("wav", "pcm_s24le", sample_format="s32"),
    Format("wav", "pcm_s32le", 8_000, sample_format="s32"),
    Format("wav", "pcm_f32le", 96_000, sample_format="flt"),
    Format("wav", "pcm_f32le", 16_000, sample_format="flt"),
    Format("wav", "pcm_f64le", channels=6, sample_format="dbl"),
    Format("wav", "pcm_mulaw", 8_000, sample_format="s16"),
    Format("aiff", "pcm_s16be", 44_100, sample_format="s16"),
    Format("caf", "pcm_s16le", 44_100, sample_format="s16"),
    Format("mp3", "libmp3lame", 8_000, bit_rate=16_000),
    Format("mp3", "libmp3lame", channels=2),
    Format("m4a", "aac", 8_000, bit_rate=24_000, container="ipod"),
    Format("mov", "alac", sample_format="s16p"),
    Format("ogg", "libopus", 16_000, sample_format="flt"),
    Format("flac", "flac", 96_000, 2, "s32"),
    Format("webm", "libopus", channels=2, sample_format="flt", container="webm", video=True),
    Format("mka", "flac", sample_format="s16", container="matroska"),
    Format("mkv", "aac", container="matroska", video=True),
    Format("ts", "mp2", sample_format="s16", container="mpegts"),
    Format("ac3", "ac3", channels=6, bit_rate=384_000),
    Format("3gp", "libopencore_amrnb", 8_000, sample_format="s16", bit_rate=12_200),
    Format("amr", "libopencore_amrnb", 8_000, sample_format="s16", bit_rate=12_200),
)  # fmt: skip
AMR_LEVEL = 0.76
"""What AMR at 12.2 kbit/s leaves of the tone."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The bytes of a format's file with the tone and the click, made once."""
    folder, known = tmp_path_factory.mktemp("media"), {}

    def bytes_of(form: Format) -> bytes:
        if form not in known:
            known[form] = write(folder / f"{form}.{form.suffix}", form).read_bytes()
        return known[form]

    return bytes_of


def error(content: bytes, decoded, settings=SETTINGS) -> str:
    with pytest.raises(BadInputError) as caught:
        decoded(content, settings)
    return str(caught.value)


def click_at(samples) -> float:
    """Where the burst of 3 kHz is, in seconds."""
    turned = samples * np.exp(-2j * np.pi * 3_000 / SAMPLE_RATE_HZ * np.arange(len(samples)))
    return int(np.argmax(np.abs(np.convolve(turned, np.hanning(81), "same")))) / SAMPLE_RATE_HZ


def pitch(samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 65_536))
    return int(np.argmax(spectrum)) * SAMPLE_RATE_HZ / 65_536


def level(samples) -> float:
    """Relative to the tone's own."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) / (LEVEL / np.sqrt(2))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_every_format_keeps_length_pitch_level_and_times(made, decoded, form) -> None:
    audio, warnings = decoded(made(form))
    tone = audio.samples[8_000:16_000]
    assert warnings == []
    assert (audio.samples.dtype, audio.samples.ndim, audio.samples.flags.writeable) == (np.float32, 1, False)
    assert audio.duration_s == pytest.approx(LENGTH_S, abs=0.05)
    assert pitch(tone) == pytest.approx(TONE_HZ, abs=1)
    assert level(tone) == pytest.approx(AMR_LEVEL if "amr" in form.codec else 1, abs=0.06)
    assert click_at(audio.samples) == pytest.approx(CLICK_S, abs=0.02)


def test_a_wav_at_16_khz_comes_through_bit_by_bit(made, decoded) -> None:
    expected = np.round(tone_with_click(16_000) * 32_767).astype(np.int16)
    assert np.array_equal(decoded(made(WAV))[0].samples * 32_768, expected)


@pytest.mark.parametrize("kind", ["vorbis", "opus", "mp3", "flac"])
def test_what_another_library_wrote_is_read(tmp_path, kind) -> None:
    import soundfile

    subtype = {"vorbis": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", None), "flac": ("FLAC", "PCM_24")}[
        kind
    ]
    path = tmp_path / "talk"
    soundfile.write(path, tone_with_click(48_000), 48_000, format=subtype[0], subtype=subtype[1])
    audio, warnings = decode(path, SETTINGS)
    assert warnings == ()
    assert audio.duration_s == pytest.approx(LENGTH_S, abs=0.05)
    assert click_at(audio.samples) == pytest.approx(CLICK_S, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "subtype"), [(2, "PCM_16"), (6, "PCM_16"), (9, "FLOAT"), (12, "PCM_U8"), (24, "FLOAT")]
)
@pytest.mark.parametrize("loud", [0, 3, -1])
def test_channels_without_names_are_averaged_and_none_is_dropped(tmp_path, channels, subtype, loud) -> None:
    import soundfile

    sound = np.zeros((48_000, channels), np.float32)
    sound[:, min(loud, channels - 1)] = 0.5
    path = tmp_path / "array.wav"
    soundfile.write(path, sound, 48_000, subtype=subtype)
    audio, _ = decode(path, SETTINGS)
    assert audio.samples[8_000] * channels == pytest.approx(0.5, abs=0.005)


def test_equal_and_opposite_stereo_keep_their_level(tmp_path) -> None:
    import soundfile

    for sign in (1, -1):
        tone = tone_with_click(44_100, click_s=None)
        soundfile.write(tmp_path / "stereo.wav", np.stack([tone, sign * tone], 1), 44_100, subtype="FLOAT")
        audio, _ = decode(tmp_path / "stereo.wav", SETTINGS)
        assert level(audio.samples[8_000:16_000]) == pytest.approx(1, abs=1e-3)


def test_a_frequency_above_the_new_rates_half_does_not_fold_back(tmp_path) -> None:
    high = (0.5 * np.sin(2 * np.pi * 11_000 * np.arange(96_000) / 48_000)).astype(np.float32)
    form = Format("wav", "pcm_f32le", sample_format="flt")
    audio, _ = decode(write(tmp_path / "high.wav", form, high), SETTINGS)
    assert np.abs(audio.samples[1_000:-1_000]).max() < 1e-3


def test_sound_that_begins_after_its_video_begins_there(tmp_path) -> None:
    form = Format("mkv", "pcm_s16le", sample_format="s16", container="matroska", video=True)
    audio, warnings = decode(write(tmp_path / "late.mkv", form, starts_s=0.6), SETTINGS)
    assert warnings == ()
    assert np.abs(audio.samples[:9_500]).max() == 0
    assert click_at(audio.samples) == pytest.approx(CLICK_S + 0.6, abs=0.005)


def test_a_recording_without_video_begins_with_its_first_sample(tmp_path) -> None:
    form = Format("mka", "pcm_s16le", sample_format="s16", container="matroska")
    audio, _ = decode(write(tmp_path / "late.mka", form, starts_s=100.0), SETTINGS)
    assert click_at(audio.samples) == pytest.approx(CLICK_S, abs=0.005)


def gapped(form: Format, path: Path, *, gap_s: float) -> Path:
    """Two recordings of the tone in one file, the second begins `gap_s` after the end of the first."""
    import av

    with (
        av.open(str(write(path.with_name("first"), form)), "r") as first,
        av.open(str(path), "w", format="matroska") as out,
    ):
        source = first.streams.audio[0]
        target = out.add_stream_from_template(source)
        packets = [packet for packet in first.demux(source) if packet.size]
        again = round(gap_s / source.time_base)
        for packet in packets:
            if packet.pts >= 1 / source.time_base:
                packet.pts += again
                packet.dts = packet.pts
            packet.stream = target
            out.mux(packet)
    return path


PCM_MKA = Format("mka", "pcm_s16le", sample_format="s16", container="matroska")


def test_a_gap_in_the_files_clock_is_silence_and_a_warning(tmp_path) -> None:
    audio, warnings = decode(gapped(PCM_MKA, tmp_path / "gap.mka", gap_s=0.75), SETTINGS)
    assert audio.duration_s == pytest.approx(LENGTH_S + 0.75, abs=0.005)
    assert click_at(audio.samples) == pytest.approx(CLICK_S + 0.75, abs=0.005)
    assert np.abs(audio.samples[16_100:27_900]).max() == 0
    assert [str(warned) for warned in warnings] == ["1.00-1.75 s: the recording is damaged here or a piece is missing"]


def test_a_clock_that_trembles_is_let_be(tmp_path) -> None:
    audio, warnings = decode(gapped(PCM_MKA, tmp_path / "jitter.mka", gap_s=0.05), SETTINGS)
    assert warnings == ()
    assert click_at(audio.samples) == pytest.approx(CLICK_S, abs=0.005)


def test_a_pause_of_opus_is_silence_without_a_warning(tmp_path) -> None:
    form = Format("mka", "libopus", sample_format="flt", container="matroska")
    audio, warnings = decode(gapped(form, tmp_path / "pause.mka", gap_s=0.4), SETTINGS)
    assert warnings == ()
    assert click_at(audio.samples) == pytest.approx(CLICK_S + 0.4, abs=0.02)


def spoiled(content: bytes, at: float, length: int) -> bytes:
    start = int(len(content) * at)
    return content[:start] + bytes(length) + content[start + length :]


@pytest.mark.parametrize(
    ("form", "at", "spoiled_at"),
    [
        (FLAC, 0.5, Span(0.672, 0.768)),
        (Format("mka", "flac", sample_format="s16", container="matroska"), 0.5, Span(0.96, 1.056)),
    ],
    ids=["flac", "matroska"],
)
def test_a_spoiled_packet_is_silence_where_it_was_and_a_warning(made, decoded, tmp_path, form, at, spoiled_at) -> None:
    audio, _ = decoded(spoiled(made(form), at, 600))
    _, warnings = decode(tmp_path / "audio", SETTINGS)
    assert [warned.message for warned in warnings] == ["the recording is damaged here or a piece is missing"]
    span = warnings[0].span
    assert span.end == pytest.approx(spoiled_at.end, abs=0.002)
    # Some builds of ffmpeg lose up to 0.3 s of FLAC before the damage.
    assert spoiled_at.start - 0.3 <= span.start <= spoiled_at.start + 0.002
    assert np.abs(audio.between(span.start + 0.005, span.end - 0.005)).max() == 0
    assert audio.duration_s == pytest.approx(LENGTH_S, abs=0.001)
    assert click_at(audio.samples) == pytest.approx(CLICK_S, abs=0.001)


@pytest.mark.parametrize("form", [MP3, MP4], ids=str)
def test_a_spoiled_place_is_told_where_a_codec_hides_it(made, decoded, form) -> None:
    _, warnings = decoded(spoiled(made(form), 0.5, 600))
    assert len(warnings) == 1
    assert warnings[0].endswith(" s: the recording is damaged here or a piece is missing")


def test_many_damaged_places_are_told_together(tmp_path) -> None:
    form = Format("mka", "flac", sample_format="s16", container="matroska")
    content = bytearray(write(tmp_path / "long.mka", form, tone_with_click(48_000, 8.0)).read_bytes())
    for start in range(3_000, len(content) - 3_000, len(content) // 9):
        content[start : start + 8] = bytes(8)
    (tmp_path / "audio").write_bytes(content)
    audio, warnings = decode(tmp_path / "audio", SETTINGS)
    assert len(warnings) == 6
    assert "more places" in warnings[-1].message
    assert audio.duration_s == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (WAV, "the file says that it is 2.00 s long but ends at 1.20 s; it may be cut off"),
        (FLAC, "the file says that it is 2.00 s long but ends at "),
        (WEBM, "the file says that it is 2.01 s long but ends at "),
        (MP3, "the file says that it is 2.00 s long but ends at 1.20 s; it may be cut off"),
    ],
    ids=str,
)
def test_a_file_that_is_cut_off_is_told(made, decoded, form, told) -> None:
    content = made(form)
    _, warnings = decoded(content[: len(content) * 6 // 10])
    assert warnings[-1].startswith(told)


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"])
def test_a_wav_that_was_written_into_a_pipe_is_whole(made, decoded, size) -> None:
    content = made(WAV)
    at = content.index(b"data") + 4
    audio, warnings = decoded(content[:4] + size + content[8:at] + size + content[at + 4 :])
    assert (audio.duration_s, warnings) == (2.0, [])


def test_numbers_that_are_none_become_silence_and_a_warning(tmp_path) -> None:
    sound = np.full(32_000, 0.5, np.float32)
    sound[[100, 200, 300]] = np.nan, np.inf, 1e30
    form = Format("wav", "pcm_f32le", 16_000, sample_format="flt")
    audio, warnings = decode(write(tmp_path / "nan.wav", form, sound), SETTINGS)
    assert [str(warned) for warned in warnings] == [
        "3 samples are no sound (not a number, or far too loud) and were silenced"
    ]
    assert audio.samples[[99, 100, 200, 300, 301]].tolist() == [0.5, 0.0, 0.0, 0.0, 0.5]


def zeroed_data(content: bytes) -> bytes:
    at = content.index(b"data")
    return content[: at + 4] + bytes(4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html>", "the file is not audio that can be read: it looks like an HTML page"),
        (
            "\n <html>Войдите</html>".encode("cp1251"),
            "the file is not audio that can be read: it looks like an HTML page",
        ),
        (b"\xef\xbb\xbf<html>", "the file is not audio that can be read: it looks like an HTML page"),
        (b"<?xml version='1.0'?><Error/>", "the file is not audio that can be read: it looks like an XML document"),
        (b'{"error": "expired"}', "the file is not audio that can be read: it looks like JSON"),
        (b"%PDF-1.7\n\x00", "the file is not audio that can be read: it looks like a PDF document"),
        (b"PK\x03\x04\x00", "the file is not audio that can be read: it looks like a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "the file is not audio that can be read: it looks like a picture"),
        (b"Dear all,\r\n", "the file is not audio that can be read: it looks like plain text"),
        (b"\0" * 5_000, "the file is not audio that can be read"),
        (b"RIFF\x00", "the file begins like a RIFF file such as WAV, but it is damaged or cut off and cannot be read"),
    ],
)
def test_what_is_no_audio_is_told_by_what_it_is(decoded, content, message) -> None:
    assert error(content, decoded) == message


@pytest.mark.parametrize(
    ("form", "change", "message"),
    [
        (
            WAV,
            lambda b: b[:30],
            "the file begins like a RIFF file such as WAV, but it is damaged or cut off and cannot be read",
        ),
        (M4A, lambda b: b[: len(b) // 2], "the file begins like MP4, but it is damaged or cut off and cannot be read"),
        (WAV, zeroed_data, "the file has a sound track with nothing in it"),
        (M4A, lambda b: b.replace(b"mp4a", b"drms"), "the file is locked by DRM and cannot be decoded"),
        (M4A, lambda b: b.replace(b"mp4a", b"enca"), "the file is locked by DRM and cannot be decoded"),
        (
            WAV,
            lambda b: b[:24] + b"\x01\0\0\0" + b[28:],
            "the file says that its sample rate is 1 Hz; that is no sound",
        ),
    ],
    ids=["cut header", "no index", "no samples", "old DRM", "DRM", "rate"],
)
def test_a_file_beyond_repair_is_one_sentence(made, decoded, form, change, message) -> None:
    assert error(change(made(form)), decoded) == message


def test_a_video_without_sound_is_told(tmp_path) -> None:
    import av

    with av.open(str(tmp_path / "silent.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(BadInputError, match=r"^the file has video but no sound$"):
        decode(tmp_path / "silent.mp4", SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("form", [WAV, MP3, OPUS, FLAC, M4A, Format("aac", "aac", container="adts")], ids=str)
def test_a_recording_above_the_limit_is_refused_and_one_at_it_is_not(made, decoded, form) -> None:
    message = "the recording is longer than 1.5 s, the most that this worker takes"
    assert error(made(form), decoded, load_settings(max_audio_s=1.5)) == message
    assert decoded(made(form), load_settings(max_audio_s=2.1))[1] == []


@pytest.mark.slow
def test_a_small_file_that_would_become_hours_is_stopped_at_the_limit(tmp_path) -> None:
    form = Format("mp3", "libmp3lame", 8_000, bit_rate=8_000)
    path = write(tmp_path / "bomb.mp3", form, np.zeros(8_000 * 100, np.float32))
    assert size_when_refused(path, 40.0) == 0
    path.write_bytes(path.read_bytes().replace(b"Xing", bytes(4)).replace(b"Info", bytes(4)))
    assert 39 * SAMPLE_RATE_HZ * 4 <= size_when_refused(path, 40.0) <= 40 * SAMPLE_RATE_HZ * 4


def size_when_refused(path: Path, limit_s: float) -> int:
    """How many bytes of samples there were when a recording turned out to be too long."""
    with path.open("rb", buffering=0) as file, new_store() as store:
        with pytest.raises(BadInputError, match=rf"^the recording is longer than {limit_s:g} s"):
            decode_into(store, file, limit_s)
        store.flush()
        return os.fstat(store.fileno()).st_size


PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {}\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{}</BaseURL></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na={}\n",
    "pls": "[playlist]\nFile1={}\n",
}


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://127.0.0.1:{port}/talk.wav", "secret.wav"])
@pytest.mark.parametrize("prefix", [b"", b"\0"], ids=["plain", "not text"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_opens_nothing(tmp_path, monkeypatch, made, decoded, kind, prefix, target) -> None:
    import socket

    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.wav").write_bytes(made(WAV))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        playlist = PLAYLISTS[kind].format(target.format(port=listening.getsockname()[1]))
        message = error(playlist.encode() + prefix, decoded)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert message.startswith("the file is not audio that can be read")


def test_without_the_look_at_its_beginning_a_playlist_opens_nothing_either(tmp_path, monkeypatch, made) -> None:
    from whisperx_worker.audio import decode as decode_module

    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.wav").write_bytes(made(WAV))
    monkeypatch.setattr(decode_module, "identify_file", lambda _head: None)
    for kind, text in PLAYLISTS.items():
        path = tmp_path / f"list.{kind}"
        path.write_text(text.format("secret.wav"))
        with pytest.raises(BadInputError, match=r"^the file is not audio that can be read$"):
            decode(path, SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("form", [MP3, OPUS, WAV, MP4], ids=str)
def test_a_mutated_file_gives_audio_or_one_sentence(tmp_path, decoded, capfd, form) -> None:
    rng, sentences = np.random.default_rng(20), []
    settings = load_settings(max_audio_s=100.0)
    whole = write(tmp_path / f"whole.{form.suffix}", form, tone_with_click(form.rate_hz, 0.3, 0.1)).read_bytes()
    for number in range(50):
        content = bytearray(whole)
        where = min(500, len(content)) if number % 3 else len(content)
        for place in rng.integers(0, where, rng.integers(1, 30)):
            content[place] = rng.integers(256)
        if number % 5 == 0:
            del content[rng.integers(1, len(content)) :]
        try:
            audio, _ = decoded(bytes(content), settings)
        except BadInputError as problem:
            sentences.append(str(problem))
        else:
            assert np.isfinite(audio.samples).all()
            assert 0 < audio.duration_s <= 101
    assert not [sentence for sentence in sentences if "\n" in sentence or "/" in sentence]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.skipif(not SPEECH.is_file(), reason="the recording of speech is not here")
@pytest.mark.parametrize("form", [WAV, MP3, OPUS, M4A, MP4, WEBM], ids=str)
def test_speech_stays_in_its_place_in_every_container(tmp_path, form) -> None:
    import soxr

    original = decode(SPEECH, SETTINGS)[0].samples[: 3 * SAMPLE_RATE_HZ]
    again = soxr.resample(original, SAMPLE_RATE_HZ, form.rate_hz)
    audio, warnings = decode(write(tmp_path / "speech", form_of(form), again), SETTINGS)
    length = 1 << 18
    product = np.fft.rfft(audio.samples, length) * np.conj(np.fft.rfft(original, length))
    lag = int(np.argmax(np.fft.irfft(product)))
    assert warnings == ()
    assert audio.duration_s == pytest.approx(3, abs=0.05)
    assert min(lag, length - lag) <= 0.02 * SAMPLE_RATE_HZ


def form_of(form: Format) -> Format:
    """The same with its container named, for a file without an ending."""
    from dataclasses import replace

    return replace(form, container=form.container or form.suffix)
