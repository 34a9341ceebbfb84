"""What a file says of itself: a header that cannot be true is passed over, and one that is written wrong is put right."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from tests.audio.test_decode import click_at
from tests.media import CLICK_S, LENGTH_S, Format, tone_with_click, write
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.errors import BadInputError

HUGE = 0x7FF0_0000
FORMATS = {
    "mka": Format("mka", "flac", 16_000, sample_format="s16", container="matroska"),
    "webm": Format("webm", "libopus", sample_format="flt", container="webm"),
    "mp3": Format("mp3", "libmp3lame", 16_000),
    "m4a": Format("m4a", "aac", 44_100, container="ipod"),
}


def by_library(kind, subtype="PCM_16", length_s=LENGTH_S):
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, tone_with_click(16_000, length_s), 16_000, format=kind, subtype=subtype)
    return file.getvalue()


def by_ffmpeg(tmp_path, kind):
    return write(tmp_path / f"talk.{kind}", FORMATS[kind]).read_bytes()


def patched(content, mark, offset, form, value):
    """Bytes with a number written at a place behind a mark."""
    place = content.index(mark) + offset
    number = struct.pack(form, value)
    return content[:place] + number + content[place + len(number) :]


def flac_samples(content, samples):
    whole = int.from_bytes(content[18:26], "big") & ~((1 << 36) - 1) | samples
    return content[:18] + whole.to_bytes(8, "big") + content[26:]


LIES = {
    "wav": lambda _: patched(patched(by_library("WAV"), b"data", 4, "<I", HUGE), b"RIFF", 4, "<I", HUGE),
    "rf64": lambda _: patched(by_library("RF64"), b"ds64", 16, "<Q", 1 << 40),
    "w64": lambda _: patched(by_library("W64"), b"data", 16, "<Q", 1 << 40),
    "au": lambda _: patched(by_library("AU"), b".snd", 8, ">I", HUGE),
    "caf": lambda _: patched(by_library("CAF"), b"data", 4, ">q", 1 << 40),
    "aiff": lambda _: patched(patched(by_library("AIFF"), b"COMM", 10, ">I", HUGE), b"SSND", 4, ">I", HUGE),
    "flac": lambda _: flac_samples(by_library("FLAC"), 1 << 35),
    "flac for half an hour": lambda _: flac_samples(by_library("FLAC"), 16_000 * 1_800),
    "matroska": lambda tmp_path: patched(by_ffmpeg(tmp_path, "mka"), b"\x44\x89\x88", 3, ">d", 8e10),
    "matroska for an hour": lambda tmp_path: patched(by_ffmpeg(tmp_path, "mka"), b"\x44\x89\x88", 3, ">d", 3.6e6),
    "webm": lambda tmp_path: patched(by_ffmpeg(tmp_path, "webm"), b"\x44\x89\x88", 3, ">d", 8e10),
    "xing": lambda tmp_path: patched(by_ffmpeg(tmp_path, "mp3"), b"Info", 8, ">I", 3_000_000),
    "xing for half an hour": lambda tmp_path: patched(by_ffmpeg(tmp_path, "mp3"), b"Info", 8, ">I", 50_000),
    "mdhd": lambda tmp_path: patched(by_ffmpeg(tmp_path, "m4a"), b"mdhd", 20, ">I", 0x7FFF_FFFF),
    "mvhd": lambda tmp_path: patched(by_ffmpeg(tmp_path, "m4a"), b"mvhd", 20, ">I", 0x7FFF_FFFF),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_length_that_the_file_cannot_have_is_neither_believed_nor_told(decoded, tmp_path, lie) -> None:
    audio, warnings = decoded(LIES[lie](tmp_path))
    assert audio.duration_s == pytest.approx(LENGTH_S, abs=0.05)
    assert click_at(audio.samples) == pytest.approx(CLICK_S, abs=0.02)
    assert warnings == []


def test_a_length_that_the_file_can_have_is_refused_before_it_is_decoded(decoded) -> None:
    settings = load_settings(max_audio_s=1.5)
    for kind in ("WAV", "FLAC", "AIFF"):
        with pytest.raises(BadInputError, match=r"^the recording is longer than 1.5 s"):
            decoded(by_library(kind), settings)


def test_a_recording_that_is_longer_than_its_header_says_is_stopped_at_the_limit(decoded) -> None:
    content = flac_samples(by_library("FLAC", length_s=4.0), 16_000)
    assert decoded(content)[0].duration_s == 4
    with pytest.raises(BadInputError, match=r"^the recording is longer than 3 s"):
        decoded(content, load_settings(max_audio_s=3.0))


def test_a_file_that_really_is_cut_off_is_told_however_little_is_left(decoded, tmp_path) -> None:
    long = tone_with_click(16_000, 200.0)
    for kind in ("mka", "mp3"):
        content = write(tmp_path / f"long.{kind}", FORMATS[kind], long).read_bytes()
        _, warnings = decoded(content[: len(content) // 50])
        assert warnings[-1].startswith("the file says that it is 200.0")
        assert warnings[-1].endswith("it may be cut off")
    content = by_library("FLAC", length_s=200.0)
    _, warnings = decoded(content[: len(content) // 50])
    assert warnings[-1].startswith("the file says that it is 200.00 s long but ends at ")


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
@pytest.mark.parametrize("left", [0.5, 0.9, 0.999], ids=str)
def test_an_ogg_file_without_its_last_page_is_told(decoded, subtype, left) -> None:
    content = by_library("OGG", subtype, length_s=20.0)
    assert decoded(content)[1] == []
    audio, warnings = decoded(content[: int(len(content) * left)])
    told = f"the file ends at {audio.duration_s:.2f} s without the mark of its end; it may be cut off"
    assert warnings[-1] == told


def test_what_follows_the_last_page_of_an_ogg_file_is_not_its_end(decoded) -> None:
    for extra in (b"TAG" + bytes(125), bytes(1_000), bytes(200_000)):
        _, warnings = decoded(by_library("OGG", "VORBIS") + extra)
        assert not any("cut off" in warned for warned in warnings)


def chunk(name, content, *, order="<", padded=True):
    return name + struct.pack(order + "I", len(content)) + content + b"\0" * (len(content) % 2 if padded else 0)


PCM = (tone_with_click(16_000) * 32_767).astype("<i2").tobytes()
FMT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))
INFO = b"INFOISFT\x0f\0\0\0recorder v1.23\0"


def riff(*chunks, name=b"RIFF", size=None):
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size) + body


@pytest.mark.parametrize(
    "odd",
    [
        [(b"LIST", INFO)],
        [(b"bext", b"x" * 603)],
        [(b"junk", b"abc"), (b"LIST", INFO)],
        [(b"id3 ", b"ID3 RIFF data fmt")],
    ],
)
@pytest.mark.parametrize("padded", [False, True], ids=["bare", "padded"])
def test_a_wav_with_an_odd_chunk_is_read_with_its_last_byte_and_without(decoded, odd, padded) -> None:
    chunks = [chunk(name, content, padded=padded) for name, content in odd]
    expected = np.frombuffer(PCM, "<i2") / np.float32(32_768)
    for content in (riff(FMT, *chunks, chunk(b"data", PCM)), riff(*chunks, FMT, chunk(b"data", PCM), *chunks)):
        audio, warnings = decoded(content)
        assert warnings == []
        assert np.array_equal(audio.samples, expected)


def test_a_size_that_looks_like_a_letter_does_not_hide_the_sound_after_an_odd_chunk(decoded) -> None:
    silence = bytes(20_000)
    assert chr(len(silence) % 256).isprintable()
    audio, warnings = decoded(riff(FMT, chunk(b"LIST", INFO, padded=False), chunk(b"data", silence)))
    assert (len(audio.samples), warnings) == (10_000, [])


def test_rf64_and_aiff_with_an_odd_chunk_without_its_last_byte_are_read(decoded) -> None:
    odd = chunk(b"bext", b"hello", padded=False)
    rf64 = by_library("RF64")
    at = rf64.index(b"fmt ")
    aiff = by_library("AIFF")
    before_sound = aiff.index(b"SSND")
    named = chunk(b"NAME", b"hello", order=">", padded=False)
    for content in (rf64[:at] + odd + rf64[at:], aiff[:before_sound] + named + aiff[before_sound:]):
        audio, warnings = decoded(content)
        assert warnings == []
        assert audio.duration_s == LENGTH_S
        assert click_at(audio.samples) == pytest.approx(CLICK_S, abs=0.001)


def test_a_wav_whose_header_was_not_written_again_is_read_to_its_end_and_told(decoded) -> None:
    audio, warnings = decoded(riff(FMT, b"data" + struct.pack("<I", 16_000) + PCM, size=16_036))
    assert audio.duration_s == LENGTH_S
    assert warnings == ["the file's header counts less sound than the file has; all of it was read"]


@pytest.mark.parametrize("between", [[], [chunk(b"LIST", INFO)], [chunk(b"LIST", INFO, padded=False)]], ids=len)
@pytest.mark.parametrize("cuts", [[20_000], [20_000, 20_000, 40_000], [0], [len(PCM)]], ids=str)
def test_a_wav_with_several_chunks_of_sound_is_read_whole_and_told(decoded, between, cuts) -> None:
    pieces = [PCM[start:end] for start, end in zip([0, *cuts], [*cuts, len(PCM)], strict=True)]
    sounds = [part for piece in pieces for part in (chunk(b"data", piece), *between)]
    audio, warnings = decoded(riff(FMT, *sounds))
    assert np.array_equal(audio.samples, np.frombuffer(PCM, "<i2") / np.float32(32_768))
    assert warnings == [f"the file has its sound in {len(pieces)} chunks of data; they were read one after another"]


def test_a_chunk_of_sound_that_ends_within_a_sample_does_not_spoil_the_next(decoded) -> None:
    audio, _ = decoded(riff(FMT, chunk(b"data", PCM[:20_001]), chunk(b"data", PCM[20_000:])))
    assert np.array_equal(audio.samples, np.frombuffer(PCM, "<i2") / np.float32(32_768))


def test_a_wav_whose_last_chunk_of_sound_is_cut_off_is_told(decoded) -> None:
    content = riff(FMT, chunk(b"data", PCM[:20_000]), chunk(b"data", PCM[20_000:]))
    audio, warnings = decoded(content[:-16_000])
    assert audio.duration_s == LENGTH_S - 0.5
    assert warnings[-1] == "the file says that it is 2.00 s long but ends at 1.50 s; it may be cut off"


@pytest.mark.parametrize(
    "after", [chunk(b"LIST", INFO), bytes(10_000), b"TAG" + bytes(125), riff(FMT, chunk(b"data", PCM))]
)
def test_what_follows_the_sound_of_a_wav_is_no_sound(decoded, after) -> None:
    audio, warnings = decoded(riff(FMT, chunk(b"data", PCM)) + after)
    assert (audio.duration_s, warnings) == (LENGTH_S, [])
