"""Files with several audio tracks: those that carry sound become one recording, and what is done is told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from whisperx_worker.audio import decode_server
from whisperx_worker.audio.decode import decode
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.errors import BadInputError
from whisperx_worker.types import SAMPLE_RATE_HZ

SETTINGS = load_settings()
DIALOGUE = Path(__file__).parents[2] / "demo" / "dialogue.flac"
LENGTH_S = 20


@pytest.fixture(scope="module")
def talk():
    """Two people who speak in turns, each on a track."""
    whole = decode(DIALOGUE, SETTINGS)[0].samples[: LENGTH_S * SAMPLE_RATE_HZ]
    first = np.arange(len(whole)) // (4 * SAMPLE_RATE_HZ) % 2 == 0
    return np.where(first, whole, 0), np.where(first, 0, whole)


@pytest.fixture
def file_of(tmp_path):
    """Writes tracks into one file, and decodes it in a process of its own as jobs do."""

    def make(*tracks, container="matroska", codec="flac", video=False):
        path = tmp_path / f"tracks-{len(list(tmp_path.iterdir()))}"
        write(path, tracks, container, codec, video=video)
        audio, warnings = decode_server.decode(path, SETTINGS)
        return audio.samples, [str(warned) for warned in warnings]

    return make


def write(path, tracks, container, codec, *, video):
    """Write tracks, each samples or samples with a dictionary: starts_s, metadata, disposition, codec, rate_hz."""
    import av

    with av.open(str(path), "w", format=container) as out:
        if video:
            picture = out.add_stream("mpeg4", rate=5)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        streams = []
        for track in tracks:
            samples, how = track if isinstance(track, tuple) else (track, {})
            name, rate_hz = how.get("codec", codec), how.get("rate_hz", SAMPLE_RATE_HZ)
            form = {"flac": "s16", "aac": "fltp", "pcm_s16le": "s16", "libopus": "flt"}[name]
            stream = out.add_stream(name, rate=rate_hz, layout="mono", format=form)
            stream.metadata.update(how.get("metadata", {}))
            if "disposition" in how:
                stream.disposition = getattr(type(stream.disposition), how["disposition"])
            streams.append((stream, samples, form, rate_hz, how.get("starts_s", 0.0)))
        if video:
            for number in range(LENGTH_S * 5):
                frame = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p")
                frame.pts = number
                out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        for stream, samples, form, rate_hz, starts_s in streams:
            for start in range(0, len(samples), 960):
                piece = samples[None, start : start + 960].astype(np.float32)
                piece = np.round(piece * 32_767).astype(np.int16) if form == "s16" else piece
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format=form, layout="mono")
                frame.sample_rate, frame.pts = rate_hz, round(starts_s * rate_hz) + start
                frame.time_base = Fraction(1, rate_hz)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))


def likeness(samples, expected) -> float:
    """Normalised correlation."""
    length = min(len(samples), len(expected))
    a, b = samples[:length], expected[:length]
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-20))


MIXED = "track 1 and track 2 carry sound and were mixed; audio_track 0 or 1 takes one of them"


@pytest.mark.parametrize(("container", "codec"), [("matroska", "flac"), ("mp4", "aac"), ("mov", "pcm_s16le")])
@pytest.mark.parametrize("video", [False, True], ids=["sound", "video"])
def test_people_on_tracks_of_their_own_are_all_in_the_recording(file_of, talk, container, codec, video) -> None:
    samples, warnings = file_of(*talk, container=container, codec=codec, video=video)
    assert warnings == [MIXED]
    assert likeness(samples, sum(talk)) > 0.99
    assert np.std(samples) == pytest.approx(np.std(sum(talk)), rel=0.05)


def test_a_mix_of_exact_tracks_is_their_sum_to_the_sample(file_of, talk) -> None:
    samples, _ = file_of(*talk)
    assert np.allclose(samples, sum(talk), atol=1e-4)


def test_each_track_begins_where_the_file_says(file_of, talk) -> None:
    one, other = talk
    late_s = 2.5
    samples, warnings = file_of(one, (other, {"starts_s": late_s}))
    expected = np.zeros(len(one) + round(late_s * SAMPLE_RATE_HZ), np.float32)
    expected[: len(one)] += one
    expected[-len(other) :] += other
    assert warnings == [MIXED]
    assert np.allclose(samples, expected, atol=1e-4)


def test_a_short_track_that_begins_after_a_long_time_is_where_it_belongs(file_of, talk) -> None:
    samples, warnings = file_of(
        (np.zeros(SAMPLE_RATE_HZ), {}),
        (talk[0][: 3 * SAMPLE_RATE_HZ], {"starts_s": 15.0}),
        container="mp4",
        codec="aac",
        video=True,
    )
    assert warnings == ["track 1 carries no sound; track 2 was taken"]
    assert likeness(samples[15 * SAMPLE_RATE_HZ :], talk[0][: 3 * SAMPLE_RATE_HZ]) > 0.99


def test_a_sum_louder_than_full_scale_is_made_quieter_as_a_whole(file_of, talk) -> None:
    one = np.clip(talk[0] + talk[1], -1, 1) * 3
    one = np.clip(one, -0.99, 0.99)
    other = np.roll(one, SAMPLE_RATE_HZ)
    samples, _ = file_of(one, other)
    assert np.abs(samples).max() == pytest.approx(1, abs=1e-3)
    assert likeness(samples, one + other) > 0.9999


@pytest.mark.parametrize("hiss", [0.0, 3e-5])
@pytest.mark.parametrize("number", [0, 1])
def test_a_track_without_sound_is_no_loss(file_of, talk, number, hiss) -> None:
    silent = (hiss * np.random.default_rng(0).standard_normal(len(talk[0]))).astype(np.float32)
    voice = sum(talk)
    samples, warnings = file_of(*([silent, voice] if number == 0 else [voice, silent]))
    assert np.allclose(samples, voice, atol=1e-4)
    assert warnings == (["track 1 carries no sound; track 2 was taken"] if number == 0 else [])


def test_where_all_tracks_are_silent_the_first_is_taken_without_a_word(file_of) -> None:
    samples, warnings = file_of(np.zeros(32_000), np.zeros(16_000))
    assert (len(samples), samples.any(), warnings) == (32_000, False, [])


def test_of_one_sound_on_two_tracks_the_better_is_taken(file_of, talk) -> None:
    import soxr

    voice = sum(talk)
    wide = soxr.resample(voice, SAMPLE_RATE_HZ, 48_000).astype(np.float32)
    noisy = voice + 0.001 * np.random.default_rng(0).standard_normal(len(voice)).astype(np.float32)
    for tracks in (
        ((voice, {"codec": "aac"}), voice),
        ((voice, {"codec": "libopus", "rate_hz": 16_000}), noisy),
        ((voice, {"codec": "aac"}), (wide, {"codec": "aac", "rate_hz": 48_000})),
    ):
        samples, warnings = file_of(*tracks)
        assert warnings == ["track 1 and track 2 carry the same sound; track 2 was taken"]
        assert np.std(samples) == pytest.approx(np.std(voice), rel=0.03)


def test_two_sides_of_a_call_that_hear_each_other_are_two(file_of, talk) -> None:
    one, other = talk
    rng = np.random.default_rng(0)
    room = (0.002 * rng.standard_normal((2, len(one)))).astype(np.float32)
    samples, warnings = file_of(one + 0.1 * np.roll(other, 800) + room[0], other + 0.1 * np.roll(one, 800) + room[1])
    assert warnings == [MIXED]
    assert likeness(samples, one + other) > 0.9


def test_of_other_languages_the_default_track_is_taken_and_told(file_of, talk) -> None:
    voice, dubbed = sum(talk), np.roll(sum(talk), 5 * SAMPLE_RATE_HZ)
    samples, warnings = file_of(
        (dubbed, {"metadata": {"language": "eng"}, "disposition": "original"}),
        (voice, {"metadata": {"language": "rus"}, "disposition": "default"}),
    )
    assert np.allclose(samples, voice, atol=1e-4)
    assert warnings == [
        "of the file's 2 sound tracks, which are in other languages or of other kinds, "
        "track 2 (rus) was taken and track 1 (eng) left out; audio_track 0 takes it"
    ]


def test_where_the_default_language_is_silent_the_next_is_taken(file_of, talk) -> None:
    voice = sum(talk)
    samples, warnings = file_of(
        (0 * voice, {"metadata": {"language": "eng"}, "disposition": "default"}),
        (voice, {"metadata": {"language": "rus"}}),
    )
    assert np.allclose(samples, voice, atol=1e-4)
    assert warnings == ["track 1 (eng) carried no sound; track 2 (rus) did"]


@pytest.mark.parametrize(
    "how",
    [{"disposition": "comment"}, {"metadata": {"title": "Director's commentary"}}, {"disposition": "visual_impaired"}],
)
def test_a_commentary_is_not_mixed_into_the_talk(file_of, talk, how) -> None:
    voice, comment = sum(talk), np.roll(sum(talk), 5 * SAMPLE_RATE_HZ)
    samples, warnings = file_of((voice, {"disposition": "default"}), (comment, how))
    assert np.allclose(samples, voice, atol=1e-4)
    assert len(warnings) == 1
    assert warnings[0].endswith("track 1 was taken and track 2 left out; audio_track 1 takes it")


def test_damage_is_told_with_its_track(tmp_path, talk) -> None:
    write(tmp_path / "whole", talk, "matroska", "flac", video=False)
    content = bytearray((tmp_path / "whole").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3_000] = bytes(3_000)
    (tmp_path / "damaged").write_bytes(content)
    _, warnings = decode(tmp_path / "damaged", SETTINGS)
    assert str(warnings[0]) == MIXED
    assert all(": track " not in str(warned) or warned.span for warned in warnings[1:])
    assert {warned.message for warned in warnings[1:]} & {
        f"track {number}: the recording is damaged here or a piece is missing" for number in (1, 2)
    }


def test_tracks_with_nothing_in_them_are_refused(tmp_path) -> None:
    path = tmp_path / "empty.mp4"
    write(path, [np.zeros(0), np.zeros(0)], "matroska", "flac", video=True)
    with pytest.raises(BadInputError, match=r"^the file has a sound track with nothing in it$"):
        decode(path, SETTINGS)


def test_a_file_of_many_tracks_needs_no_more_memory_than_one(tmp_path) -> None:
    import subprocess
    import sys

    minutes = np.tile(np.sin(np.arange(SAMPLE_RATE_HZ) / 9).astype(np.float32) / 9, 600)
    peaks = []
    for count in (1, 6):
        path = tmp_path / f"{count}.mka"
        write(path, [np.roll(minutes, 5 * number) for number in range(count)], "matroska", "flac", video=False)
        program = (
            "import re, sys; from pathlib import Path; from whisperx_worker.audio.decode import decode_into;"
            "from whisperx_worker.runtime.sample_file import new_store;"
            "decode_into(new_store(), Path(sys.argv[1]).open('rb', buffering=0), 43_200.0);"
            "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, encoding="utf-8", check=True
        )
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] - peaks[0] < 40
