"""The library's file: closed to others, whole after every end of a process, and without traces of the forgotten."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.voices.libraries import THRESHOLD, content, embedding, leaning, recorded, sample
from whisperx_worker.errors import BadInputError, SettingsError
from whisperx_worker.voices import library_file
from whisperx_worker.voices.corrections import forget_person, merge_people, rename_person
from whisperx_worker.voices.enrolling import enrol_voices
from whisperx_worker.voices.learning import name_voices
from whisperx_worker.voices.library import open_library, people

ROOT = Path(__file__).parents[2]


def learn(library, name, *vectors):
    return name_voices(library, recorded(*vectors), content(name), threshold=THRESHOLD, title=f"{name}.wav", learn=True)


def test_a_new_library_is_closed_to_others_whatever_the_mask(tmp_path):
    before = os.umask(0)
    try:
        with open_library(tmp_path / "voices.sqlite", create=True) as library:
            learn(library, "a", embedding(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "voices.sqlite").stat().st_mode) == 0o600


def test_a_journal_is_closed_to_others_too(tmp_path):
    before = os.umask(0)
    try:
        with open_library(tmp_path / "voices.sqlite", create=True) as library, library.change() as connection:
            connection.execute("UPDATE facts SET value = 5 WHERE name = 'next_number'")
            (journal,) = tmp_path.glob("*-journal")
            assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def version(path, number):
    with open_library(path, create=True):
        pass
    sqlite3.connect(path).execute(f"PRAGMA user_version = {number}")


def foreign(path):
    sqlite3.connect(path).execute("CREATE TABLE notes (text)")
    path.chmod(0o600)


def written(text):
    def write(path):
        path.write_bytes(text)
        path.chmod(0o600)

    return write


def cut(path):
    with open_library(path, create=True) as library:
        for number in range(30):
            learn(library, number, embedding(number))
    os.truncate(path, 5000)


def opened_to(mode):
    def make(path):
        with open_library(path, create=True):
            path.chmod(mode)

    return make


MISTAKES = {
    "missing": (lambda _path: None, "there is no library of voices at {}; `whisperx-worker voices enrol` makes one"),
    "folder": (lambda path: path.mkdir(), "the library of voices {} is no file"),
    "text": (written(b"Anna;0.1;0.2" * 100), "{} is no library of voices"),
    "empty": (written(b""), "{} is no library of voices"),
    "another database": (foreign, "{} is no library of voices"),
    "later version": (lambda path: version(path, 2), "the library of voices {} has version 2, and this program reads version 1"),
    "cut off": (cut, "the library of voices {} is damaged; take a copy or an export of it"),
    "open to a group": (opened_to(0o640), "the library of voices {} is open to others (mode 640); `chmod 600` closes it"),
    "open to all": (opened_to(0o604), "the library of voices {} is open to others (mode 604); `chmod 600` closes it"),
    "pipe": (os.mkfifo, "the library of voices {} is no file"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MISTAKES)
def test_what_cannot_be_a_library_is_one_sentence(tmp_path, kind):
    make, sentence = MISTAKES[kind]
    path = tmp_path / "voices.sqlite"
    make(path)
    with pytest.raises((BadInputError, SettingsError)) as error, open_library(path) as library:
        people(library)
    assert str(error.value) == sentence.format(path)


def test_a_library_in_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    path = tmp_path / "no" / "voices.sqlite"
    with pytest.raises(SettingsError, match="cannot be made: No such file or directory"):
        open_library(path, create=True)


def test_an_empty_file_of_a_process_that_was_killed_becomes_a_library(tmp_path):
    path = tmp_path / "voices.sqlite"
    written(b"")(path)
    with open_library(path, create=True) as library:
        assert people(library) == []


def test_the_default_place_is_in_the_data_folder_which_is_made_closed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = library_file.default_path()
    with open_library(path, create=True):
        assert path == tmp_path / "data" / "whisperx-worker" / "voices.sqlite"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def traces(folder, *needles):
    """Which needles are in any file of a folder."""
    found = b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    return [needle for needle in needles if needle in found]


def pieces(vector):
    """Eight bytes from the beginning, the middle and the end of an embedding."""
    raw = vector.astype("<f4").tobytes()
    return [raw[at : at + 8] for at in (0, len(raw) // 2, len(raw) - 8)]


def test_of_a_forgotten_person_no_byte_stays(tmp_path):
    path = tmp_path / "voices.sqlite"
    pcm = np.random.default_rng(5).integers(-3000, 3000, 40_000, np.int16).tobytes()
    mine = [embedding(1, take) for take in range(12)]
    with open_library(path, create=True) as library:
        for number in range(40):
            learn(library, f"other-{number}", embedding(10 + number % 9, number))
        enrol_voices(library, "Анна Секретова", [sample(mine[0], "anna-studio", pcm)], THRESHOLD)
        for take in range(1, 12):
            learn(library, f"call-of-anna-{take}", mine[take], embedding(40, take))
        enrol_voices(library, "Nadine", [sample(embedding(60), "nadine")], THRESHOLD)
        merge_people(library, "Анна Секретова", "Nadine")
        rename_person(library, "Анна Секретова", "Анна Тайнова")
        doubt = leaning({1: 0.62})
        learn(library, "doubt", doubt)
        needles = [
            "Секретова".encode(), "Тайнова".encode(), b"Nadine", b"anna-studio", b"doubt.wav", pcm[:16], pcm[20_000:20_016],
            pcm[-16:], *[piece for vector in [*mine, doubt, embedding(60)] for piece in pieces(vector)],
        ]  # fmt: skip
        assert traces(tmp_path, *needles) == needles
        assert forget_person(library, "Анна Тайнова") == (13, 1)
        assert traces(tmp_path, *needles) == []
        assert [path.name for path in tmp_path.iterdir()] == ["voices.sqlite"]
        assert traces(tmp_path, *pieces(embedding(40, 3))) == pieces(embedding(40, 3))


def test_a_process_that_is_killed_between_deleting_and_rebuilding_leaves_it_to_the_next(tmp_path, monkeypatch):
    path = tmp_path / "voices.sqlite"
    with open_library(path, create=True) as library:
        learn(library, "a", embedding(1))
        monkeypatch.setattr("whisperx_worker.voices.corrections.vacuum", lambda _connection: None)
        forget_person(library, "person_0001")
        assert library.connection.execute("SELECT value FROM facts WHERE name = 'to_vacuum'").fetchone() == (1,)
    with open_library(path) as library:
        assert library.connection.execute("SELECT value FROM facts WHERE name = 'to_vacuum'").fetchone() == (0,)


def start(path, confirmed, process, count):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src"), *sys.path])}
    command = [sys.executable, "-m", "tests.voices.learner", str(path), str(confirmed), str(process), str(count)]
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def kept(path):
    """Recordings of a library with the number of their voices, after checking that it is whole."""
    with open_library(path) as library:
        connection = library.connection
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return dict(connection.execute("SELECT title, count(*) FROM voices GROUP BY content"))


@pytest.mark.slow
def test_ten_processes_at_once_lose_nothing_when_they_are_killed(tmp_path):
    """Kill processes at random moments, start others in their places, and let the last ones end."""
    path, draw = tmp_path / "voices.sqlite", random.Random(3)
    confirmed = [tmp_path / f"confirmed-{process}" for process in range(10)]
    running = {process: start(path, confirmed[process], process, 12) for process in range(10)}
    killed = 0
    while killed < 25:
        time.sleep(draw.uniform(0.05, 0.4))
        process = draw.choice(sorted(running))
        running[process].send_signal(signal.SIGKILL)
        killed += running[process].wait() == -signal.SIGKILL
        running[process] = start(path, confirmed[process], process, 12)
    assert [one.wait() for one in running.values()] == [0] * 10
    told = {line for file in confirmed for line in file.read_text().split()}
    assert kept(path) == {f"{process}-{number}": 2 for process in range(10) for number in range(12)}
    assert told <= kept(path).keys()
    with open_library(path) as library:
        assert len(people(library)) == 14
    assert sorted(tmp_path.glob("voices.sqlite*")) == [path]


@pytest.mark.slow
def test_what_was_confirmed_before_a_kill_is_kept_and_nothing_is_half_kept(tmp_path):
    path, confirmed, draw = tmp_path / "voices.sqlite", tmp_path / "confirmed", random.Random(4)
    for _ in range(6):
        process = start(path, confirmed, 0, 200)
        time.sleep(draw.uniform(0.4, 1.2))
        process.kill()
        process.wait()
        told = set(confirmed.read_text().split()) if confirmed.exists() else set()
        if path.exists() and path.stat().st_size:
            found = kept(path)
            assert told <= found.keys()
            assert set(found.values()) <= {2}
    assert told
