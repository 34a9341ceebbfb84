import json

import pytest

from tests.clips import wav
from whisperx_worker.evaluate.reference import spoken_words
from whisperx_worker.evaluate.source import describe, find_references
from whisperx_worker.types import Segment, Span, SpeakerTurn, Word

SOUND = wav(seconds=0.2)
STM = ";; category\na 1 Иван 1.5 2.5 <o,f0> два три\na 1 Анна 0.0 1.0 раз\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "a.wav").write_bytes(SOUND)
    return tmp_path / "calls"


def only(reference):
    """The one reference that there is."""
    return reference


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_text_beside_the_recording(folder):
    write(folder / "a.txt", "\ufeffРаз,\nдва!\n")
    reference = only(*find_references(folder))
    assert (reference.name, reference.audio, reference.written) == ("a", folder / "a.wav", ("Раз, два!",))


def test_stm_has_text_times_and_speakers(folder):
    write(folder / "a.stm", STM)
    reference = only(*find_references(folder))
    assert reference.written == ("раз два три",)
    assert reference.speaker_turns == (SpeakerTurn(1.5, 2.5, "Иван"), SpeakerTurn(0.0, 1.0, "Анна"))
    assert [segment.text for segment in reference.spoken_segments] == ["раз", "два три"]


def test_subtitles_have_text_times_and_the_speakers_of_ours(folder):
    write(
        folder / "a.srt",
        "1\n00:00:00,320 --> 00:00:02,061\n[Анна]: Доброе <i>утро</i>\n\n2\n00:01:00.5 --> 01:00:00,000\nда\n",
    )
    reference = only(*find_references(folder))
    assert reference.segments == (
        Segment(0.32, 2.061, "Доброе утро", speaker="Анна"),
        Segment(60.5, 3_600.0, "да"),
    )


def test_ctm_has_words_with_times(folder):
    write(folder / "a.ctm", "a 1 0.1 0.4 раз 0.9\na A 0.7 0.0 два\n")
    reference = only(*find_references(folder))
    assert reference.words == (Word("раз", 0.1, 0.5), Word("два", 0.7, 0.7))
    assert reference.written == ("раз два",)


def test_turns_of_rttm_join_a_text(folder):
    write(folder / "a.txt", "раз два")
    write(
        folder / "a.rttm",
        "SPKR-INFO a 1 <NA> <NA> <NA> unknown Анна <NA>\nSPEAKER a 1 0.5 1.5 <NA> <NA> Анна <NA> <NA>\n",
    )
    reference = only(*find_references(folder))
    assert (reference.written, reference.turns) == (("раз два",), (SpeakerTurn(0.5, 2.0, "Анна"),))
    assert reference.speech == [Span(0.5, 2.0)]


def test_what_the_worker_writes_as_rttm_needs_no_name(folder):
    write(folder / "a.rttm", "SPEAKER recording 1 0.500 1.500 <NA> <NA> Анна <NA> <NA>\n")
    assert only(*find_references(folder)).turns == (SpeakerTurn(0.5, 2.0, "Анна"),)


def test_files_for_several_recordings(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "b.mp3").write_bytes(SOUND)
    stm = write(folder.parent / "all.stm", STM + "b 1 Анна 0 1 четыре\n")
    rttm = write(
        folder.parent / "all.rttm",
        "SPEAKER deep/b 1 0 1 <NA> <NA> Анна <NA> <NA>\nSPEAKER a 1 0 1 <NA> <NA> Анна <NA> <NA>\n",
    )
    first, second = find_references(folder, [stm, rttm])
    assert (first.name, len(first.segments), len(first.turns)) == ("a", 2, 1)
    assert (second.name, second.written, second.turns) == ("deep/b", ("четыре",), (SpeakerTurn(0.0, 1.0, "Анна"),))
    assert describe([first, second]) == "2 recordings; references with text: 2, segments: 2, speakers: 2"


def test_a_folder_of_references(folder):
    (folder.parent / "truth").mkdir()
    write(folder.parent / "truth" / "a.txt", "раз")
    assert only(*find_references(folder, [folder.parent / "truth"])).written == ("раз",)


def test_a_manifest_has_everything(folder):
    line = {
        "audio": "a.wav",
        "id": "call 1",
        "texts": ["раз два", "раз, раз"],
        "segments": [{"start": 0, "end": 1.5, "text": "раз два", "speaker": "Анна", "words": [
            {"word": "раз", "start": 0.1, "end": 0.5}, {"word": "два", "start": 0.6, "end": 1.5, "speaker": "Иван"},
        ]}],
        "duration_s": 2.5,
        "language": "ru",
    }  # fmt: skip
    reference = only(*find_references(write(folder / "m.jsonl", json.dumps(line) + "\n")))
    assert (reference.name, reference.audio) == ("call 1", folder / "a.wav")
    assert reference.texts == ("раз два", "раз, раз")
    assert [(word.text, word.start, word.speaker) for word in spoken_words(reference.spoken_segments, "ru")] == [
        ("раз", 0.1, "Анна"), ("два", 0.6, "Иван"),
    ]  # fmt: skip
    assert (reference.duration_s, reference.language) == (2.5, "ru")


def test_a_manifest_names_a_recording_by_its_path_inside(folder):
    for audio, name in (("a.wav", "a"), (str(folder / "a.wav"), "a"), ("../calls/a.wav", "a"), ("./a.wav", "a")):
        line = json.dumps({"audio": audio, "text": "раз"})
        reference = only(*find_references(write(folder / "m.jsonl", line)))
        assert (reference.name, reference.audio.samefile(folder / "a.wav")) == (name, True)


def test_hidden_files_are_neither_recordings_nor_references(folder):
    write(folder / "a.txt", "раз")
    (folder / "._a.wav").write_bytes(b"a Mac's notes")
    write(folder / "._a.txt", "b")
    assert only(*find_references(folder)).name == "a"


def test_words_of_a_whole_recording_get_into_their_segments(folder):
    words = [{"word": "раз", "start": 0.1, "end": 0.5}, {"word": "два,", "start": 2.0, "end": 2.5}]
    turns = [
        {"start": 0, "end": 1, "speaker": "Анна", "text": "раз"},
        {"start": 1.9, "end": 3, "speaker": "Иван", "text": "два,"},
    ]
    write(folder / "a.json", json.dumps({"turns": turns, "words": words}))
    segments = only(*find_references(folder)).spoken_segments
    assert [(word.text, word.start, word.speaker) for word in spoken_words(segments, "ru")] == [
        ("раз", 0.1, "Анна"), ("два", 2.0, "Иван"),
    ]  # fmt: skip


def test_a_segment_of_which_the_words_are_another_text_has_no_word_times():
    segment = Segment(0.0, 2.0, "раз два", (Word("раз", 0.0, 1.0),), "Анна")
    assert [(word.text, word.start, word.speaker) for word in spoken_words([segment], "ru")] == [
        ("раз", None, "Анна"), ("два", None, "Анна"),
    ]  # fmt: skip


def test_references_alone_are_enough_for_results(tmp_path):
    write(tmp_path / "a.txt", "раз")
    assert only(*find_references(tmp_path, needs_sound=False)).audio is None


def test_one_recording_of_a_folder(folder):
    (folder / "b.wav").write_bytes(SOUND)
    write(folder / "a.txt", "раз")
    write(folder / "c.txt", "три")
    assert only(*find_references(folder / "a.wav")).written == ("раз",)
