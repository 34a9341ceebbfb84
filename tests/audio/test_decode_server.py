"""Decoding in a process of its own: the same sound, and nothing that a file does reaches the worker."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.media import Format, write
from whisperx_worker import BadInputError, FetchError, JobCancelledError, WorkerError
from whisperx_worker.audio import decode, decode_server
from whisperx_worker.audio.waveform import SAMPLE_BYTES
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.types import SAMPLE_RATE_HZ

SETTINGS = load_settings()
MP3 = Format("mp3", "libmp3lame")
LONG_MINUTES = 240
FLAC = Format("flac", "flac", sample_format="s16")
DIALOGUE = Path(__file__).parents[2] / "demo" / "dialogue.flac"
CRASHED = r"^the file makes the decoder crash or never end; it is damaged, or made to do harm$"


@pytest.fixture
def server():
    """The server's process, which has served before and now rests."""
    decode_server.decode(DIALOGUE, SETTINGS)
    server = decode_server._server.start()[0]
    assert eventually(lambda: not children_of(server))
    return server


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A recording that takes seconds to decode."""
    form = Format("mp3", "libmp3lame", 44_100, bit_rate=32_000)
    sound = write(tmp_path_factory.mktemp("long") / "minute.mp3", form, np.zeros(44_100 * 60, np.float32)).read_bytes()
    path = tmp_path_factory.mktemp("long") / "hours.mp3"
    path.write_bytes(sound * LONG_MINUTES)
    return path


def children_of(process):
    return [int(number) for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def eventually(happened):
    for _ in range(6_000):
        if happened():
            return True
        time.sleep(0.01)
    return False


def in_the_middle(server, do):
    """Do something to the child of the server as soon as it has one."""

    def wait_and_do():
        assert eventually(lambda: children_of(server))
        for child in children_of(server):
            do(child)

    thread = threading.Thread(target=wait_and_do)
    thread.start()
    return thread


def test_it_gives_what_decoding_in_this_process_gives(tmp_path):
    cut = tmp_path / "cut.flac"
    cut.write_bytes(DIALOGUE.read_bytes()[:200_000])
    for path in (DIALOGUE, cut, write(tmp_path / "some.mp3", MP3)):
        (here, here_told), (apart, apart_told) = decode.decode(path, SETTINGS), decode_server.decode(path, SETTINGS)
        assert np.array_equal(here.samples, apart.samples)
        assert here_told == apart_told
        assert not apart.samples.flags.writeable
    assert decode_server.decode(cut, SETTINGS)[1]


def test_a_file_that_is_refused_is_refused_in_the_same_words(tmp_path):
    path = tmp_path / "page.wav"
    for content, limit_s in ((b"", 100.0), (b"<html><body>no</body></html>", 100.0), (DIALOGUE.read_bytes(), 10.0)):
        path.write_bytes(content)
        settings = load_settings(max_audio_s=limit_s)
        with pytest.raises(BadInputError) as here:
            decode.decode(path, settings)
        with pytest.raises(BadInputError) as apart:
            decode_server.decode(path, settings)
        assert str(here.value) == str(apart.value)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_decoder_that_crashes_is_one_sentence_and_the_next_file_is_decoded(server, long, number):
    killing = in_the_middle(server, lambda child: os.kill(child, number))
    with pytest.raises(BadInputError, match=CRASHED):
        decode_server.decode(long, SETTINGS)
    killing.join()
    assert decode_server.decode(DIALOGUE, SETTINGS)[0].duration_s > 60
    assert server.poll() is None


@pytest.mark.slow
def test_a_decoder_that_does_not_end_is_ended(server, long, monkeypatch):
    monkeypatch.setattr(decode_server, "_MIN_LIMIT_S", 0.05)
    monkeypatch.setattr(decode_server, "_MIN_SPEED", 1e9)
    with pytest.raises(BadInputError, match=CRASHED):
        decode_server.decode(long, SETTINGS)
    assert eventually(lambda: not children_of(server))


@pytest.mark.slow
def test_a_job_that_nobody_wants_ends_its_decoder_at_once(server, long, tmp_path, monkeypatch):
    def check_cancelled():
        if children_of(server):
            raise JobCancelledError("the job was cancelled")

    decoded = tmp_path / "decoded"
    monkeypatch.setattr(decode_server, "new_store", lambda: decoded.open("w+b"))
    with pytest.raises(JobCancelledError):
        decode_server.decode(long, SETTINGS, check_cancelled)
    assert eventually(lambda: not children_of(server))
    assert decoded.stat().st_size < LONG_MINUTES * 60 * SAMPLE_RATE_HZ * SAMPLE_BYTES


@pytest.mark.slow
def test_a_server_that_was_killed_is_started_again(server):
    killing = in_the_middle(server, lambda _child: server.kill())
    assert decode_server.decode(DIALOGUE, SETTINGS)[0].duration_s > 60
    killing.join(0)
    server.kill()
    server.wait()
    assert decode_server.decode(DIALOGUE, SETTINGS)[0].duration_s > 60
    assert decode_server._server.start()[0].pid != server.pid


@pytest.mark.slow
def test_the_decoder_knows_no_secret_and_holds_no_file_of_the_worker(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    server.kill()
    server.wait()
    with (tmp_path / "open").open("w"):
        decode_server.decode(DIALOGUE, SETTINGS)
        now = decode_server._server.start()[0]
        assert b"planted" not in Path(f"/proc/{now.pid}/environ").read_bytes()
        held = [str(link.readlink()) for link in Path(f"/proc/{now.pid}/fd").iterdir()]
    assert not [name for name in held if "/dev/null" not in name and not name.startswith(("socket:", "pipe:"))]


def test_nothing_stays_open_after_a_file(server, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    before = [len(list(Path(f"/proc/{which}/fd").iterdir())) for which in ("self", server.pid)]
    for _ in range(5):
        decode_server.decode(write(tmp_path / "some.flac", FLAC), SETTINGS)
        with pytest.raises(BadInputError):
            decode_server.decode(bad, SETTINGS)
    assert [len(list(Path(f"/proc/{which}/fd").iterdir())) for which in ("self", server.pid)] == before


def test_several_files_at_once_get_their_own_answers(tmp_path):
    paths = [
        write(tmp_path / f"{number}.wav", Format("wav", "pcm_s16le", 16_000, sample_format="s16"), tone(number))
        for number in range(8)
    ]
    heard = {}
    threads = [
        threading.Thread(target=lambda path=path: heard.update({path: decode_server.decode(path, SETTINGS)[0]}))
        for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in paths:
        assert np.array_equal(heard[path].samples, decode.decode(path, SETTINGS)[0].samples)


def tone(number):
    return np.sin(np.arange(16_000 * (1 + number % 3)) * (number + 1) / 50).astype(np.float32) / 2


def test_where_no_process_can_be_started_the_job_fails_with_one_sentence(monkeypatch):
    broken = decode_server._Server()
    monkeypatch.setattr(decode_server, "_server", broken)
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(WorkerError, match=r"^the recording could not be decoded: no process for it could be started$"):
        decode_server.decode(DIALOGUE, SETTINGS)
    assert broken._running is None


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(decode_server, "new_store", functools.partial(open, "/dev/full", "w+b"))
    with pytest.raises(FetchError, match=r"^the worker has no room to keep the audio$"):
        decode_server.decode(DIALOGUE, SETTINGS)
