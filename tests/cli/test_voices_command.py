"""Commands `voices`: a library of voices on the command line."""

from __future__ import annotations

import json
import os
import re
import stat
import wave

import numpy as np
import pytest

from tests.cli.test_cli import run
from tests.voices.libraries import THRESHOLD, content, embedding, leaning, recorded, sample
from whisperx_worker.voices.enrolling import enrol_voices
from whisperx_worker.voices.learning import name_voices
from whisperx_worker.voices.library import open_library
from whisperx_worker.voices.voiceprint import VOICEPRINT_PREFIX

UNCERTAIN = 9


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Library with Anna and Boris, two unnamed people with three voices each, and one uncertain voice."""
    path = tmp_path / "voices.sqlite"
    monkeypatch.setenv("WHISPERX_WORKER_VOICES", str(path))
    with open_library(path, create=True) as library:
        enrol_voices(library, "Anna", [sample(embedding(11), "anna")], THRESHOLD)
        enrol_voices(library, "Boris", [sample(embedding(12), "boris")], THRESHOLD)
        for take in range(3):
            voices = recorded(embedding(1, take), embedding(2, take))
            name_voices(library, voices, content(take), threshold=THRESHOLD, title=f"call-{take}", learn=True)
        doubt = recorded(leaning({1: 0.60, 2: 0.57}))
        name_voices(library, doubt, content("x"), threshold=THRESHOLD, title="doubt", learn=True)
    return path


def voices(*arguments):
    return run("voices", *arguments)


def listed():
    return {person["name"]: person for person in json.loads(voices("list", "--json").stdout)}


def test_people_are_listed_as_a_table_and_for_programs():
    assert voices("list").stdout.splitlines()[0].split() == [
        "person", "voices", "recordings", "speech,", "s", "since", "other", "names",
    ]  # fmt: skip
    found = listed()
    assert list(found) == ["Anna", "Boris", "person_0001", "person_0002"]
    assert (found["person_0001"]["voices"], found["person_0001"]["models"]) == (3, ["encoder"])


def test_a_person_is_shown_with_numbers_of_voices_and_decisions():
    voices("merge", "Anna", "Boris")
    shown = json.loads(voices("show", "Boris", "--json").stdout)
    assert (shown["name"], shown["other_names"]) == ("Anna", ["Boris"])
    assert [voice["id"] for voice in shown["voices"]] == [1, 2]
    assert [decision["kind"] for decision in shown["decisions"]] == ["merge"]
    assert "anna.wav" in voices("show", "Anna").stdout


def test_decisions_are_made_and_undone():
    assert voices("rename", "person_0001", "Vera").stdout == "person_0001 is Vera now\n"
    assert voices("split", "Vera", "3", "5", "--into", "Zoya").stdout == "2 voices of Vera: Zoya now\n"
    assert {"Vera", "Zoya"} <= listed().keys()
    assert voices("undo", "2").stdout == "undid split 2\n"
    assert voices("undo", "1").stdout == "undid rename 1\n"
    assert list(listed()) == ["Anna", "Boris", "person_0001", "person_0002"]


def test_an_uncertain_voice_is_listed_and_decided():
    (pending,) = json.loads(voices("pending", "--json").stdout)
    assert (pending["voice"]["id"], [name for name, _ in pending["candidates"]]) == (
        UNCERTAIN,
        ["person_0001", "person_0002"],
    )
    assert "person_0001 0." in voices("pending").stdout
    assert voices("decide", str(UNCERTAIN), "person_0002").stdout == "voice 9 is person_0002\n"
    assert json.loads(voices("pending", "--json").stdout) == []


def test_somebody_is_forgotten_without_asking_only_with_yes(place):
    assert voices("forget", "Anna").stderr == (
        "whisperx-worker: forgetting Anna cannot be undone; --yes does it without asking\n"
    )
    assert voices("forget", "Anna", "--yes").stdout == "deleted 1 voice\n"
    assert "Anna" not in listed()
    assert b"anna" not in place.read_bytes()


def test_an_export_is_closed_and_comes_back_the_same_in_another_library(tmp_path):
    before = os.umask(0)
    try:
        voices("export", str(tmp_path / "export.json"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "export.json").stat().st_mode) == 0o600
    other = str(tmp_path / "other.sqlite")
    assert voices("import", str(tmp_path / "export.json"), "--library", other).stdout == "8 voices of 4 people added\n"
    again = json.loads(voices("list", "--json", "--library", other).stdout)
    assert {(one["name"], one["voices"]) for one in again} == {
        (name, person["voices"]) for name, person in listed().items()
    }
    assert voices("import", str(tmp_path / "export.json"), "--library", other).stdout == "0 voices of 0 people added\n"


def test_nothing_but_an_export_has_a_voiceprint(tmp_path):
    prints = [
        voices(*command.split()) for command in ("list --json", "show Anna --json", "pending --json", "show Anna")
    ]
    voices("export", str(tmp_path / "export.json"))
    exported = (tmp_path / "export.json").read_text()
    assert exported.count(VOICEPRINT_PREFIX) == 8
    for done in prints:
        assert VOICEPRINT_PREFIX not in done.stdout + done.stderr
        assert not re.search(r"-?0\.\d{6,}(, -?0\.\d{6,}){3}", done.stdout)


def changed(change):
    """Maker of an export that is changed before it is imported."""

    def make(folder):
        voices("export", str(folder / "export.json"))
        exported = json.loads((folder / "export.json").read_text())
        change(exported)
        (folder / "bad.json").write_text(json.dumps(exported))

    return make


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def nothing(_folder):
    pass


def damaged(exported):
    voice = exported["people"][0]["voices"][0]
    at = len(VOICEPRINT_PREFIX) + 60
    voice["voiceprint"] = (
        voice["voiceprint"][:at] + ("A" if voice["voiceprint"][at] != "A" else "B") + voice["voiceprint"][at + 1 :]
    )


def silence(folder):
    with wave.open(str(folder / "silence.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.zeros(32_000, np.int16).tobytes())


FIRST = "person"
MISTAKES = [
    (nothing, "show Ana", "the library has no 'Ana'; the nearest name is Anna"),
    (nothing, "show Quentin", "the library has no 'Quentin'"),
    (nothing, "rename Nobody Vera", "the library has no 'Nobody'"),
    (nothing, "rename Anna Boris", "Boris is another person's name; `voices merge` makes one person of two, and `voices enrol` adds samples to one"),
    (nothing, "rename Anna Anna", "Anna has this name already"),
    (nothing, "rename Anna person_0009", "'person_0009' is no name: the library gives such labels itself, to voices without a name"),
    (nothing, "rename Anna Unknown", "'Unknown' is no name: it stands for voices without a person"),
    (nothing, ["rename", "Anna", "  "], "a person's name is empty"),
    (nothing, ["rename", "Anna", "An\x07na"], "a person's name has a character that cannot be shown: 'An\\x07na'"),
    (nothing, ["rename", "Anna", "x" * 201], "a person's name has 201 letters, and at most 200 are possible"),
    (nothing, "merge Anna Anna", "Anna and Anna are one person already"),
    (nothing, "merge Anna Nobody", "the library has no 'Nobody'"),
    (nothing, "split person_0001 99", "person_0001 has no voice 99; `voices show` lists person_0001's with their numbers"),
    (nothing, "split person_0001 4", "person_0001 has no voice 4; `voices show` lists person_0001's with their numbers"),
    (nothing, "split Anna 1", "these are all voices of Anna; `voices rename` gives another name to all"),
    (nothing, "split person_0001 3 --into Anna", "Anna is in the library already; `voices merge` makes one person of two"),
    (nothing, "undo 5", "the library has no decision 5; `voices show NAME` lists those about a person"),
    (nothing, "decide 9", "decide takes a person's name, or --new for somebody who is not in the library yet"),
    (nothing, "decide 9 Anna --new", "decide takes a person's name, or --new for somebody who is not in the library yet"),
    (nothing, "decide 1 Anna", "there is no uncertain voice 1; `voices pending` lists them with their numbers"),
    (nothing, "decide 77 --new", "there is no uncertain voice 77; `voices pending` lists them with their numbers"),
    (nothing, "decide 9 Nobody", "the library has no 'Nobody'"),
    (nothing, "forget Nobody --yes", "the library has no 'Nobody'"),
    (write("there.json", b"mine"), "export {}/there.json", "{}/there.json is there already; an export is not written over another file"),
    (nothing, "export {}/no/export.json", "{}/no/export.json cannot be written: No such file or directory"),
    (nothing, "import {}/no.json", "{}/no.json cannot be read: No such file or directory"),
    (write("bad.json", b"\xff\xfe\x00"), "import {}/bad.json", "{}/bad.json cannot be taken: it is no text"),
    (write("bad.json", b"{"), "import {}/bad.json", "{}/bad.json cannot be taken: it is no JSON"),
    (write("bad.json", b"[]"), "import {}/bad.json", "{}/bad.json cannot be taken: it is no export of a library of voices"),
    (changed(lambda one: one.update(voices=2)), "import {}/bad.json", "{}/bad.json cannot be taken: it is an export of version 2, and this program reads 1"),
    (changed(lambda one: one.update(people={})), "import {}/bad.json", "{}/bad.json cannot be taken: `people` of the file is no list"),
    (changed(lambda one: one.update(models=[])), "import {}/bad.json", "{}/bad.json cannot be taken: Anna has a voiceprint of encoder, which `models` does not name"),
    (changed(lambda one: one["models"][0].update(threshold="x")), "import {}/bad.json", "{}/bad.json cannot be taken: model 1 has no threshold that is a number"),
    (changed(lambda one: one["people"][0].pop("name")), "import {}/bad.json", "{}/bad.json cannot be taken: person 1 has no name"),
    (changed(lambda one: one["people"][0]["voices"][0].pop("voiceprint")), "import {}/bad.json", "{}/bad.json cannot be taken: voice 1 of Anna has no voiceprint"),
    (changed(lambda one: one["people"][0]["voices"][0].update(content="zz")), "import {}/bad.json", "{}/bad.json cannot be taken: `content` of voice 1 of Anna is no hash"),
    (changed(damaged), "import {}/bad.json", "{}/bad.json cannot be taken: the voiceprint of voice 1 of Anna is damaged or cut off"),
    (nothing, "enrol Vera {}/no.wav", "{}/no.wav: no such file"),
    (nothing, "enrol person_0099 {}/voices.sqlite", "the library has no 'person_0099'; the nearest name is person_0002"),
    (nothing, "list --library {}/none.sqlite", "there is no library of voices at {}/none.sqlite; `whisperx-worker voices enrol` makes one"),
    (write("text.sqlite", b"no"), "list --library {}/text.sqlite", "the library of voices {}/text.sqlite is open to others (mode 644); `chmod 600` closes it"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "command", "sentence"), MISTAKES, ids=[str(one[2])[:60] for one in MISTAKES])
def test_a_mistake_is_one_sentence_and_changes_nothing(place, tmp_path, make, command, sentence):
    before = os.umask(0o022)
    try:
        make(tmp_path)
    finally:
        os.umask(before)
    held = place.read_bytes()
    words = command if isinstance(command, list) else command.replace("{}", str(tmp_path)).split(" ")
    done = voices(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"whisperx-worker: {sentence.replace('{}', str(tmp_path))}\n"
    assert place.read_bytes() == held


def test_transcribe_refuses_a_library_that_is_not_there_before_any_work(tmp_path):
    done = run("transcribe", str(tmp_path / "no.wav"), "--voices", str(tmp_path / "none.sqlite"))
    assert done.stderr == (
        f"whisperx-worker: there is no library of voices at {tmp_path}/none.sqlite; `whisperx-worker voices enrol` makes one\n"
    )
