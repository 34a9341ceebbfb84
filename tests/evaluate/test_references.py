import json

import pytest

from tests.clips import wav
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.durations import sound_duration_s
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
    (folder / "a.wav").unlink()  # it is shorter than an hour
    write(
        folder / "a.srt",
        "1\n00:00:00,320 --> 00:00:02,061\n[Анна]: Доброе <i>утро</i>\n\n2\n00:01:00.5 --> 01:00:00,000  X1:40\nда\n",
    )
    reference = only(*find_references(folder, needs_sound=False))
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


def test_a_manifest_of_results_needs_no_recordings(tmp_path):
    manifest = write(tmp_path / "M.JSONL", json.dumps({"audio": "calls/a.wav", "text": "раз"}))
    reference = only(*find_references(manifest, needs_sound=False))
    assert (reference.name, reference.audio) == ("calls/a", None)


@pytest.mark.parametrize("order", [1, -1])
def test_a_manifest_of_references_joins_other_files(folder, order):
    turns = [{"start": 0, "end": 1, "speaker": "Анна"}]
    manifest = write(folder.parent / "m.jsonl", json.dumps({"id": "a", "turns": turns}))
    stm = write(folder.parent / "all.stm", STM)
    reference = only(*find_references(folder, [stm, manifest][::order]))
    assert (reference.audio, reference.written, reference.turns) == (
        folder / "a.wav", ("раз два три",), (SpeakerTurn(0.0, 1.0, "Анна"),),
    )  # fmt: skip


def test_a_linked_recording_is_not_counted_twice(folder):
    (folder / "b.wav").symlink_to(folder / "a.wav")
    write(folder / "a.txt", "раз")
    write(folder / "b.txt", "раз")
    with pytest.raises(BadInputError, match=r"^a and b are one recording, a\.wav; keep one of them$"):
        find_references(folder)


def test_a_header_without_a_length_does_not_limit_times(folder):
    (folder / "a.wav").write_bytes(SOUND[:40] + bytes(4) + SOUND[44:])
    write(folder / "a.stm", "a 1 Анна 0 60 раз\n")
    assert sound_duration_s(folder / "a.wav") is None
    assert only(*find_references(folder)).segments == (Segment(0.0, 60.0, "раз", speaker="Анна"),)


def test_a_reference_may_end_a_little_after_its_recording(folder):
    write(folder / "a.stm", "a 1 Анна 0 10.2 раз\n")
    assert only(*find_references(folder)).segments[0].end == 10.2


def test_references_without_a_word_are_counted_and_named(folder):
    names = "bcde"
    for name in names:
        (folder / f"{name}.wav").write_bytes(SOUND)
        write(folder / f"{name}.txt", "…\n")
    write(folder / "a.txt", "5")
    assert describe(find_references(folder)) == (
        "5 recordings; references with text: 5; without a word: 4 (b, c, d, …)"
    )


def test_enrolled_people_who_speak_nowhere_are_named(folder):
    write(folder / "a.stm", STM)
    assert describe(find_references(folder), ["Анна", "Ана"]) == (
        "1 recording; references with text: 1, segments: 1, speakers: 1; enrolled, but speaking in none: 1 (Ана)"
    )


def test_one_recording_of_a_folder(folder):
    (folder / "b.wav").write_bytes(SOUND)
    write(folder / "a.txt", "раз")
    write(folder / "c.txt", "три")
    assert only(*find_references(folder / "a.wav")).written == ("раз",)
